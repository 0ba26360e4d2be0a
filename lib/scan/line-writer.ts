import { createHash } from 'node:crypto'
import type { Column, ColumnType } from '../columns/column.ts'
import { exampleOf, type Misfits, type MisfitsByColumn } from '../columns/misfits.ts'
import { foldName } from '../columns/naming.ts'
import { identityKey, overflowKey, supersededKey } from '../columns/overflow-keys.ts'
import { type ColumnRegistry, OVERFLOW_COLUMN } from '../columns/registry.ts'
import { KIND, LONE_KINDS, TEXT_KINDS } from '../columns/value-kinds.ts'
import { COMMA } from './json-bytes.ts'
import type { LineScanner } from './line-scanner.ts'
import { OpenTypes } from './open-types.ts'
import { exactKey, IDENTITY_TEXT_KEY, OWN_KEY, textKey } from './spool-keys.ts'
import { textKind } from './text-kinds.ts'
import { asText, companionForm, isDated, overflowEntry, repaired, storableName, valueForm } from './value-forms.ts'

/** A field of the spooled lines, and how the engine reads it. */
export interface SpoolField {
  /** Key in the spooled line's `properties`. */
  readonly key: string
  readonly column: Column
  /**
   * - `value`: a value of the column's own type;
   * - `exact`: for a json column, JSON as text, where reading it as JSON would lose digits; for a
   *   bigint column, an integer as text;
   * - `text`: for a companion column, text.
   */
  readonly form: 'value' | 'exact' | 'text'
}

interface Route {
  /** Undefined if the property is left out. */
  readonly column: Column | undefined
  readonly overflow: boolean
  /** The key in the spool: the property's own name, if it is unambiguous for the engine. */
  readonly key: string
  readonly keyBytes: Buffer
}

/** Top-level fields of a spooled line beside the record's identity and properties. */
export const LINE_HASH_FIELD = '__line'
export const OVERFLOW_FIELD = '__more'

/**
 * Rewrites an odd line if it cannot be spooled unchanged, because the engine reads the spool with
 * one fixed struct: ambiguous keys, values that do not fit their column, texts that are not UTF-8.
 */
export class LineWriter {
  readonly #scanner: LineScanner
  readonly #registry: ColumnRegistry
  readonly #identityColumn: Column | undefined
  /** The bytes of a rewritten line before the identity, and between it and the first property. */
  readonly #open: Buffer
  readonly #openProperties: Buffer
  readonly #routes: (Route | undefined)[] = []
  readonly #keysTaken = new Map<string, number>()
  /** Per property: the slice in which its exact or text form was last written. */
  readonly #exactIn: number[] = []
  readonly #textIn: number[] = []
  /** Per property: the slice in which a value was last kept apart from its column. */
  readonly #apartIn: number[] = []
  readonly #openTypes = new OpenTypes()
  /** Whether the fields of this slice were asked for, so that its rows may be loaded. */
  #hasFields = false
  #identityTextIn = -1
  #overflowIn = -1
  #slice = 0
  readonly #valuesMax: number
  /** Of the present line: its bytes, what is written, its overflow, and its values in columns. */
  #bytes: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []
  #overflow: Buffer[] = []
  #values = 0
  /** Whether `time` can be stored as it came. */
  #timeFits = true
  /** The number that the text in `time` of the present line stands for; undefined for none. */
  timeOfText: number | undefined
  /** Values left out in this slice because their property is excluded. */
  ignoredValues = 0
  /** The values of this slice that do not fit their column. */
  readonly #misfits = new Map<string, Misfits>()
  /** The values kept apart, which do not fit if their column falls back. */
  readonly #apart = new Map<string, Misfits>()

  /**
   * `valuesMax`: the most values in columns per line; further ones go to the overflow.
   * `identityColumn`: the fixed column of the identity; null if the table has none.
   */
  constructor(
    scanner: LineScanner,
    registry: ColumnRegistry,
    valuesMax = Number.POSITIVE_INFINITY,
    identityColumn: string | null = 'event',
  ) {
    this.#scanner = scanner
    this.#registry = registry
    this.#valuesMax = valuesMax
    scanner.valuesMax = valuesMax
    this.#identityColumn = registry.columns.find(({ role, name }) => role === 'fixed' && name === identityColumn)
    if (identityColumn !== null && this.#identityColumn === undefined)
      throw new TypeError(`the table has no fixed column ${identityColumn}`)
    const { identity, properties } = scanner.properties.shape
    this.#open = Buffer.from(identity === undefined ? '{' : `{${JSON.stringify(identity)}:`)
    this.#openProperties = Buffer.from(`${identity === undefined ? '' : ','}${JSON.stringify(properties)}:{`)
  }

  /** Starts a slice with a new list of fields. Columns of the previous slice keep their types. */
  begin(): void {
    if (this.#hasFields) this.#closeTypes()
    this.#hasFields = false
    this.#apart.clear()
    this.#slice++
    this.#scanner.slice = this.#slice
    this.ignoredValues = 0
    this.#misfits.clear()
  }

  /** The values of this slice that do not fit, without those of `time`: see `undated`. */
  misfits(): MisfitsByColumn {
    return Object.fromEntries(this.#misfits)
  }

  get hasOverflow(): boolean {
    return this.#overflowIn === this.#slice
  }

  /** The fields of this slice's spooled lines: the exact struct for the engine. */
  fields(): readonly SpoolField[] {
    this.#hasFields = true
    const fields: SpoolField[] = []
    const { seenInSlice } = this.#scanner.properties
    for (const [property, route] of this.#routes.entries()) {
      if (route?.column === undefined) continue
      const { column, key } = route
      if (seenInSlice[property] === this.#slice) fields.push({ key, column, form: 'value' })
      if (this.#exactIn[property] === this.#slice) fields.push({ key: exactKey(property), column, form: 'exact' })
      if (this.#apartIn[property] === this.#slice) fields.push({ key: textKey(property), column, form: 'exact' })
      if (this.#textIn[property] === this.#slice) this.#addTextField(fields, textKey(property), column)
    }
    if (this.#identityColumn !== undefined && this.#identityTextIn === this.#slice) {
      this.#addTextField(fields, IDENTITY_TEXT_KEY, this.#identityColumn)
    }
    return fields
  }

  #addTextField(fields: SpoolField[], key: string, owner: Column): void {
    const column = this.#registry.companionOf(owner)
    if (column !== undefined) fields.push({ key, column, form: 'text' })
  }

  /**
   * Rewrites the odd line that was just scanned. Returns its new bytes without 0x0A, or undefined
   * if it can stay unchanged after all, because its new properties now have columns.
   */
  rewrite(bytes: Buffer, start: number, end: number, timeFits: boolean): Buffer | undefined {
    this.#placeTokens(bytes)
    if (timeFits && this.#scanner.isPlain()) return undefined
    this.#bytes = bytes
    this.#parts = []
    this.#overflow = []
    this.#values = 0
    this.#timeFits = timeFits
    this.#writeIdentity()
    this.#writeTokens()
    this.#parts.push(CLOSE)
    if (!this.#scanner.hasInsertId) {
      const digest = createHash('md5').update(bytes.subarray(start, end)).digest('hex')
      this.#parts.push(Buffer.from(`,"${LINE_HASH_FIELD}":"${digest}"`))
    }
    if (this.#overflow.length > 0) {
      this.#overflowIn = this.#slice
      this.#registry.overflowColumn()
      const object = `{${Buffer.concat(this.#overflow).toString('utf8', 1)}}`
      this.#parts.push(Buffer.from(`,"${OVERFLOW_FIELD}":${JSON.stringify(object)}`))
    }
    this.#parts.push(CLOSE)
    return Buffer.concat(this.#parts)
  }

  /** Gives new properties a place, and checks the values of columns that depend on them. */
  #placeTokens(bytes: Buffer): void {
    const { count, property, kind, valueStart, valueEnd } = this.#scanner
    for (let token = 0; token < count; token++) {
      if (kind[token] === KIND.null) continue
      const index = property[token] as number
      const route = this.#routes[index]
      const column = route?.column
      if (kind[token] === KIND.text && (route === undefined || (column !== undefined && isDated(column)))) {
        kind[token] = textKind(bytes, valueStart[token] as number, valueEnd[token] as number)
      }
      if (route === undefined) this.#place(index, kind[token] as number)
      else if (column !== undefined) this.#checkType(column, kind[token] as number)
    }
  }

  /** Lets a column that is still open fall back if it cannot hold such a value. */
  #checkType(column: Column, kind: number): void {
    if (!this.#openTypes.has(column)) return
    const isStuck = this.#openTypes.isApart(column, kind) && this.#registry.companionOf(column) === undefined
    const fallback = isStuck ? 'double' : this.#openTypes.fallbackFor(column, kind)
    if (fallback !== undefined) this.#fallBack(column, fallback)
  }

  #fallBack(column: Column, type: ColumnType): void {
    this.#openTypes.close(column)
    const retyped = this.#registry.retype(column, type)
    for (const index of this.#routesTo(column)) {
      this.#setRoute(index, { ...(this.#routes[index] as Route), column: retyped })
      if (this.#apartIn[index] === this.#slice) this.#textIn[index] = this.#slice
      this.#apartIn[index] = -1
    }
    const apart = this.#apart.get(column.name)
    if (apart !== undefined) this.#misfits.set(column.name, { ...apart, type })
  }

  #closeTypes(): void {
    for (const column of this.#openTypes.columns) {
      this.#openTypes.close(column)
      for (const index of this.#routesTo(column)) this.#setRoute(index, this.#routes[index] as Route)
    }
  }

  #routesTo(column: Column): readonly number[] {
    return this.#routes.flatMap((route, index) => (route?.column === column ? [index] : []))
  }

  #writeIdentity(): void {
    const { identityStart, identityEnd, identityKind, properties } = this.#scanner
    const { identity } = properties.shape
    this.#parts.push(this.#open)
    const literal = this.#bytes.subarray(identityStart, identityEnd)
    const isLone = identityKind === KIND.loneText
    if (identity !== undefined) this.#parts.push(isLone ? repaired(literal) : literal)
    this.#parts.push(this.#openProperties)
    if (!isLone || this.#identityColumn === undefined) return
    if (this.#registry.companionOf(this.#identityColumn) === undefined) {
      this.#overflow.push(overflowEntry(identityKey(identity ?? ''), literal, identityKind))
      return
    }
    this.#identityTextIn = this.#slice
    this.#addField(Buffer.from(`"${IDENTITY_TEXT_KEY}":`), asText(literal))
  }

  #writeTokens(): void {
    const { count, property, kind } = this.#scanner
    const superseded = this.#scanner.hasDuplicate ? this.#supersededTokens() : undefined
    for (let token = 0; token < count; token++) {
      if (kind[token] === KIND.null) continue
      const route = this.#routes[property[token] as number]
      if (superseded?.has(token)) this.#addToOverflow(token, supersededKey)
      else if (route === undefined || route.overflow || this.#isFull(route.column)) {
        this.#addToOverflow(token, overflowKey)
      } else if (route.column === undefined) this.ignoredValues++
      else this.#writeValue(token, route, route.column)
    }
  }

  #writeValue(token: number, { keyBytes }: Route, column: Column): void {
    const { timeIndex, seenInSlice } = this.#scanner.properties
    const index = this.#scanner.property[token] as number
    const kind = this.#scanner.kind[token] as number
    const literal = this.#literal(token)
    if (this.#openTypes.isApart(column, kind)) {
      this.#writeApart(index, column, asText(literal))
      return
    }
    const isExact = isDated(column) && !this.#registry.hasGivenType(column)
    const value = index === timeIndex ? this.#timeForm(literal, kind) : valueForm(column, literal, kind, isExact)
    const isLone = (kind & LONE_KINDS) !== 0
    if (value !== undefined) {
      seenInSlice[index] = this.#slice
      this.#addField(keyBytes, value)
    } else if (column.type === 'json' && !isLone) {
      this.#exactIn[index] = this.#slice
      this.#addField(Buffer.from(`"${exactKey(index)}":`), asText(literal))
    }
    const fits = !isLone && (token !== this.#scanner.timeToken || this.#timeFits)
    if (value === undefined ? column.type === 'json' : fits) return
    const companion = this.#registry.companionOf(column)
    const text = companionForm(literal, kind)
    if (index !== timeIndex) this.#noteMisfit(column, companion?.name ?? OVERFLOW_COLUMN, text)
    if (companion === undefined) {
      this.#addToOverflow(token, overflowKey)
      return
    }
    this.#textIn[index] = this.#slice
    this.#addField(Buffer.from(`"${textKey(index)}":`), text)
  }

  /** Writes a value where both its column and the companion can take it from. */
  #writeApart(index: number, column: Column, text: Buffer): void {
    this.#apartIn[index] = this.#slice
    this.#addField(Buffer.from(`"${textKey(index)}":`), text)
    this.#noteMisfit(column, this.#registry.companionOf(column)?.name ?? OVERFLOW_COLUMN, text, this.#apart)
  }

  /** Counts a value that does not fit. `text`: the value as a JSON text. */
  #noteMisfit({ name, type }: Column, place: string, text: Buffer, misfits = this.#misfits): void {
    const before = misfits.get(name)
    const example = before?.example ?? exampleOf(JSON.parse(text.toString()))
    misfits.set(name, { count: (before?.count ?? 0) + 1, example, type, in: place })
  }

  #addToOverflow(token: number, keyOf: (name: string) => string): void {
    const name = keyOf(this.#nameOf(this.#scanner.property[token] as number))
    this.#overflow.push(overflowEntry(name, this.#literal(token), this.#scanner.kind[token] as number))
  }

  /** The bytes of a value. */
  #literal(token: number): Buffer {
    return this.#bytes.subarray(this.#scanner.valueStart[token], this.#scanner.valueEnd[token])
  }

  #timeForm(literal: Buffer, kind: number): Buffer | undefined {
    if (kind & (KIND.integer | KIND.double)) return literal
    if ((kind & TEXT_KINDS) === 0 || this.timeOfText === undefined) return undefined
    return Buffer.from(String(this.timeOfText))
  }

  /** Whether the row has its maximum of values. Fixed columns are exempt. */
  #isFull(column: Column | undefined): boolean {
    return column !== undefined && column.role !== 'fixed' && this.#values >= this.#valuesMax
  }

  #addField(keyBytes: Buffer, value: Buffer): void {
    this.#values++
    const last = this.#parts.at(-1)
    if (last !== this.#openProperties) this.#parts.push(COMMA_BYTE)
    this.#parts.push(keyBytes, value)
  }

  /** Tokens whose key repeats: the last one wins, and `properties` win over top-level keys. */
  #supersededTokens(): Set<number> {
    const { count, property, topLevelFrom } = this.#scanner
    const winner = new Map<number, number>()
    const losers = new Set<number>()
    for (let token = 0; token < count; token++) {
      const index = property[token] as number
      const before = winner.get(index)
      if (before === undefined || token < topLevelFrom) {
        if (before !== undefined) losers.add(before)
        winner.set(index, token)
      } else losers.add(token)
    }
    return losers
  }

  #nameOf(index: number): string {
    return this.#scanner.properties.names[index] as string
  }

  #place(index: number, kind: number): void {
    const name = this.#nameOf(index)
    const placement = this.#registry.place(storableName(name), kind)
    const key = this.#spoolKey(index, name)
    const column = placement.to === 'column' ? placement.column : undefined
    if (placement.to === 'column' && placement.fallback !== undefined) {
      this.#openTypes.open(placement.column, placement.fallback)
    }
    const keyBytes = Buffer.from(`${JSON.stringify(key)}:`)
    this.#setRoute(index, { column, overflow: placement.to === 'overflow', key, keyBytes })
    if (column !== undefined) this.#checkType(column, kind)
  }

  /** Sets a route, and with it which kinds of values stay unchanged. */
  #setRoute(index: number, route: Route): void {
    const { accepts, timeIndex } = this.#scanner.properties
    const { column, key } = route
    this.#routes[index] = route
    if (key !== this.#nameOf(index) || column === undefined) accepts[index] = 0
    else if (index === timeIndex) accepts[index] = KIND.null | KIND.integer | KIND.double
    else accepts[index] = this.#openTypes.accepts(column)
  }

  /** The property's own name, unless the engine could confuse it with an earlier property. */
  #spoolKey(index: number, name: string): string {
    const isUsable = name !== '' && !name.startsWith(OWN_KEY) && JSON.stringify(name).length === name.length + 2
    if (!isUsable) return `${OWN_KEY}${index}`
    const folded = foldName(name)
    const owner = this.#keysTaken.get(folded) ?? index
    this.#keysTaken.set(folded, owner)
    return owner === index ? name : `${OWN_KEY}${index}`
  }
}

const CLOSE = Buffer.from('}')
const COMMA_BYTE = Buffer.from([COMMA])
