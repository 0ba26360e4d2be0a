import { KIND, type Kind } from '../columns/value-kinds.ts'
import { BACKSLASH, CLOSE_OBJECT, COLON, COMMA, OPEN_OBJECT, QUOTE, skipSpace, widened } from './json-bytes.ts'
import { PropertyTable } from './property-table.ts'
import { INCOMPLETE, UNREADABLE, ValueScanner } from './value-scanner.ts'

export const LINE = {
  /** A record whose values all have kinds that their columns accept. It is written unchanged. */
  plain: 0,
  /** A record that must be rewritten before the engine reads it. */
  odd: 1,
  blank: 2,
  /** Not such a record, or not JSON. `stoppedAt` is where this showed. */
  unreadable: 3,
  /** The line ended before its JSON did. */
  incomplete: 4,
} as const

export type LineVerdict = (typeof LINE)[keyof typeof LINE]

/** A line with more keys is unreadable. Mixpanel keeps at most 255 properties per event. */
export const KEYS_PER_LINE_MAX = 65_536

/** 1 for each byte that needs no special handling within a JSON text. */
const PLAIN_TEXT = new Uint8Array(256).fill(1, 0x20)
PLAIN_TEXT[QUOTE] = 0
PLAIN_TEXT[BACKSLASH] = 0

/**
 * Scans one line with a record, and notes the position and kind of each key and value. It creates
 * no JavaScript values, unlike `JSON.parse`, and so is faster. It accepts exactly the JSON grammar
 * (RFC 8259) and expects valid UTF-8. The tokens of a line stay in the arrays until the next call.
 */
export class LineScanner {
  readonly properties: PropertyTable
  /** The number of tokens in the last line: its properties in order, then extra top-level keys. */
  count = 0
  /** Tokens from this index on are top-level keys beside the record's identity and properties. */
  topLevelFrom = 0
  property = new Int32Array(256)
  valueStart = new Int32Array(256)
  valueEnd = new Int32Array(256)
  kind = new Uint16Array(256)
  identityStart = 0
  identityEnd = 0
  /** For records without an identity it stays that of a plain text. */
  identityKind: Kind = KIND.text
  /** Whether the line has a usable `$insert_id` or needs none. */
  hasInsertId = false
  /** The token of `time`; -1 if there is none. */
  timeToken = -1
  hasDuplicate = false
  /** Whether the last line was refused because its identity or its properties appear twice. */
  hasRepeatedKey = false
  /** The number of the current slice. Plain lines note it for each of their properties. */
  slice = 0
  /** A line with more values than this is odd. */
  valuesMax = Number.POSITIVE_INFINITY

  readonly #values = new ValueScanner()
  #line = 0
  #key = 0

  constructor(properties: PropertyTable = new PropertyTable()) {
    this.properties = properties
  }

  /** The position where scanning stopped, for messages. */
  get stoppedAt(): number {
    return this.#values.stoppedAt
  }

  /** Scans the line `bytes[start, end)`. `bytes[end]` must be 0x0A: it stops the inner loops. */
  scan(bytes: Buffer, start: number, end: number): LineVerdict {
    this.count = 0
    this.identityStart = -1
    this.topLevelFrom = -1
    this.hasInsertId = this.properties.insertIdIndex < 0
    this.hasDuplicate = false
    this.hasRepeatedKey = false
    this.timeToken = -1
    this.#line++
    let at = skipSpace(bytes, start, end)
    if (at === end) return LINE.blank
    if (bytes[at] !== OPEN_OBJECT) {
      this.#values.stoppedAt = at
      return LINE.unreadable
    }
    at = this.#topLevel(bytes, at + 1, end)
    if (at < 0) return at === INCOMPLETE ? LINE.incomplete : LINE.unreadable
    if ((this.identityStart < 0 && this.properties.identityIndex >= 0) || this.topLevelFrom < 0) {
      this.#values.stoppedAt = at
      return LINE.unreadable
    }
    return this.isPlain() ? LINE.plain : LINE.odd
  }

  #topLevel(bytes: Buffer, from: number, end: number): number {
    const { identityIndex, propertiesIndex, timeIndex } = this.properties
    const extras: [property: number, start: number, end: number, kind: number][] = []
    let at = skipSpace(bytes, from, end)
    if (at < end && bytes[at] === CLOSE_OBJECT) at++
    else {
      for (;;) {
        const keyStart = at
        at = this.#keyAt(bytes, at, end)
        if (at < 0) return at
        if (this.#key === identityIndex) {
          if (this.identityStart >= 0) return this.#repeated(keyStart)
          const value = at
          at = this.#values.value(bytes, at, end)
          if (at < 0) return at
          if ((this.#values.kind & (KIND.text | KIND.loneText)) === 0) return this.#values.fail(value, UNREADABLE)
          this.identityStart = value
          this.identityEnd = at
          this.identityKind = this.#values.kind
        } else if (this.#key === propertiesIndex) {
          if (this.topLevelFrom >= 0) return this.#repeated(keyStart)
          if (at === end) return this.#values.fail(at, INCOMPLETE)
          if (bytes[at] !== OPEN_OBJECT) return this.#values.fail(at, UNREADABLE)
          at = this.#propertiesObject(bytes, at + 1, end)
          if (at < 0) return at
          this.topLevelFrom = this.count
        } else {
          const value = at
          at = this.#values.value(bytes, at, end)
          if (at < 0) return at
          extras.push([this.#key, value, at, this.#values.kind])
        }
        at = skipSpace(bytes, at, end)
        if (at === end) return this.#values.fail(at, INCOMPLETE)
        const byte = bytes[at++]
        if (byte === CLOSE_OBJECT) break
        if (byte !== COMMA) return this.#values.fail(at - 1, UNREADABLE)
        at = skipSpace(bytes, at, end)
      }
    }
    for (const [property, valueStart, valueEnd, kind] of extras) {
      if (property === timeIndex && this.timeToken < 0) this.timeToken = this.count
      if (!this.#push(property, valueStart, valueEnd, kind)) return this.#values.fail(valueStart, UNREADABLE)
    }
    at = skipSpace(bytes, at, end)
    return at === end ? at : this.#values.fail(at, UNREADABLE)
  }

  #repeated(at: number): number {
    this.hasRepeatedKey = true
    return this.#values.fail(at, UNREADABLE)
  }

  /**
   * The inner loop. It reads what nearly every line consists of: a key that follows the same key
   * as before, a text without escapes, a short integer. Other methods read everything else.
   */
  #propertiesObject(bytes: Buffer, from: number, end: number): number {
    let at = skipSpace(bytes, from, end)
    if (bytes[at] === CLOSE_OBJECT && at < end) return at + 1
    const { properties } = this
    const { insertIdIndex, timeIndex } = properties
    let { follower, keyStart, keyLength, keys } = properties
    let previous = 0
    for (;;) {
      let property = follower[previous] as number
      let key = keyStart[property] as number
      const keyEnd = key + (keyLength[property] as number)
      let probe = at
      while (key < keyEnd && keys[key] === bytes[probe]) {
        key++
        probe++
      }
      if (key === keyEnd) at = probe
      else {
        at = this.#keyAt(bytes, at, end)
        if (at < 0) return at
        property = this.#key
        // A new property may have replaced the table's arrays by larger ones.
        ;({ follower, keyStart, keyLength, keys } = properties)
        if ((keyLength[property] as number) > 0) follower[previous] = property
      }
      previous = property
      let byte = bytes[at] as number
      if (byte <= 0x20) {
        at = skipSpace(bytes, at, end)
        byte = bytes[at] as number
      }
      const value = at
      if (byte === QUOTE) {
        do at++
        while (PLAIN_TEXT[bytes[at] as number] === 1)
        if (bytes[at] === QUOTE) {
          at++
          this.#values.kind = KIND.text
        } else {
          at = this.#values.string(bytes, value + 1, end)
          if (at < 0) return at
        }
      } else {
        at = this.#values.value(bytes, at, end)
        if (at < 0) return at
      }
      if (property === insertIdIndex) {
        this.hasInsertId = this.#values.kind !== KIND.null && !(this.#values.kind === KIND.text && at - value === 2)
      } else if (property === timeIndex) this.timeToken = this.count
      if (!this.#push(property, value, at, this.#values.kind)) return this.#values.fail(at, UNREADABLE)
      byte = bytes[at] as number
      if (byte !== COMMA) {
        at = skipSpace(bytes, at, end)
        if (at === end) return this.#values.fail(at, INCOMPLETE)
        byte = bytes[at] as number
        if (byte === CLOSE_OBJECT) return at + 1
        if (byte !== COMMA) return this.#values.fail(at, UNREADABLE)
      }
      at++
      if (bytes[at] !== QUOTE) at = skipSpace(bytes, at, end)
    }
  }

  /** Adds a token. Returns false if the line has too many. */
  #push(property: number, valueStart: number, valueEnd: number, kind: number): boolean {
    const token = this.count++
    if (token === this.property.length) {
      if (token === KEYS_PER_LINE_MAX) return false
      this.#grow()
    }
    this.property[token] = property
    this.valueStart[token] = valueStart
    this.valueEnd[token] = valueEnd
    this.kind[token] = kind
    if (this.properties.lastLine[property] === this.#line) this.hasDuplicate = true
    this.properties.lastLine[property] = this.#line
    return true
  }

  #grow(): void {
    this.property = widened(this.property)
    this.valueStart = widened(this.valueStart)
    this.valueEnd = widened(this.valueEnd)
    this.kind = widened(this.kind)
  }

  /** Plain: no repeated or extra top-level keys, and each column accepts its value. */
  isPlain(): boolean {
    if (!this.hasInsertId || this.hasDuplicate || this.identityKind !== KIND.text) return false
    if (this.topLevelFrom !== this.count || this.count > this.valuesMax) return false
    const { property, kind } = this
    const { accepts, seenInSlice } = this.properties
    for (let token = 0; token < this.count; token++) {
      const index = property[token] as number
      if (((accepts[index] as number) & (kind[token] as number)) === 0) return false
      seenInSlice[index] = this.slice
    }
    return true
  }

  /** Scans `"key" :`, sets `#key`, and returns the position of the value. */
  #keyAt(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.#values.fail(end, INCOMPLETE)
    if (bytes[from] !== QUOTE) return this.#values.fail(from, UNREADABLE)
    const start = from + 1
    let at = start
    let hash = 0
    let byte = 0
    while (at < end) {
      byte = bytes[at] as number
      if (byte === QUOTE) break
      if (byte === BACKSLASH || byte < 0x20) break
      hash = (Math.imul(hash, 31) + byte) | 0
      at++
    }
    if (at === end) return this.#values.fail(end, INCOMPLETE)
    if (byte === QUOTE) this.#key = this.properties.indexOfBytes(bytes, start, at, hash)
    else {
      const after = this.#values.string(bytes, start, end)
      if (after < 0) return after
      this.#key = this.properties.indexOfName(JSON.parse(bytes.toString('utf8', from, after)))
      at = after - 1
    }
    at++
    if (at < end && bytes[at] !== COLON) at = skipSpace(bytes, at, end)
    if (at >= end) return this.#values.fail(end, INCOMPLETE)
    if (bytes[at] !== COLON) return this.#values.fail(at, UNREADABLE)
    at++
    return at < end && (bytes[at] as number) <= 0x20 ? skipSpace(bytes, at, end) : at
  }
}
