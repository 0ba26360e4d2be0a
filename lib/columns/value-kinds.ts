/**
 * Kinds of JSON values, as bits. They distinguish only what loading needs: whether a column type
 * holds the value exactly, and whether the engine's JSON reader can read it as it is.
 */
export const KIND = {
  null: 1,
  text: 2,
  /** An integer of at most 2^53, which double and bigint both hold. */
  integer: 4,
  /** An integer beyond 2^53 that a 64-bit integer still holds. */
  longInteger: 8,
  /** A number with a fraction or an exponent whose digits a double keeps. */
  double: 16,
  /** A number that neither a 64-bit integer nor a double holds exactly. */
  bigNumber: 32,
  boolean: 64,
  json: 128,
  /** An array or an object with a fractional number whose digits a double does not keep. */
  preciseJson: 256,
  /** A text with a lone surrogate, which UTF-8 lacks, or with NUL, which Postgres cannot store. */
  loneText: 512,
  /** An array or an object that contains such a text. */
  loneJson: 1024,
  /** A text that is an ISO date. The scanner calls it a text; see `textKind`. */
  date: 2048,
  /** A text that is an ISO date and time with an offset from UTC. The scanner calls it a text. */
  moment: 4096,
} as const

/** One of the bits of {@link KIND}. */
export type Kind = (typeof KIND)[keyof typeof KIND]

/** Kinds of texts that every warehouse can store. */
export const TEXT_KINDS = KIND.text | KIND.date | KIND.moment

/** Kinds that some warehouses cannot store. Every destination gets the same repaired form. */
export const LONE_KINDS = KIND.loneText | KIND.loneJson

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Sign, significant digits and power of ten, so that `1.10`, `1.1` and `11e-1` are equal. */
function normalized(literal: string): string {
  const match = DECIMAL.exec(literal)
  if (match === null) return literal
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + (digits.length - significant.length)}`
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** A longer number exceeds a double, and comparing its digits would take long. */
const DOUBLE_LITERAL_MAX = 400

/** The kind of a JSON number. An integer beyond 2^53 is never a double, whatever its value. */
export function numberKind(literal: string): Kind {
  if (/^-?\d+$/.test(literal)) {
    if (literal.length <= 16 && Number.isSafeInteger(Number(literal))) return KIND.integer
    if (literal.length > DOUBLE_LITERAL_MAX) return KIND.bigNumber
    const value = BigInt(literal)
    if (value >= -(2n ** 53n) && value <= 2n ** 53n) return KIND.integer
    return value >= INT64_MIN && value <= INT64_MAX ? KIND.longInteger : KIND.bigNumber
  }
  if (literal.length > DOUBLE_LITERAL_MAX) return KIND.bigNumber
  const value = Number(literal)
  const shortest = String(value)
  if (shortest === literal) return KIND.double
  return Number.isFinite(value) && normalized(shortest) === normalized(literal) ? KIND.double : KIND.bigNumber
}
