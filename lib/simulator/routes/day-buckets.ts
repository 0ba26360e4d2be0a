import { DateTime } from 'luxon'
import { DAY_MS } from '../../time/days.ts'
import { dayNumber, dayOfNumber } from '../../time/event-time.ts'
import { RouteError } from '../http/reply.ts'

/** Days since 1970, both inclusive. */
export interface DayRange {
  readonly firstDay: number
  readonly lastDay: number
}

/** Days that a response combines under the name of the first. */
export interface DayBucket extends DayRange {
  readonly name: string
}

const UNITS = ['day', 'week', 'month'] as const

/**
 * Returns the buckets of a range of days, by `unit` (`day`, `week` from Monday, `month`) or by
 * `interval` in days. `unit` wins. A week or month that starts before the range is named after its
 * own first day.
 */
export function dayBuckets(range: DayRange, unit: string | undefined, interval: number): DayBucket[] {
  const buckets: DayBucket[] = []
  for (let day = range.firstDay; day <= range.lastDay; ) {
    const [start, end] = boundsOf(day, unit, interval)
    buckets.push({ name: dayOfNumber(start), firstDay: day, lastDay: Math.min(end, range.lastDay) })
    day = end + 1
  }
  return buckets
}

/** Returns the first and the last day of a day's bucket. An interval starts with the day. */
function boundsOf(day: number, unit: string | undefined, interval: number): readonly [number, number] {
  if (unit === undefined) return [day, day + interval - 1]
  const known = UNITS.find((name) => name === unit)
  if (known === undefined) throw new RouteError('Error in unit: expected day, week or month')
  const date = dateOf(day)
  return [dayNumber(date.startOf(known).toMillis()), dayNumber(date.endOf(known).toMillis())]
}

/** Returns a day as luxon's date, whose weeks begin on Monday. */
export function dateOf(day: number): DateTime {
  return DateTime.fromMillis(day * DAY_MS, { zone: 'utc' })
}
