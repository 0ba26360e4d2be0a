import { dayOfNumber } from '../../time/event-time.ts'
import { RouteError } from '../http/reply.ts'
import { dayNumberIn } from '../stores/clock.ts'

/** Days since 1970, both inclusive. */
export interface DayRange {
  readonly firstDay: number
  readonly lastDay: number
}

/** Days that a response combines under the name of the first. */
export interface DayBucket extends DayRange {
  readonly name: string
}

/** 1970-01-01 was a Thursday, and weeks start on Monday. */
const MONDAY_SHIFT = 3

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
  switch (unit) {
    case undefined:
      return [day, day + interval - 1]
    case 'day':
      return [day, day]
    case 'week': {
      const monday = day - ((day + MONDAY_SHIFT) % 7)
      return [monday, monday + 6]
    }
    case 'month': {
      const first = firstOfMonth(day)
      // 31 days after the first of a month is early in the next month.
      return [first, firstOfMonth(first + 31) - 1]
    }
    default:
      throw new RouteError('Error in unit: expected day, week or month')
  }
}

/** Returns the first day of a day's month. */
export function firstOfMonth(day: number): number {
  return dayNumberIn(`${dayOfNumber(day).slice(0, 7)}-01`) ?? day
}
