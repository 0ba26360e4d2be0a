import { addDays, type Day, startOfDay } from './days.ts'

const DAY_MS = 86_400_000

/** Beyond this many milliseconds from 1970 there is no date in JavaScript, nor in the warehouses. */
export const INSTANT_MS_MAX = 8.64e15

/**
 * How the numbers in `time` are to be read within one slice. mixload always asks for milliseconds, so a number is
 * milliseconds, unless only reading it as seconds puts it near the slice's days: then the server did not heed the wish.
 */
export interface EventClock {
  readonly firstDay: Day
  readonly lastDay: Day
  /** Numbers in `[secondsFrom, secondsUntil)` are seconds. */
  readonly secondsFrom: number
  readonly secondsUntil: number
  /** The slice's days as milliseconds, `[from, until)`, in the clock that the numbers are in. */
  readonly from: number
  readonly until: number
}

/** A day on either side is near: clocks and zones differ by less. */
export function eventClock(firstDay: Day, lastDay: Day): EventClock {
  const from = startOfDay(firstDay)
  const until = startOfDay(addDays(lastDay, 1))
  const secondsFrom = (from - DAY_MS) / 1000
  const secondsUntil = (until + DAY_MS) / 1000
  // In the first weeks of 1970 a number could be either; then it is milliseconds, as asked for.
  const isUnambiguous = secondsUntil < from - DAY_MS
  return {
    firstDay,
    lastDay,
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

/** Whether a moment in milliseconds is a date that warehouses hold, exact to the millisecond. */
export function isStorable(ms: number): boolean {
  return Math.abs(ms) <= INSTANT_MS_MAX && Math.abs(ms - Math.round(ms)) < 1e-3
}
