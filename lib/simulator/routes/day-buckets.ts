import { dayNumber, dayText } from '../stores/clock.ts'
import { countParameter, type Parameters } from './query-route.ts'
import { RouteError } from './route-error.ts'

/** Days that a response combines under the name of the first, both inclusive. */
export interface DayBucket {
  readonly name: string
  readonly firstDay: number
  readonly lastDay: number
}

/** The most days that an interval can have. */
const INTERVAL_DAYS_MAX = 3660

/** 1970-01-01 was a Thursday, and weeks start on Monday. */
const MONDAY_SHIFT = 3

/**
 * Returns the buckets of a range of days, by `unit` (`day`, `week` from Monday, `month`) or by
 * `interval` in days. `unit` wins. A week or month that starts before the range is named after its
 * own first day.
 */
export function dayBuckets(parameters: Parameters, firstDay: number, lastDay: number): DayBucket[] {
  const { unit } = parameters
  const interval = countParameter(parameters, 'interval', 1, INTERVAL_DAYS_MAX) ?? 1
  const buckets: DayBucket[] = []
  for (let day = firstDay; day <= lastDay; ) {
    const [start, end] = boundsOf(day, unit, interval)
    buckets.push({ name: dayText(start), firstDay: day, lastDay: Math.min(end, lastDay) })
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
      const first = dayNumber(`${dayText(day).slice(0, 7)}-01`) ?? day
      return [first, firstOfNextMonth(first) - 1]
    }
    default:
      throw new RouteError('Error in unit: expected day, week or month')
  }
}

function firstOfNextMonth(first: number): number {
  // 31 days after the first of a month is early in the next month.
  const inNext = first + 31
  return dayNumber(`${dayText(inNext).slice(0, 7)}-01`) ?? inNext
}
