import { addDays, type Day, dayAt, startOfDay } from './days.ts'

const DAY_MS = 86_400_000

/** Beyond this many milliseconds from 1970 there is no date in JavaScript, nor in the warehouses. */
export const INSTANT_MS_MAX = 8.64e15

/** How the numbers in `time` are to be read, and which days they are expected to be of. */
export interface EventClock {
  /** Numbers in `[secondsFrom, secondsUntil)` are seconds. */
  readonly secondsFrom: number
  readonly secondsUntil: number
  /** The days expected, as milliseconds, `[from, until)`, in the clock that the numbers are in. */
  readonly from: number
  readonly until: number
  /** The days that were asked for, under which all events are filed; undefined where each is filed under its own day. */
  readonly filedUnder: { readonly firstDay: Day; readonly lastDay: Day } | undefined
}

/** Seconds of any date that events are of are below this, and milliseconds of any after 3 March 1973 are not. */
const SECONDS_MAX = 1e11

/**
 * The clock of events from a file, which were asked for by nobody knows which days: a number is seconds if it is small.
 * A day is any that a date of four digits for the year can name.
 */
export const FILE_CLOCK: EventClock = {
  secondsFrom: -SECONDS_MAX,
  secondsUntil: SECONDS_MAX,
  from: startOfDay('0001-01-01'),
  until: startOfDay('9999-12-31') + DAY_MS,
  filedUnder: undefined,
}

/**
 * The clock of a slice. mixload always asks for milliseconds, so a number is milliseconds, unless only reading it as
 * seconds puts it near the slice's days: then the server did not heed the wish. A day on either side is near: clocks and
 * zones differ by less.
 */
export function eventClock(firstDay: Day, lastDay: Day): EventClock {
  const from = startOfDay(firstDay)
  const until = startOfDay(addDays(lastDay, 1))
  const secondsFrom = (from - DAY_MS) / 1000
  const secondsUntil = (until + DAY_MS) / 1000
  // In the first weeks of 1970 a number could be either; then it is milliseconds, as asked for.
  const isUnambiguous = secondsUntil < from - DAY_MS
  return {
    filedUnder: { firstDay, lastDay },
    from,
    until,
    secondsFrom: isUnambiguous ? secondsFrom : 0,
    secondsUntil: isUnambiguous ? secondsUntil : 0,
  }
}

/** The milliseconds that a number in `time` stands for. */
export function clockMs(clock: EventClock, time: number): number {
  return time >= clock.secondsFrom && time < clock.secondsUntil ? time * 1000 : time
}

/** The number of the day, counted from 1970, that a moment in milliseconds is of. */
export function dayNumber(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** The day of that number. */
export function dayOfNumber(number: number): Day {
  return dayAt(number * DAY_MS)
}

/** Whether a moment in milliseconds is a date that warehouses hold, exact to the millisecond. */
export function isStorable(ms: number): boolean {
  return Math.abs(ms) <= INSTANT_MS_MAX && Math.abs(ms - Math.round(ms)) < 1e-3
}
