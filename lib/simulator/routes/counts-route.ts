import type { Route } from '../http/reply.ts'
import { dayNumber, dayText, MS_PER_DAY } from '../stores/clock.ts'
import { COUNT_TYPES, type CountQuery, countEvents } from '../stores/event-counts.ts'
import { type DayBucket, dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import {
  countParameter,
  daysParameter,
  listParameter,
  type Parameters,
  queryRoute,
  whereParameter,
} from './query-route.ts'
import { RouteError } from './route-error.ts'

const INTERVAL_MAX = 3660

interface ShortUnit {
  readonly ms: number
  /** How many characters of `yyyy-mm-dd hh:mm:ss` name the unit, and how its name continues. */
  readonly length: number
  readonly suffix: string
}

/** Units shorter than a day. */
const SHORT_UNITS: Readonly<Record<string, ShortUnit>> = {
  hour: { ms: 3_600_000, length: 13, suffix: ':00:00' },
  minute: { ms: 60_000, length: 16, suffix: ':00' },
}

/** `GET /api/query/segmentation`: counts of one event. `on` is not simulated. */
export function segmentationRoute(project: Project): Route {
  return queryRoute(project, 'counts', async (parameters) => {
    if (parameters.event === undefined) throw new RouteError('Missing required parameter: event')
    return counts(project, parameters, [parameters.event], daysParameter(parameters, project.clock))
  })
}

/** `GET /api/query/events`: counts of several events, possibly for the last units. */
export function eventsRoute(project: Project): Route {
  return queryRoute(project, 'counts', async (parameters) => {
    const names = listParameter(parameters, 'event')
    if (names === undefined) throw new RouteError('Missing required parameter: event')
    if (parameters.from_date !== undefined || parameters.interval === undefined) {
      return counts(project, parameters, names, daysParameter(parameters, project.clock))
    }
    const { interval, ...others } = parameters
    const count = countParameter(parameters, 'interval', 1, INTERVAL_MAX) ?? 1
    return counts(project, others, names, lastDays(parameters.unit, count, project.clock.today()))
  })
}

async function counts(
  project: Project,
  parameters: Parameters,
  names: readonly string[],
  range: { readonly firstDay: number; readonly lastDay: number },
) {
  for (const name of ['on', 'format']) {
    if (parameters[name] !== undefined) throw new RouteError(`Error in ${name}: not simulated`)
  }
  const type = COUNT_TYPES.find((known) => known === (parameters.type ?? 'general'))
  if (type === undefined) throw new RouteError('Error in type: expected general, unique or average')
  const { series, bucketOf } = bucketsOf(parameters, range)
  const counted: CountQuery = { names, where: whereParameter(parameters), type, ...range, bucketOf }
  const found = await countEvents(project.store, project.clock, counted)
  const values = names.map((name) => {
    const ofName = found.get(name)
    return [name, Object.fromEntries(series.map((bucket) => [bucket, ofName?.get(bucket) ?? 0]))] as const
  })
  return { data: { series, values: Object.fromEntries(values) }, legend_size: names.length }
}

interface Buckets {
  readonly series: readonly string[]
  readonly bucketOf: CountQuery['bucketOf']
}

function bucketsOf(parameters: Parameters, { firstDay, lastDay }: { firstDay: number; lastDay: number }): Buckets {
  const short = SHORT_UNITS[parameters.unit ?? '']
  if (short !== undefined) {
    const bucketOf = (ms: number) => {
      const text = new Date(ms).toISOString().replace('T', ' ')
      return text.slice(0, short.length) + short.suffix
    }
    const starts = Array.from(
      { length: ((lastDay + 1 - firstDay) * MS_PER_DAY) / short.ms },
      (_, index) => firstDay * MS_PER_DAY + index * short.ms,
    )
    return { series: starts.map(bucketOf), bucketOf }
  }
  const buckets = dayBuckets(parameters, firstDay, lastDay)
  const names = new Map(buckets.flatMap((bucket) => daysIn(bucket).map((day) => [day, bucket.name] as const)))
  return {
    series: buckets.map(({ name }) => name),
    bucketOf: (ms) => names.get(Math.floor(ms / MS_PER_DAY)) ?? '',
  }
}

function daysIn({ firstDay, lastDay }: DayBucket): number[] {
  return Array.from({ length: lastDay + 1 - firstDay }, (_, index) => firstDay + index)
}

/** Returns the days of the last units, including the current one. */
function lastDays(unit: string | undefined, count: number, today: number): { firstDay: number; lastDay: number } {
  if (unit === 'week') return { firstDay: today - 7 * count + 1, lastDay: today }
  if (unit !== 'month')
    return { firstDay: today - (unit === undefined || unit === 'day' ? count - 1 : 0), lastDay: today }
  const [year = 0, month = 0] = dayText(today).split('-').map(Number)
  const first = new Date(Date.UTC(year, month - count, 1)).toISOString().slice(0, 10)
  return { firstDay: dayNumber(first) ?? today, lastDay: today }
}
