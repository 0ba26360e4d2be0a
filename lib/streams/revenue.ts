import { member } from '../columns/catalogue.ts'
import { recordTable } from '../columns/table.ts'
import { type ErrorCode, isFailure } from '../core/errors.ts'
import { type Slice, sliceName } from '../slices.ts'
import { daysOf } from '../time/days.ts'
import { assertOk, batchOf, dated, isObject, type JsonObject, parseAnswer, unknownForm } from './answer.ts'
import { daysIn } from './days-in.ts'
import { type ProfileRevenue, profileRevenue } from './profile-revenue.ts'
import type { Stream, StreamContext } from './stream.ts'

const REVENUE = recordTable(
  'revenue',
  ['date'],
  [
    member('date', 'date', "Day, in the project's time zone"),
    member('_day', 'date', 'The same: the day under which the row is replaced'),
    member('amount', 'double', 'Sum of the charges of the day'),
    member('count', 'bigint', 'Profiles: those that Mixpanel counts for the day, or all that exist now'),
    member('paid_count', 'bigint', 'Profiles with a charge on the day'),
    member('source', 'text', "endpoint: Mixpanel's own figures; profiles: summed from their $transactions"),
  ],
)

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
    async *read(context, slice) {
      if (slice === undefined) throw new TypeError('revenue is read by days')
      const days = profiles === undefined ? await fromEndpoint(context, slice) : undefined
      if (days !== undefined) yield batchOf('revenue', days)
      else {
        profiles ??= await profileRevenue(context)
        yield batchOf('revenue', profileRecords(profiles, slice))
      }
    },
  }
}

async function fromEndpoint(context: StreamContext, slice: Slice): Promise<readonly JsonObject[] | undefined> {
  const query = { unit: 'day', from_date: slice.firstDay, to_date: slice.lastDay }
  const what = `Revenue of ${sliceName(slice)}`
  try {
    return await context.ask({ family: 'app', path: '/api/2.0/engage/revenue', query }, (body) =>
      endpointRecords(parseAnswer(body, what), slice, what),
    )
  } catch (error) {
    if (!isFailure(error, ...REFUSALS)) throw error
    context.onProgress({
      kind: 'warning',
      message: `Mixpanel's revenue endpoint failed (${error.message}). Revenue is summed from the profiles instead.`,
    })
    return undefined
  }
}

/** One record per requested day, without the total. @throws MixloadError BODY_UNREADABLE */
export function endpointRecords(answer: unknown, slice: Slice, what: string): readonly JsonObject[] {
  assertOk(answer, what)
  const results = isObject(answer) ? answer.results : undefined
  if (!isObject(results)) throw unknownForm(what)
  return daysIn(results, slice, what).map(([day, entry]) => ({ ...entry, ...dated(day), source: 'endpoint' }))
}

/** One record per day of the slice. `count` is the present number of profiles, on every day. */
export function profileRecords({ tally, profiles }: ProfileRevenue, slice: Slice): readonly JsonObject[] {
  return daysOf(slice.firstDay, slice.lastDay).map((day) => {
    const { amount, paidCount } = tally.revenueOf(day)
    return { ...dated(day), amount, count: profiles, paid_count: paidCount, source: 'profiles' }
  })
}
