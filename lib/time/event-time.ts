import { addDays, DAY_MS, type Day, dayAt, endOfDayInZone, startOfDay } from './days.ts'
import { isInstant, isMoment, numberOfText, SECONDS_BELOW, toInstantText } from './instants.ts'

/** How to read the numbers in `time`, and which days to expect. */
export interface EventClock {
  /** Numbers in `[secondsFrom, secondsUntil)` are seconds. */
  readonly secondsFrom: number
  readonly secondsUntil: number
  /** The expected days as milliseconds, `[from, until)`, on the clock of the numbers. */
  readonly from: number
  readonly until: number
  /** The moments that a response to the request may hold, `[earliest, latest)`. */
  readonly earliest: number
  readonly latest: number
  /** The requested days, one of which each event gets. Undefined: each event gets its own day. */
  readonly filedUnder: { readonly firstDay: Day; readonly lastDay: Day } | undefined
}

/** The clock of events from a file: small numbers are seconds; years 1 to 9999 are expected. */
export const FILE_CLOCK: EventClock = {
  secondsFrom: -SECONDS_BELOW,
  secondsUntil: SECONDS_BELOW,
  from: startOfDay('0001-01-01'),
  until: startOfDay('9999-12-31') + DAY_MS,
  earliest: Number.NEGATIVE_INFINITY,
  latest: Number.POSITIVE_INFINITY,
  filedUnder: undefined,
}

/**
 * The clock of a slice. Milliseconds are always requested, so a number is seconds only if that
 * alone puts it near the slice's days, within a day: then the server has ignored the request.
 * Whether Mixpanel cuts days in UTC or in the project's `zone` is documented only in part, so a
 * response may hold the moments of both.
 */
export function eventClock(firstDay: Day, lastDay: Day, zone = 'UTC'): EventClock {
  const from = startOfDay(firstDay)
  const until = startOfDay(addDays(lastDay, 1))
  const secondsFrom = (from - DAY_MS) / 1000
  const secondsUntil = (until + DAY_MS) / 1000
  // In the first weeks of 1970 a number could be either; then it is milliseconds, as requested.
  const isUnambiguous = secondsUntil < from - DAY_MS
  return {
    filedUnder: { firstDay, lastDay },
    from,
    until,
    earliest: Math.min(from, endOfDayInZone(addDays(firstDay, -1), zone)),
    latest: Math.max(until, endOfDayInZone(lastDay, zone)),
    secondsFrom: isUnambiguous ? secondsFrom : 0,
    secondsUntil: isUnambiguous ? secondsUntil : 0,
  }
}

/** A number in `time` as milliseconds. */
export function clockMs(clock: EventClock, time: number): number {
  return time >= clock.secondsFrom && time < clock.secondsUntil ? time * 1000 : time
}

/** Whether a moment lies outside the requested days, in UTC and in the project's time zone. */
export function isDistant({ earliest, latest }: EventClock, ms: number): boolean {
  return ms < earliest || ms >= latest
}

/**
 * The number that a text as `time` stands for on a clock: a number as text, or a moment in ISO
 * 8601, which is UTC without an offset. Undefined for other texts.
 */
export function timeOfText(clock: EventClock, text: string): number | undefined {
  const number = numberOfText(text)
  if (number !== undefined) return number
  if (!isInstant(text.trim())) return undefined
  const ms = Date.parse(toInstantText(text.trim()))
  // Early milliseconds look like seconds, and fractions of seconds are not exact.
  return [ms, ms / 1000].find((candidate) => Math.round(clockMs(clock, candidate)) === ms)
}

/** The day of a moment in milliseconds, as days since 1970. */
export function dayNumber(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** The day that is so many days after 1970-01-01. */
export function dayOfNumber(number: number): Day {
  return dayAt(number * DAY_MS)
}

/** Whether warehouses can hold a moment in milliseconds exactly. */
export function isStorable(ms: number): boolean {
  return isMoment(ms) && Math.abs(ms - Math.round(ms)) < 1e-3
}
