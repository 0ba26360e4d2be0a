import { fixed, LOAD_COLUMNS } from '../columns/catalogue.ts'
import { RECORD_LINES, type StreamTable } from '../columns/table.ts'
import { type ErrorCode, isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import { missingDays, type Slice, sliceName } from '../slices.ts'
import { type Day, isDay } from '../time/days.ts'
import { batchOf, isObject, type JsonObject, parseAnswer, unknownForm } from './answer.ts'
import { askDays } from './ask-days.ts'
import { type ProfileRevenue, profileRevenue } from './profile-revenue.ts'
import type { Stream, StreamContext } from './stream.ts'

const REVENUE: StreamTable = {
  name: 'revenue',
  columns: [
    fixed('date', 'date', "Day, in the project's time zone", 'date'),
    fixed('_day', 'date', 'The same: the day under which the row is replaced', '_day'),
    fixed('amount', 'double', 'Sum of the charges of the day', 'amount'),
    fixed('count', 'bigint', 'Profiles: those that Mixpanel counts for the day, or those that there are now', 'count'),
    fixed('paid_count', 'bigint', 'Profiles with a charge on the day', 'paid_count'),
    fixed('source', 'text', "endpoint: Mixpanel's own figures; profiles: summed from their $transactions", 'source'),
    ...LOAD_COLUMNS,
  ],
  lines: RECORD_LINES,
  key: ['date'],
  properties: {},
  isSelective: false,
}

/** Many days take one request, like one day. If that times out, the profiles are read instead. */
const SLICE_DAYS_MAX = 100

/** How the undocumented endpoint may fail once it no longer exists. */
const REFUSALS: readonly ErrorCode[] = [
  'NOT_FOUND',
  'REQUEST_REFUSED',
  'PLAN_REFUSED',
  'PERMISSION_REFUSED',
  'QUERY_TIMEOUT',
  'BODY_UNREADABLE',
  'SERVER_FAILED',
]

/**
 * Revenue by day. Mixpanel's endpoint for it is undocumented and may be gone (its EU host answers
 * 400). Then the figures are summed from the profiles, which are read once per run.
 */
export function revenueStream(): Stream {
  let profiles: ProfileRevenue | undefined
  return {
    name: 'revenue',
    tables: [REVENUE],
    replication: 'incremental',
    family: 'app',
    sliceDaysMax: () => SLICE_DAYS_MAX,
    async *read(context, slice, signal) {
      if (slice === undefined) throw new TypeError('revenue is read by days')
      const days = profiles === undefined ? await fromEndpoint(context, slice, signal) : undefined
      if (days !== undefined) yield batchOf('revenue', days)
      else {
        profiles ??= await profileRevenue(context, signal)
        yield batchOf('revenue', profileRecords(profiles, slice))
      }
    },
  }
}

/** Records from Mixpanel's endpoint; undefined if it fails. */
async function fromEndpoint(
  context: StreamContext,
  slice: Slice,
  signal: AbortSignal,
): Promise<readonly JsonObject[] | undefined> {
  const requestOf = ({ firstDay, lastDay }: Slice): ApiRequest => ({
    family: 'app',
    path: '/api/2.0/engage/revenue',
    query: { unit: 'day', from_date: firstDay, to_date: lastDay },
  })
  try {
    const what = `Revenue of ${sliceName(slice)}`
    const read = (body: Buffer) => endpointRecords(parseAnswer(body, what), slice, what)
    return (await askDays(context, 'revenue', slice, requestOf, read, signal)) ?? []
  } catch (error) {
    if (!isFailure(error, ...REFUSALS)) throw error
    context.onProgress({
      kind: 'warning',
      message: `Mixpanel's revenue endpoint failed (${error.message}). Revenue is summed from the profiles instead.`,
    })
    return undefined
  }
}

/**
 * One record per requested day in the endpoint's response. The total, `$overall`, is left out.
 * @throws MixloadError BODY_UNREADABLE if the response has another form.
 */
export function endpointRecords(answer: unknown, { firstDay, lastDay }: Slice, what: string): readonly JsonObject[] {
  const results = isObject(answer) ? answer.results : undefined
  if (!isObject(results)) throw unknownForm(what)
  return Object.keys(results)
    .filter((day) => isDay(day) && day >= firstDay && day <= lastDay)
    .sort()
    .map((day) => {
      const entry = results[day]
      if (!isObject(entry)) throw unknownForm(what)
      return { ...entry, ...dated(day), source: 'endpoint' }
    })
}

/** One record per day of the slice. `count` is the present number of profiles, on every day. */
export function profileRecords(
  { tally, profiles }: ProfileRevenue,
  { firstDay, lastDay }: Slice,
): readonly JsonObject[] {
  return missingDays(firstDay, lastDay, new Set()).map((day) => {
    const { amount, paidCount } = tally.revenueOf(day)
    return { ...dated(day), amount, count: profiles, paid_count: paidCount, source: 'profiles' }
  })
}

function dated(day: Day): JsonObject {
  return { date: day, _day: day }
}
