import { KIND, type Kind, numberKind } from './kinds.ts'
import { PropertyTable } from './property-table.ts'

/** What a line turned out to be. */
export const LINE = {
  /** An event whose values are all of kinds that their columns take: may be given on byte for byte. */
  plain: 0,
  /** An event that must be written anew before the engine reads it. */
  odd: 1,
  blank: 2,
  /** JSON, or the beginning of it, that is not an event. The scanner stopped where it saw that. */
  unreadable: 3,
  /** The line ended before its JSON did. */
  incomplete: 4,
} as const

export type LineVerdict = (typeof LINE)[keyof typeof LINE]

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Lists and objects nested deeper than this are unreadable: no real event is, and a bound keeps the stack flat. */
export const NESTING_MAX = 1000

/** More keys than this in one line are unreadable; Mixpanel keeps at most 255 properties an event. */
export const KEYS_PER_LINE_MAX = 65_536

/** Digits, but for a zero before the point, up to which every decimal literal survives a double. */
const SAFE_DIGITS = 15

/** 1 for each byte that a JSON text may hold as it is, and that needs no second look. */
const PLAIN_TEXT = new Uint8Array(256).fill(1, 0x20)
PLAIN_TEXT[QUOTE] = 0
PLAIN_TEXT[BACKSLASH] = 0

const FAIL_UNREADABLE = -1
const FAIL_INCOMPLETE = -2

/**
 * Reads one line of a raw export and notes where each key and value stands and of what kind it is, without making a
 * JavaScript value of anything. It accepts exactly the JSON grammar (RFC 8259) and expects bytes that are known to be
 * UTF-8. Tokens of the last line are in the arrays until the next call.
 *
 * It stands in for `JSON.parse`, which on 500,000 lines of 700 bytes takes about four times as long.
 */
export class LineScanner {
  readonly properties: PropertyTable
  /** How many tokens the last line has: its properties in order, then extra top-level keys. */
  count = 0
  /** Tokens from this index on are top-level keys beside `event` and `properties`. */
  topLevelFrom = 0
  property = new Int32Array(256)
  valueStart = new Int32Array(256)
  valueEnd = new Int32Array(256)
  kind = new Uint16Array(256)
  eventStart = 0
  eventEnd = 0
  eventKind: Kind = KIND.null
  /** Whether the line has a usable `$insert_id`, and where `time` is among its tokens (-1: not there). */
  hasInsertId = false
  timeToken = -1
  hasDuplicate = false
  /** Number of the slice being scanned: plain lines note it for each property they have. */
  slice = 0
  /** Where scanning stopped, for messages. */
  stoppedAt = 0

  #line = 0
  #kind: Kind = KIND.null
  #key = 0
  #nesting = new Uint8Array(NESTING_MAX)

  constructor(properties: PropertyTable = new PropertyTable()) {
    this.properties = properties
  }

  /** Scans `bytes[start, end)`, one line without its 0x0A. `bytes[end]` must be that 0x0A: it stops the inner loops. */
  scan(bytes: Buffer, start: number, end: number): LineVerdict {
    this.count = 0
    this.eventStart = -1
    this.topLevelFrom = -1
    this.hasInsertId = false
    this.hasDuplicate = false
    this.timeToken = -1
    this.#line++
    let at = skipSpace(bytes, start, end)
    if (at === end) return LINE.blank
    if (bytes[at] !== OPEN_OBJECT) {
      this.stoppedAt = at
      return LINE.unreadable
    }
    at = this.#topLevel(bytes, at + 1, end)
    if (at < 0) return at === FAIL_INCOMPLETE ? LINE.incomplete : LINE.unreadable
    if (this.eventStart < 0 || this.topLevelFrom < 0) {
      this.stoppedAt = at
      return LINE.unreadable
    }
    return this.isPlain() ? LINE.plain : LINE.odd
  }

  #topLevel(bytes: Buffer, from: number, end: number): number {
    const extras: [property: number, start: number, end: number, kind: number][] = []
    let at = skipSpace(bytes, from, end)
    if (at < end && bytes[at] === CLOSE_OBJECT) at++
    else {
      for (;;) {
        const keyStart = at
        at = this.#keyAt(bytes, at, end)
        if (at < 0) return at
        if (isWord(bytes, keyStart + 1, EVENT_KEY) && this.eventStart < 0) {
          const value = at
          at = this.#value(bytes, at, end)
          if (at < 0) return at
          if ((this.#kind & (KIND.text | KIND.loneText)) === 0) return this.#fail(value, FAIL_UNREADABLE)
          this.eventStart = value
          this.eventEnd = at
          this.eventKind = this.#kind
        } else if (isWord(bytes, keyStart + 1, PROPERTIES_KEY) && this.topLevelFrom < 0) {
          if (at === end) return this.#fail(at, FAIL_INCOMPLETE)
          if (bytes[at] !== OPEN_OBJECT) return this.#fail(at, FAIL_UNREADABLE)
          at = this.#propertiesObject(bytes, at + 1, end)
          if (at < 0) return at
          this.topLevelFrom = this.count
        } else {
          const value = at
          at = this.#value(bytes, at, end)
          if (at < 0) return at
          extras.push([this.#key, value, at, this.#kind])
        }
        at = skipSpace(bytes, at, end)
        if (at === end) return this.#fail(at, FAIL_INCOMPLETE)
        const byte = bytes[at++]
        if (byte === CLOSE_OBJECT) break
        if (byte !== COMMA) return this.#fail(at - 1, FAIL_UNREADABLE)
        at = skipSpace(bytes, at, end)
      }
    }
    for (const [property, valueStart, valueEnd, kind] of extras) {
      if (!this.#push(property, valueStart, valueEnd, kind)) return this.#fail(valueStart, FAIL_UNREADABLE)
    }
    at = skipSpace(bytes, at, end)
    return at === end ? at : this.#fail(at, FAIL_UNREADABLE)
  }

  /**
   * The inner loop. What nearly every line consists of (a key that follows the same key as in the line before, a text
   * without escapes, a short integer) is read here; everything else is left to the methods below.
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
        // A new property may have made the table's arrays grow, and growing replaces them.
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
          this.#kind = KIND.text
        } else {
          at = this.#string(bytes, value + 1, end)
          if (at < 0) return at
        }
      } else {
        at = this.#value(bytes, at, end)
        if (at < 0) return at
      }
      if (property === insertIdIndex) {
        this.hasInsertId = this.#kind !== KIND.null && !(this.#kind === KIND.text && at - value === 2)
      } else if (property === timeIndex) this.timeToken = this.count
      if (!this.#push(property, value, at, this.#kind)) return this.#fail(at, FAIL_UNREADABLE)
      byte = bytes[at] as number
      if (byte !== COMMA) {
        at = skipSpace(bytes, at, end)
        if (at === end) return this.#fail(at, FAIL_INCOMPLETE)
        byte = bytes[at] as number
        if (byte === CLOSE_OBJECT) return at + 1
        if (byte !== COMMA) return this.#fail(at, FAIL_UNREADABLE)
      }
      at++
      if (bytes[at] !== QUOTE) at = skipSpace(bytes, at, end)
    }
  }

  /** Notes a token; false when the line has too many. */
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
    const wider = (old: Int32Array<ArrayBuffer>) => {
      const grown = new Int32Array(old.length * 2)
      grown.set(old)
      return grown
    }
    this.property = wider(this.property)
    this.valueStart = wider(this.valueStart)
    this.valueEnd = wider(this.valueEnd)
    const kinds = new Uint16Array(this.kind.length * 2)
    kinds.set(this.kind)
    this.kind = kinds
  }

  /** Plain: nothing repeats, nothing stands beside `properties`, and each value is of a kind its column takes. */
  isPlain(): boolean {
    if (!this.hasInsertId || this.hasDuplicate || this.eventKind !== KIND.text) return false
    if (this.topLevelFrom !== this.count) return false
    const { property, kind } = this
    const { accepts, seenInSlice } = this.properties
    for (let token = 0; token < this.count; token++) {
      const index = property[token] as number
      if (((accepts[index] as number) & (kind[token] as number)) === 0) return false
      seenInSlice[index] = this.slice
    }
    return true
  }

  /** Scans `"key" :`, sets `#key`, and gives the position of the value. */
  #keyAt(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.#fail(end, FAIL_INCOMPLETE)
    if (bytes[from] !== QUOTE) return this.#fail(from, FAIL_UNREADABLE)
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
    if (at === end) return this.#fail(end, FAIL_INCOMPLETE)
    if (byte === QUOTE) this.#key = this.properties.indexOfBytes(bytes, start, at, hash)
    else {
      const after = this.#string(bytes, start, end)
      if (after < 0) return after
      this.#key = this.properties.indexOfName(JSON.parse(bytes.toString('utf8', from, after)))
      at = after - 1
    }
    at++
    if (at < end && bytes[at] !== COLON) at = skipSpace(bytes, at, end)
    if (at >= end) return this.#fail(end, FAIL_INCOMPLETE)
    if (bytes[at] !== COLON) return this.#fail(at, FAIL_UNREADABLE)
    at++
    return at < end && (bytes[at] as number) <= 0x20 ? skipSpace(bytes, at, end) : at
  }

  /** Scans one value, sets `#kind`, and gives the position after it. */
  #value(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.#fail(end, FAIL_INCOMPLETE)
    const byte = bytes[from] as number
    if (byte === QUOTE) return this.#string(bytes, from + 1, end)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(bytes, from, end)
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) return this.#nested(bytes, from, end)
    return this.#word(bytes, from, end)
  }

  /** Scans what follows an opening quote. */
  #string(bytes: Buffer, from: number, end: number): number {
    let at = from
    let lone = false
    while (at < end) {
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        this.#kind = lone ? KIND.loneText : KIND.text
        return at + 1
      }
      if (byte === BACKSLASH) {
        if (at + 1 >= end) return this.#fail(end, FAIL_INCOMPLETE)
        const escaped = bytes[at + 1] as number
        if (escaped === 0x75) {
          const unit = hexUnit(bytes, at + 2, end)
          if (unit < 0) return this.#fail(at, at + 6 > end ? FAIL_INCOMPLETE : FAIL_UNREADABLE)
          at += 6
          if (unit >= 0xd800 && unit <= 0xdfff) {
            const low =
              unit < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === 0x75 ? hexUnit(bytes, at + 2, end) : -1
            if (low >= 0xdc00 && low <= 0xdfff) at += 6
            else lone = true
          }
        } else if (isSimpleEscape(escaped)) at += 2
        else return this.#fail(at, FAIL_UNREADABLE)
      } else if (byte < 0x20) return this.#fail(at, FAIL_UNREADABLE)
      else at++
    }
    return this.#fail(end, FAIL_INCOMPLETE)
  }

  #number(bytes: Buffer, from: number, end: number): number {
    let at = from
    if (bytes[at] === MINUS) at++
    let byte = at < end ? (bytes[at] as number) : 0
    if (at === end) return this.#fail(end, FAIL_INCOMPLETE)
    const wholeStart = at
    if (byte === ZERO) at++
    else if (byte > ZERO && byte <= NINE) at = skipDigits(bytes, at + 1, end)
    else return this.#fail(at, FAIL_UNREADABLE)
    byte = at < end ? (bytes[at] as number) : 0
    if (byte !== 0x2e && (byte | 0x20) !== 0x65) {
      this.#kind = at - wholeStart <= SAFE_DIGITS ? KIND.integer : numberKind(bytes.toString('latin1', from, at))
      return at
    }
    let hasExponent = false
    if (byte === 0x2e) {
      const fraction = at + 1
      at = skipDigits(bytes, fraction, end)
      if (at === fraction) return this.#fail(at, at === end ? FAIL_INCOMPLETE : FAIL_UNREADABLE)
      byte = at < end ? (bytes[at] as number) : 0
    }
    if ((byte | 0x20) === 0x65) {
      hasExponent = true
      at++
      if (at < end && (bytes[at] === MINUS || bytes[at] === 0x2b)) at++
      const exponent = at
      at = skipDigits(bytes, exponent, end)
      if (at === exponent) return this.#fail(at, at === end ? FAIL_INCOMPLETE : FAIL_UNREADABLE)
    }
    const digits = at - wholeStart - (bytes[wholeStart] === ZERO ? 2 : 1)
    this.#kind = !hasExponent && digits <= SAFE_DIGITS ? KIND.double : numberKind(bytes.toString('latin1', from, at))
    return at
  }

  #word(bytes: Buffer, from: number, end: number): number {
    const first = bytes[from]
    const word = first === 0x74 ? TRUE : first === 0x66 ? FALSE : first === 0x6e ? NULL : undefined
    if (word === undefined) return this.#fail(from, FAIL_UNREADABLE)
    for (let offset = 1; offset < word.length; offset++) {
      if (from + offset === end) return this.#fail(end, FAIL_INCOMPLETE)
      if (bytes[from + offset] !== word[offset]) return this.#fail(from, FAIL_UNREADABLE)
    }
    this.#kind = word === NULL ? KIND.null : KIND.boolean
    return from + word.length
  }

  /** Scans a list or an object of any shape, with a stack of its own. */
  #nested(bytes: Buffer, from: number, end: number): number {
    const nesting = this.#nesting
    let depth = 0
    let lone = false
    let precise = false
    let at = from
    for (;;) {
      // Here a value begins.
      const byte = at < end ? (bytes[at] as number) : 0
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === NESTING_MAX) return this.#fail(at, FAIL_UNREADABLE)
        nesting[depth++] = byte
        at = skipSpace(bytes, at + 1, end)
        if (at === end) return this.#fail(end, FAIL_INCOMPLETE)
        // `[` is 0x5b and `{` is 0x7b; each closes two code points on.
        if (bytes[at] !== byte + 2) {
          if (byte === OPEN_LIST) continue
          at = this.#nestedKey(bytes, at, end)
          if (at < 0) return at
          if (this.#kind === KIND.loneText) lone = true
          continue
        }
        depth--
        at++
      } else {
        at = this.#value(bytes, at, end)
        if (at < 0) return at
        if (this.#kind === KIND.loneText) lone = true
        // The engine keeps the digits of integers of any length in nested values, but reads fractions as doubles.
        else if (this.#kind === KIND.bigNumber) precise = true
      }
      // Here a value has ended: close what ends with it, then step to the next one.
      for (;;) {
        if (depth === 0) {
          this.#kind = lone ? KIND.loneJson : precise ? KIND.preciseJson : KIND.json
          return at
        }
        at = skipSpace(bytes, at, end)
        if (at === end) return this.#fail(end, FAIL_INCOMPLETE)
        const open = nesting[depth - 1] as number
        const next = bytes[at++] as number
        if (next === open + 2) {
          depth--
          continue
        }
        if (next !== COMMA) return this.#fail(at - 1, FAIL_UNREADABLE)
        at = skipSpace(bytes, at, end)
        if (open === OPEN_OBJECT) {
          at = this.#nestedKey(bytes, at, end)
          if (at < 0) return at
          if (this.#kind === KIND.loneText) lone = true
        }
        break
      }
    }
  }

  /** Scans `"key" :` inside a nested object; `#kind` tells whether the key is a lone text. */
  #nestedKey(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.#fail(end, FAIL_INCOMPLETE)
    if (bytes[from] !== QUOTE) return this.#fail(from, FAIL_UNREADABLE)
    let at = this.#string(bytes, from + 1, end)
    if (at < 0) return at
    at = skipSpace(bytes, at, end)
    if (at === end) return this.#fail(end, FAIL_INCOMPLETE)
    if (bytes[at] !== COLON) return this.#fail(at, FAIL_UNREADABLE)
    return skipSpace(bytes, at + 1, end)
  }

  #fail(at: number, code: typeof FAIL_UNREADABLE | typeof FAIL_INCOMPLETE): number {
    this.stoppedAt = at
    return code
  }
}

const EVENT_KEY = Buffer.from('event"')
const PROPERTIES_KEY = Buffer.from('properties"')

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

function isWord(bytes: Buffer, at: number, word: Buffer): boolean {
  for (let offset = 0; offset < word.length; offset++) if (bytes[at + offset] !== word[offset]) return false
  return true
}

function skipSpace(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) break
    at++
  }
  return at
}

function skipDigits(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end) {
    const byte = bytes[at] as number
    if (byte < ZERO || byte > NINE) break
    at++
  }
  return at
}

/** `"`, `\`, `/` and the letters b f n r t. */
function isSimpleEscape(byte: number): boolean {
  return (
    byte === QUOTE ||
    byte === BACKSLASH ||
    byte === 0x2f ||
    byte === 0x62 ||
    byte === 0x66 ||
    byte === 0x6e ||
    byte === 0x72 ||
    byte === 0x74
  )
}

/** The value of four hexadecimal digits, or -1. */
function hexUnit(bytes: Buffer, from: number, end: number): number {
  if (from + 4 > end) return -1
  let unit = 0
  for (let at = from; at < from + 4; at++) {
    const byte = bytes[at] as number
    const lower = byte | 0x20
    const digit = byte >= ZERO && byte <= NINE ? byte - ZERO : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
    if (digit < 0) return -1
    unit = unit * 16 + digit
  }
  return unit
}
