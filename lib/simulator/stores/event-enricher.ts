import { randomUUID } from 'node:crypto'
import { KIND } from '../../columns/value-kinds.ts'
import { LineScanner } from '../../scan/line-scanner.ts'
import { editLine, eventName, type LineEdit, scanEvent, timeNumber, toUtcMs, valueEdit } from './event-line.ts'
import { isIdentityEvent } from './identity.ts'
import { EVENT_BYTES_MAX, isInFuture, knownViolation, nestedViolation, PROPERTIES_MAX } from './import-rules.ts'

const SPACE = 0x20
const COMMA = 0x2c

const NESTED = KIND.json | KIND.preciseJson | KIND.loneJson

const NOT_STORED = ['token', 'ip'] as const
const CHECKED = ['time', 'distinct_id', '$insert_id']

/** Properties that Mixpanel adds, changes, removes or checks. */
const HANDLED: ReadonlySet<string> = new Set([
  ...NOT_STORED,
  ...CHECKED,
  '$import',
  '$mp_api_timestamp_ms',
  'mp_processing_time_ms',
  '$user_id',
  '$device_id',
  '$failure_reason',
])

export interface EnrichedEvent {
  /** Ends in 0x0A. Its `time` is in milliseconds. */
  readonly line: Buffer
  readonly name: string
  readonly utcMs: number
}

/** Adds to events what Mixpanel adds, and removes what it does not store. Other bytes stay. */
export class EventEnricher {
  readonly #scanner = new LineScanner()
  /** The token of each handled property. Of duplicate properties, the last one counts. */
  readonly #tokens = new Map<string, number>()

  /** Enriches a valid line. `added` has the JSON of properties among {@link HANDLED}. */
  enrich(name: string, line: Buffer, now: number, added: Readonly<Record<string, string>>): EnrichedEvent {
    this.#scan(line)
    return this.#enrichScanned(name, line, now, added)
  }

  /** Like {@link enrich}, if the fast check shows that the line is valid; otherwise undefined. */
  enrichIfValid(line: Buffer, now: number, added: Readonly<Record<string, string>>): EnrichedEvent | undefined {
    if (this.#scan(line) !== true || !this.#passesFastCheck(line, now)) return undefined
    const name = eventName(this.#scanner, line)
    return name.trim() === '' || isIdentityEvent(name) ? undefined : this.#enrichScanned(name, line, now, added)
  }

  /** Finds the tokens of the handled properties. Returns whether the line is an event. */
  #scan(line: Buffer): boolean | undefined {
    const isEvent = scanEvent(this.#scanner, line)
    const { topLevelFrom, property, properties } = this.#scanner
    this.#tokens.clear()
    for (let token = 0; token < topLevelFrom; token++) {
      const name = properties.names[property[token] as number] as string
      if (HANDLED.has(name)) this.#tokens.set(name, token)
    }
    return isEvent
  }

  /** Whether the scanned line is certainly valid. If not, `firstViolation` has to decide. */
  #passesFastCheck(line: Buffer, now: number): boolean {
    const { hasDuplicate, topLevelFrom, kind } = this.#scanner
    if (hasDuplicate || line.length > EVENT_BYTES_MAX || topLevelFrom > PROPERTIES_MAX) return false
    const known = CHECKED.map((name) => [name, this.#valueOf(line, this.#tokens.get(name))])
    if (knownViolation(Object.fromEntries(known), true, now) !== undefined) return false
    for (let token = 0; token < topLevelFrom; token++) {
      const isNested = ((kind[token] as number) & NESTED) !== 0
      if (isNested && nestedViolation(this.#valueOf(line, token)) !== undefined) return false
    }
    return true
  }

  #valueOf(line: Buffer, token: number | undefined): unknown {
    return token === undefined ? undefined : JSON.parse(line.toString('utf8', this.#start(token), this.#end(token)))
  }

  #enrichScanned(name: string, line: Buffer, now: number, added: Readonly<Record<string, string>>): EnrichedEvent {
    const scanner = this.#scanner
    const time = timeNumber(scanner, line)
    const sentMs = toUtcMs(time)
    const utcMs = Number.isNaN(sentMs) || isInFuture(sentMs, now) ? now : sentMs
    const values: Record<string, string> = {
      ...added,
      $mp_api_timestamp_ms: String(now),
      mp_processing_time_ms: String(now),
      ...(scanner.hasInsertId ? {} : { $insert_id: JSON.stringify(randomUUID()) }),
      ...(utcMs === time ? {} : { time: String(utcMs) }),
    }
    const removed = this.#removals(line)
    const edits: LineEdit[] = []
    let appended = ''
    for (const [property, json] of Object.entries(values)) {
      const token = this.#tokens.get(property)
      if (token === undefined) appended += `,${JSON.stringify(property)}:${json}`
      else edits.push(valueEdit(scanner, token, json))
    }
    // A valid record has at least one property, after which the others are appended.
    const last = this.#end(scanner.topLevelFrom - 1)
    const isEmpty = removed.length === scanner.topLevelFrom
    edits.push(...removed, { start: last, end: last, text: isEmpty ? appended.slice(1) : appended })
    edits.sort((a, b) => a.start - b.start || a.end - b.end)
    return { line: editLine(line, edits), name, utcMs }
  }

  /** Returns the edits that remove properties, each with a comma next to it. */
  #removals(line: Buffer): LineEdit[] {
    const keys = new Map<number, number>()
    for (const name of NOT_STORED) {
      const token = this.#tokens.get(name)
      const key = token === undefined ? -1 : line.lastIndexOf(JSON.stringify(name), this.#start(token))
      // A name with escapes is not found and stays. No SDK writes one.
      if (token !== undefined && key >= 0) keys.set(token, key)
    }
    let firstKept = 0
    while (keys.has(firstKept)) firstKept++
    return [...keys].map(([token, start]) => {
      const end = this.#end(token)
      // Before the first kept property, the comma after it is removed, otherwise the one before it.
      if (token > firstKept) return { start: commaBefore(line, start), end, text: '' }
      return { start, end: commaAfter(line, end), text: '' }
    })
  }

  #start(token: number): number {
    return this.#scanner.valueStart[token] as number
  }

  #end(token: number): number {
    return this.#scanner.valueEnd[token] as number
  }
}

function commaAfter(line: Buffer, at: number): number {
  let next = at
  while (line[next] === SPACE) next++
  return line[next] === COMMA ? next + 1 : at
}

function commaBefore(line: Buffer, at: number): number {
  let previous = at - 1
  while (line[previous] === SPACE) previous--
  return line[previous] === COMMA ? previous : at
}
