/** The bytes of JSON syntax, and functions that skip them. */
export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const MINUS = 0x2d
export const ZERO = 0x30
export const NINE = 0x39
export const NEWLINE = 0x0a
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
export const OPEN_LIST = 0x5b
export const CLOSE_LIST = 0x5d

/** The end of the JSON white space that begins at `from`. */
export function skipSpace(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) break
    at++
  }
  return at
}

/** The end of the digits that begin at `from`. */
export function skipDigits(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end) {
    const byte = bytes[at] as number
    if (byte < ZERO || byte > NINE) break
    at++
  }
  return at
}

/** `"`, `\`, `/` and the letters b f n r t. */
export function isSimpleEscape(byte: number): boolean {
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
export function hexUnit(bytes: Buffer, from: number, end: number): number {
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

type NumberArray = Int32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** The same numbers in an array twice as long. */
export function widened<A extends NumberArray>(numbers: A): A {
  const wider = new (numbers.constructor as new (length: number) => A)(numbers.length * 2)
  wider.set(numbers)
  return wider
}
