import { DAY_MS } from '../../time/days.ts'
import { dayNumber } from '../../time/event-time.ts'
import { RouteError } from '../http/reply.ts'
import { COUNT_TYPES, countEvents } from '../stores/event-counts.ts'
import { type DayRange, dateOf, dayBuckets } from './day-buckets.ts'
import type { Query, QueryRequest } from './query.ts'

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

/** `/api/query/segmentation`: counts of one event. `on` is not simulated. */
export const segmentation: Query = {
  feature: 'counts',
  answer: (request) => countsOf(request, [request.required('event')], request.days()),
}

/** `/api/query/events`: counts of several events, possibly for the last units. */
export const eventCounts: Query = {
  feature: 'counts',
  answer(request) {
    const { from_date, interval, unit } = request.parameters
    const names = request.list('event')
    if (names === undefined) throw new RouteError('Missing required parameter: event')
    if (from_date !== undefined || interval === undefined) return countsOf(request, names, request.days())
    return countsOf(request, names, lastDays(unit, request.interval(), request.project.clock.today()), 1)
  },
}

async function countsOf(request: QueryRequest, names: readonly string[], range: DayRange, interval?: number) {
  const { project, parameters } = request
  for (const name of ['on', 'format']) {
    if (parameters[name] !== undefined) throw new RouteError(`Error in ${name}: not simulated`)
  }
  const type = COUNT_TYPES.find((known) => known === (parameters.type ?? 'general'))
  if (type === undefined) throw new RouteError('Error in type: expected general, unique or average')
  const { series, bucketOf } =
    shortBuckets(parameters.unit, range) ?? longBuckets(parameters.unit, range, interval ?? request.interval())
  const where = request.where()
  const personOf = (id: string) => project.identity.personId(id)
  const found = await countEvents(project.store, project.clock, { names, where, type, personOf, ...range, bucketOf })
  const values = names.map((name) => {
    const ofName = found.get(name)
    return [name, Object.fromEntries(series.map((bucket) => [bucket, ofName?.get(bucket) ?? 0]))] as const
  })
  return { data: { series, values: Object.fromEntries(values) }, legend_size: names.length }
}

function shortBuckets(name: string | undefined, { firstDay, lastDay }: DayRange) {
  const unit = SHORT_UNITS[name ?? '']
  if (unit === undefined) return undefined
  const bucketOf = (ms: number) => new Date(ms).toISOString().replace('T', ' ').slice(0, unit.length) + unit.suffix
  const length = ((lastDay + 1 - firstDay) * DAY_MS) / unit.ms
  const series = Array.from({ length }, (_, index) => bucketOf(firstDay * DAY_MS + index * unit.ms))
  return { series, bucketOf }
}

function longBuckets(unit: string | undefined, range: DayRange, interval: number) {
  const buckets = dayBuckets(range, unit, interval)
  const nameOfDay = buckets.flatMap(({ name, firstDay, lastDay }) => Array<string>(lastDay + 1 - firstDay).fill(name))
  const bucketOf = (ms: number) => nameOfDay[Math.floor(ms / DAY_MS) - range.firstDay] ?? ''
  return { series: buckets.map(({ name }) => name), bucketOf }
}

/** Returns the days of the last units, including the current one; of shorter units only today. */
function lastDays(unit = 'day', count: number, lastDay: number): DayRange {
  if (unit === 'month') {
    const months = { months: count - 1 }
    return { firstDay: dayNumber(dateOf(lastDay).startOf('month').minus(months).toMillis()), lastDay }
  }
  const days = unit === 'week' ? 7 * count : unit === 'day' ? count : 1
  return { firstDay: lastDay - days + 1, lastDay }
}
