import { KIND, type Kind, numberKind } from '../columns/value-kinds.ts'
import {
  BACKSLASH,
  COLON,
  COMMA,
  hexUnit,
  isSimpleEscape,
  MINUS,
  NINE,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
  skipDigits,
  skipSpace,
  ZERO,
} from './json-bytes.ts'

/** Deeper nested lists and objects are unreadable. This is BigQuery's limit for JSON. */
export const NESTING_MAX = 500

/** Every decimal literal with at most this many significant digits survives a double. */
const SAFE_DIGITS = 15

/** Returned instead of a position: the bytes are not JSON. */
export const UNREADABLE = -1
/** Returned instead of a position: the bytes end before their JSON does. */
export const INCOMPLETE = -2

/**
 * Finds the end and kind of JSON values (RFC 8259) without parsing them. Methods return the
 * position after what they scanned, or {@link UNREADABLE} or {@link INCOMPLETE}.
 */
export class ValueScanner {
  kind: Kind = KIND.null
  stoppedAt = 0
  readonly #nesting = new Uint8Array(NESTING_MAX)

  value(bytes: Buffer, from: number, end: number): number {
    if (from >= end) return this.fail(end, INCOMPLETE)
    const byte = bytes[from] as number
    if (byte === QUOTE) return this.string(bytes, from + 1, end)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(bytes, from, end)
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) return this.#nested(bytes, from, end)
    return this.#word(bytes, from, end)
  }

  /** Scans a text from after its opening quote. */
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

  /** Scans a list or an object, with its own stack. */
  #nested(bytes: Buffer, from: number, end: number): number {
    const nesting = this.#nesting
    let depth = 0
    let lone = false
    let precise = false
    let at = from
    for (;;) {
      // A value begins here.
      const byte = at < end ? (bytes[at] as number) : 0
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === NESTING_MAX) return this.fail(at, UNREADABLE)
        nesting[depth++] = byte
        at = skipSpace(bytes, at + 1, end)
        if (at === end) return this.fail(end, INCOMPLETE)
        // `]` is `[` + 2, and `}` is `{` + 2.
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
        // In nested values the engine keeps long integers exact, but reads fractions as doubles.
        else if (this.kind === KIND.bigNumber) precise = true
      }
      // A value has ended here: close the brackets that follow, then go to the next value.
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

  /** Scans `"key" :` inside a nested object. `kind` shows whether the key is a lone text. */
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

  fail(at: number, code: typeof UNREADABLE | typeof INCOMPLETE): number {
    this.stoppedAt = at
    return code
  }
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')
