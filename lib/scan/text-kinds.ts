import { KIND, type Kind } from '../columns/value-kinds.ts'
import { isIsoMoment } from '../time/instants.ts'
import { COLON, MINUS, NINE, ZERO } from './json-bytes.ts'

const POINT = 0x2e
const PLUS = 0x2b
const LETTER_T = 0x54
const LETTER_Z = 0x5a
const SPACE = 0x20

/** Such as `2026-01-31`, and `2026-01-31T12:00:00.123456+01:00`. */
const DATE_LENGTH = 10
const MOMENT_LENGTH_MAX = 32
const FRACTION_DIGITS_MAX = 6

/**
 * Whether the JSON text `bytes[start, end)`, with its quotes, is a date, a moment or any other
 * text, as `isIsoDate` and `isIsoMoment` define them. It reads bytes, because every value of a
 * column of dates is checked. A text with escapes is any other text.
 */
export function textKind(bytes: Buffer, start: number, end: number): Kind {
  const from = start + 1
  const to = end - 1
  if (to - from < DATE_LENGTH || to - from > MOMENT_LENGTH_MAX) return KIND.text
  const year = numberAt(bytes, from, 4)
  const isDay = year > 0 && bytes[from + 4] === MINUS && bytes[from + 7] === MINUS
  if (!isDay || !isInCalendar(year, numberAt(bytes, from + 5, 2), numberAt(bytes, from + 8, 2))) return KIND.text
  if (to - from === DATE_LENGTH) return KIND.date
  if (!isClock(bytes, from + DATE_LENGTH, to)) return KIND.text
  // The offset may lead out of the years that warehouses hold.
  const isInside = (year > 1 && year < 9999) || isIsoMoment(bytes.toString('latin1', from, to))
  return isInside ? KIND.moment : KIND.text
}

/** Whether the bytes are a time of day to the second or finer, and an offset from UTC. */
function isClock(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[from] !== LETTER_T && bytes[from] !== SPACE) return false
  if (bytes[from + 3] !== COLON || bytes[from + 6] !== COLON) return false
  const isTime = isUpTo(bytes, from + 1, 23) && isUpTo(bytes, from + 4, 59) && isUpTo(bytes, from + 7, 59)
  if (!isTime) return false
  const second = from + 9
  if (bytes[second] !== POINT) return isOffset(bytes, second, to)
  let at = second + 1
  while (isDigit(bytes[at])) at++
  const digits = at - second - 1
  return digits > 0 && digits <= FRACTION_DIGITS_MAX && isOffset(bytes, at, to)
}

function isOffset(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[from] === LETTER_Z) return from + 1 === to
  if (bytes[from] !== PLUS && bytes[from] !== MINUS) return false
  const minutes = bytes[from + 3] === COLON ? from + 4 : from + 3
  return minutes + 2 === to && isUpTo(bytes, from + 1, 23) && isUpTo(bytes, minutes, 59)
}

function isInCalendar(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || day > 31) return false
  if (day <= 28) return true
  if (month !== 2) return day <= 30 || (month !== 4 && month !== 6 && month !== 9 && month !== 11)
  return day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Whether two digits are a number up to `most`. */
function isUpTo(bytes: Buffer, from: number, most: number): boolean {
  const value = numberAt(bytes, from, 2)
  return value >= 0 && value <= most
}

/** The number of these digits; -1 if they are not digits. */
function numberAt(bytes: Buffer, from: number, count: number): number {
  let value = 0
  for (let at = from; at < from + count; at++) {
    const byte = bytes[at]
    if (!isDigit(byte)) return -1
    value = value * 10 + (byte as number) - ZERO
  }
  return value
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}
