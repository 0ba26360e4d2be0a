import { KIND, type Kind, numberKind } from '../columns/value-kinds.ts'
import { BACKSLASH, hexUnit, isSimpleEscape, MINUS, NINE, QUOTE, skipDigits, skipSpace, ZERO } from './json-bytes.ts'

const OPEN_OBJECT = 0x7b
const OPEN_LIST = 0x5b
const COMMA = 0x2c
const COLON = 0x3a

/**
 * Lists and objects nested deeper than this are unreadable: BigQuery takes no deeper JSON, no real
 * event is so deep, and a bound keeps the stack flat.
 */
export const NESTING_MAX = 500

/** Digits, but for a zero before the point, up to which every decimal literal survives a double. */
const SAFE_DIGITS = 15

/** In the place of a position: the bytes are no JSON. */
export const UNREADABLE = -1
/** In the place of a position: the bytes end before their JSON does. */
export const INCOMPLETE = -2

/**
 * Reads JSON values (RFC 8259) without making anything of them: it tells where they end and of what
 * kind they are. Every method gives the position after what it read, or {@link UNREADABLE} or
 * {@link INCOMPLETE}.
 */
export class ValueScanner {
  /** The kind of the value read last. */
  kind: Kind = KIND.null
  /** Where reading stopped when it failed. */
  stoppedAt = 0
  readonly #nesting = new Uint8Array(NESTING_MAX)

  /** Scans one value, sets `kind`, and gives the position after it. */
  value(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.fail(end, INCOMPLETE)
    const byte = bytes[from] as number
    if (byte === QUOTE) return this.string(bytes, from + 1, end)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(bytes, from, end)
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) return this.#nested(bytes, from, end)
    return this.#word(bytes, from, end)
  }

  /** Scans what follows an opening quote. */
  string(bytes: Buffer, from: number, end: number): number {
    let at = from
    let lone = false
    while (at < end) {
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        this.kind = lone ? KIND.loneText : KIND.text
        return at + 1
      }
      if (byte === BACKSLASH) {
        if (at + 1 >= end) return this.fail(end, INCOMPLETE)
        const escaped = bytes[at + 1] as number
        if (escaped === 0x75) {
          const unit = hexUnit(bytes, at + 2, end)
          if (unit < 0) return this.fail(at, at + 6 > end ? INCOMPLETE : UNREADABLE)
          at += 6
          if (unit === 0) lone = true
          else if (unit >= 0xd800 && unit <= 0xdfff) {
            const low =
              unit < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === 0x75 ? hexUnit(bytes, at + 2, end) : -1
            if (low >= 0xdc00 && low <= 0xdfff) at += 6
            else lone = true
          }
        } else if (isSimpleEscape(escaped)) at += 2
        else return this.fail(at, UNREADABLE)
      } else if (byte < 0x20) return this.fail(at, UNREADABLE)
      else at++
    }
    return this.fail(end, INCOMPLETE)
  }

  #number(bytes: Buffer, from: number, end: number): number {
    let at = from
    if (bytes[at] === MINUS) at++
    let byte = at < end ? (bytes[at] as number) : 0
    if (at === end) return this.fail(end, INCOMPLETE)
    const wholeStart = at
    if (byte === ZERO) at++
    else if (byte > ZERO && byte <= NINE) at = skipDigits(bytes, at + 1, end)
    else return this.fail(at, UNREADABLE)
    byte = at < end ? (bytes[at] as number) : 0
    if (byte !== 0x2e && (byte | 0x20) !== 0x65) {
      this.kind = at - wholeStart <= SAFE_DIGITS ? KIND.integer : numberKind(bytes.toString('latin1', from, at))
      return at
    }
    let hasExponent = false
    if (byte === 0x2e) {
      const fraction = at + 1
      at = skipDigits(bytes, fraction, end)
      if (at === fraction) return this.fail(at, at === end ? INCOMPLETE : UNREADABLE)
      byte = at < end ? (bytes[at] as number) : 0
    }
    if ((byte | 0x20) === 0x65) {
      hasExponent = true
      at++
      if (at < end && (bytes[at] === MINUS || bytes[at] === 0x2b)) at++
      const exponent = at
      at = skipDigits(bytes, exponent, end)
      if (at === exponent) return this.fail(at, at === end ? INCOMPLETE : UNREADABLE)
    }
    const digits = at - wholeStart - (bytes[wholeStart] === ZERO ? 2 : 1)
    this.kind = !hasExponent && digits <= SAFE_DIGITS ? KIND.double : numberKind(bytes.toString('latin1', from, at))
    return at
  }

  #word(bytes: Buffer, from: number, end: number): number {
    const first = bytes[from]
    const word = first === 0x74 ? TRUE : first === 0x66 ? FALSE : first === 0x6e ? NULL : undefined
    if (word === undefined) return this.fail(from, UNREADABLE)
    for (let offset = 1; offset < word.length; offset++) {
      if (from + offset === end) return this.fail(end, INCOMPLETE)
      if (bytes[from + offset] !== word[offset]) return this.fail(from, UNREADABLE)
    }
    this.kind = word === NULL ? KIND.null : KIND.boolean
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
        if (depth === NESTING_MAX) return this.fail(at, UNREADABLE)
        nesting[depth++] = byte
        at = skipSpace(bytes, at + 1, end)
        if (at === end) return this.fail(end, INCOMPLETE)
        // `[` is 0x5b and `{` is 0x7b; each closes two code points on.
        if (bytes[at] !== byte + 2) {
          if (byte === OPEN_LIST) continue
          at = this.#nestedKey(bytes, at, end)
          if (at < 0) return at
          if (this.kind === KIND.loneText) lone = true
          continue
        }
        depth--
        at++
      } else {
        at = this.value(bytes, at, end)
        if (at < 0) return at
        if (this.kind === KIND.loneText) lone = true
        // The engine keeps the digits of integers of any length in nested values, but reads
        // fractions as doubles.
        else if (this.kind === KIND.bigNumber) precise = true
      }
      // Here a value has ended: close what ends with it, then step to the next one.
      for (;;) {
        if (depth === 0) {
          this.kind = lone ? KIND.loneJson : precise ? KIND.preciseJson : KIND.json
          return at
        }
        at = skipSpace(bytes, at, end)
        if (at === end) return this.fail(end, INCOMPLETE)
        const open = nesting[depth - 1] as number
        const next = bytes[at++] as number
        if (next === open + 2) {
          depth--
          continue
        }
        if (next !== COMMA) return this.fail(at - 1, UNREADABLE)
        at = skipSpace(bytes, at, end)
        if (open === OPEN_OBJECT) {
          at = this.#nestedKey(bytes, at, end)
          if (at < 0) return at
          if (this.kind === KIND.loneText) lone = true
        }
        break
      }
    }
  }

  /** Scans `"key" :` inside a nested object; `kind` tells whether the key is a lone text. */
  #nestedKey(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.fail(end, INCOMPLETE)
    if (bytes[from] !== QUOTE) return this.fail(from, UNREADABLE)
    let at = this.string(bytes, from + 1, end)
    if (at < 0) return at
    at = skipSpace(bytes, at, end)
    if (at === end) return this.fail(end, INCOMPLETE)
    if (bytes[at] !== COLON) return this.fail(at, UNREADABLE)
    return skipSpace(bytes, at + 1, end)
  }

  /** Notes where reading stopped, and gives the reason back. */
  fail(at: number, code: typeof UNREADABLE | typeof INCOMPLETE): number {
    this.stoppedAt = at
    return code
  }
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
