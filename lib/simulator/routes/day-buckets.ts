import { dayNumber, dayText } from '../stores/clock.ts'
import { countParameter, type Parameters, QueryError } from './query-route.ts'

/** Days that an answer puts together under the first of them, both inclusive. */
export interface DayBucket {
  readonly name: string
  readonly firstDay: number
  readonly lastDay: number
}

/** No answer has more buckets than that. */
const INTERVAL_DAYS_MAX = 3660

/** 1970-01-01 was a Thursday; weeks begin on Monday. */
const MONDAY_SHIFT = 3

/**
 * The buckets of a range of days, by `unit` (`day`, `week` from Monday, `month`) or by `interval` in days. Where both
 * are given the unit holds. A week or month that the range cuts has the name of its own first day.
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

/** The first and the last day of the bucket that a day is in; an interval begins with the day itself. */
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
      throw new QueryError('Error in unit: expected day, week or month')
  }
}

function firstOfNextMonth(first: number): number {
  // 31 days after the first of a month it is early in the next one.
  const inNext = first + 31
  return dayNumber(`${dayText(inNext).slice(0, 7)}-01`) ?? inNext
}
