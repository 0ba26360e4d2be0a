import { DateTime, IANAZone } from 'luxon'

/** A calendar day as `yyyy-mm-dd`; days compare as texts. */
export type Day = string

/** Milliseconds of a day that has 24 hours. */
export const DAY_MS = 86_400_000

/** Whether a text is a real calendar day. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && dayAt(Date.parse(text)) === text
}

/** The UTC day that holds a moment, in milliseconds since 1970. */
export function dayAt(ms: number): Day {
  return new Date(ms).toISOString().slice(0, 10)
}

/** The first millisecond of a day whose clock is UTC. */
export function startOfDay(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`)
}

/** The day so many days later; earlier if the number is negative. */
export function addDays(day: Day, count: number): Day {
  return dayAt(startOfDay(day) + count * DAY_MS)
}

/** The number of days from `first` to `last`, both included; 0 if `last` is before `first`. */
export function countDays(first: Day, last: Day): number {
  return Math.max(0, Math.round((startOfDay(last) - startOfDay(first)) / DAY_MS) + 1)
}

/** The days from `first` to `last`, both included. */
export function daysOf(first: Day, last: Day): readonly Day[] {
  const days: Day[] = []
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day)
  return days
}

/** The earlier of two days. */
export function earlier(a: Day, b: Day): Day {
  return a < b ? a : b
}

/** The later of two days. */
export function later(a: Day, b: Day): Day {
  return a > b ? a : b
}

/** Whether a text is the name of a known time zone: one that Node and the engine have. */
export function isZone(zone: string): boolean {
  // Node also takes offsets, but the engine and the warehouses do not.
  return !isOffset(zone) && IANAZone.isValidZone(zone)
}

/** Whether a text is an offset from UTC, such as `+05:30`, in place of a time zone. */
export function isOffset(zone: string): boolean {
  return /^\s*[+\u2212-]?\d/.test(zone)
}

/** The day of a moment in a time zone. */
export function dayInZone(ms: number, zone: string): Day {
  return DateTime.fromMillis(ms, { zone }).toISODate() as Day
}

/** The moment at which a day ends in a time zone, in milliseconds since 1970. */
export function endOfDayInZone(day: Day, zone: string): number {
  const start = DateTime.fromISO(addDays(day, 1), { zone }).startOf('day')
  // When clocks go back at midnight, midnight comes twice: the day ends at the first.
  return Math.min(...start.getPossibleOffsets().map((moment) => moment.toMillis()))
}
