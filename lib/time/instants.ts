export const HOUR_MS = 3_600_000

/** The greatest distance from 1970 of a date in JavaScript and in the warehouses, milliseconds. */
export const INSTANT_MS_MAX = 8.64e15

/** Numbers nearer to 0 are seconds: as milliseconds they would be before 3 March 1973. */
export const SECONDS_BELOW = 1e11

/** A number of seconds or milliseconds since 1970 as milliseconds. */
export function millisecondsOf(time: number): number {
  return Math.abs(time) < SECONDS_BELOW ? Math.round(time * 1000) : time
}

/** Whether a Date, and a warehouse, can hold a moment in milliseconds. */
export function isMoment(ms: number): boolean {
  return Math.abs(ms) <= INSTANT_MS_MAX
}

/** `yyyy-mm-dd`, optionally with a time and an offset, as Mixpanel writes dates. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?)?$/

/** Whether a text is a date or a moment in Mixpanel's format. */
export function isInstant(text: string): boolean {
  if (!INSTANT.test(text)) return false
  const parsed = Date.parse(toInstantText(text))
  if (Number.isNaN(parsed)) return false
  // Date.parse turns February 30 into March 2; an invalid date must not become another one.
  return new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10))
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/
const ISO_MOMENT = /^\d{4}-\d{2}-\d{2}[T ](?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})$/

/** The moments that every warehouse holds: the years 1 to 9999 in UTC. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/** Whether a text is a date of the calendar, `yyyy-mm-dd`, and nothing else. */
export function isIsoDate(text: string): boolean {
  return ISO_DATE.test(text) && isHeld(text)
}

/**
 * Whether a text is a date and a time to the second, with an offset and at most microseconds: a
 * moment that a timestamp holds whole, whatever zone the reader is in.
 */
export function isIsoMoment(text: string): boolean {
  return ISO_MOMENT.test(text) && isHeld(text)
}

function isHeld(text: string): boolean {
  const ms = isInstant(text) ? Date.parse(toInstantText(text)) : Number.NaN
  return ms >= FIRST_MS && ms <= LAST_MS
}

/** The moment as ISO 8601 with an offset. A text without one is UTC. */
export function toInstantText(text: string): string {
  const iso = text.replace(' ', 'T')
  if (iso.length === 10) return `${iso}T00:00:00Z`
  return hasOffset(iso) ? iso : `${iso}Z`
}

/** Whether a moment says its offset from UTC. The dashes of a date only look like one. */
export function hasOffset(text: string): boolean {
  return text.length > 10 && /(?:Z|[+-]\d{2}:?\d{2})$/.test(text)
}

/** The number in a text that has nothing else; undefined for other texts. */
export function numberOfText(text: string): number | undefined {
  const number = /^\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}
