import { DateTime } from 'luxon'
import { RouteError } from '../http/reply.ts'
import { dayText, MS_PER_DAY } from '../stores/clock.ts'
import { countParameter, type Parameters } from './query-route.ts'

/** Days that a response combines under the name of the first, both inclusive. */
export interface DayBucket {
  readonly name: string
  readonly firstDay: number
  readonly lastDay: number
}

/** The most days that an interval can have. */
const INTERVAL_DAYS_MAX = 3660

/**
 * Returns the buckets of a range of days, by `unit` (`day`, `week` from Monday, `month`) or by
 * `interval` in days. A week or month that starts earlier is named after its own first day.
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

/** Returns the first and last day of the bucket that has a day. An interval starts with it. */
function boundsOf(day: number, unit: string | undefined, interval: number): readonly [number, number] {
  if (unit === undefined) return [day, day + interval - 1]
  if (unit !== 'day' && unit !== 'week' && unit !== 'month') {
    throw new RouteError('Error in unit: expected day, week or month')
  }
  const start = DateTime.fromMillis(day * MS_PER_DAY, { zone: 'utc' }).startOf(unit)
  const next = start.plus({ [unit]: 1 })
  return [start.toMillis() / MS_PER_DAY, next.toMillis() / MS_PER_DAY - 1]
}
