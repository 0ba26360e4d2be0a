import { MixloadError } from '../core/errors.ts'
import { AT_ONCE } from '../destination/retries.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { type Budgets, Requester } from '../mixpanel/requester.ts'
import { hasDays, type Slice } from '../slices.ts'
import { type StreamsToLoad, syncDays, toBackfill } from './choose-days.ts'
import { projectZone } from './project.ts'
import { createBudgets, mixpanelClient, openWarehouse, type Session } from './session.ts'
import { assertSameProject, projectOf } from './source.ts'
import { planStreams, type StreamPlan } from './stream-plan.ts'

/** What a run would request of one stream. */
export interface PlannedStream {
  readonly stream: string
  /** How many days it would read; undefined if the whole table is copied. */
  readonly days: number | undefined
  readonly slices: readonly Slice[]
  /** The requests for late arrivals. */
  readonly lateSlices: readonly Slice[]
  /** How many requests it takes; undefined if that is not known before the first run. */
  readonly requests: number | undefined
  /** Profiles that are copied, by Mixpanel or the last load; undefined for other streams. */
  readonly profiles: number | undefined
  /** Whether the number of requests follows from the last load. */
  readonly isAsBefore: boolean
  /** The requests of this and all earlier streams that share its limit. */
  readonly budget: PlannedBudget
}

/** The requests that some streams share. */
export interface PlannedBudget {
  readonly name: string
  /** Requests that may be sent now; Infinity if no limit is set. */
  readonly left: number
  /** Requests that may be sent in an hour; 0 if no limit is set. */
  readonly perHour: number
  /** Requests planned so far. */
  readonly planned: number
  /** Minutes that waiting for the limit takes. */
  readonly minutesWaiting: number
}

/** What a run would request, in the order of the streams, and the time zone of its days. */
export interface RunPlan {
  readonly timezone: string
  readonly streams: readonly PlannedStream[]
}

/**
 * What `backfill` (with a first day) or `sync` would request. Requests only the time zone, and the
 * number of profiles where they were not loaded before.
 */
export async function planNextRun(session: Session): Promise<RunPlan> {
  const { from, lateArrivals } = session.settings
  if (from !== undefined) return planRun(session, toBackfill(session.settings))
  // No days where sync would fail because it has no first day.
  return planRun(session, { choose: (choice) => (choice.from === undefined ? [] : syncDays(choice)), lateArrivals })
}

/** What a run would request. Asks Mixpanel for the time zone if `timezone` is undefined. */
export async function planRun(session: Session, toLoad: StreamsToLoad, timezone?: string): Promise<RunPlan> {
  const { settings } = session
  await using client = timezone === undefined ? mixpanelClient(session) : undefined
  await using warehouse = await openWarehouse(session, 'read', AT_ONCE)
  await assertSameProject(warehouse.destination, projectOf(session.settings))
  const { destination } = warehouse
  const zone = (client === undefined ? timezone : await projectZone(session, client)) ?? 'UTC'
  const planned = await planStreams({ settings, destination, zone, ...toLoad, now: Date.now() })
  await using budgets = createBudgets(session)
  const firstTime = new Set(planned.filter(({ requests }) => requests === undefined).map(({ stream }) => stream))
  const plans: StreamPlan[] = []
  for (const plan of planned) plans.push(client === undefined ? plan : await counted(session, plan, client, budgets))
  const { requestsPerHour, queryRequestsPerHour } = settings
  const left = { data: await budgets.data.remaining(), app: await budgets.app.remaining() }
  const families = {
    data: { name: 'export', perHour: requestsPerHour, left: left.data, planned: 0 },
    app: { name: 'all other streams', perHour: queryRequestsPerHour, left: left.app, planned: 0 },
  }
  const streams = plans.map(({ stream, days, slices, lateSlices, requests, rows }): PlannedStream => {
    const family = families[stream.family]
    family.planned += requests ?? 0
    const budget = { ...family }
    const { perHour } = budget
    const minutesWaiting = perHour === 0 ? 0 : Math.ceil((Math.max(0, budget.planned - budget.left) / perHour) * 60)
    const profiles = stream.rowCount === undefined ? undefined : rows
    const common = {
      stream: stream.name,
      lateSlices,
      requests,
      profiles,
      isAsBefore: days === undefined && !firstTime.has(stream),
      budget: { ...budget, minutesWaiting },
    }
    return { ...common, days: days?.length, slices: slices.filter(hasDays) }
  })
  return { timezone: zone, streams }
}

/** A plan with the number of requests that Mixpanel's number of rows takes, where it has none. */
async function counted(
  { settings, onProgress, signal }: Session,
  plan: StreamPlan,
  client: MixpanelClient,
  budgets: Budgets,
): Promise<StreamPlan> {
  const { rowCount } = plan.stream
  if (rowCount === undefined || plan.requests !== undefined) return plan
  const requester = new Requester({ client, budgets, retry: AT_ONCE, onProgress })
  try {
    const rows = await requester.ask(rowCount.request(settings), rowCount.read, signal)
    if (rows === undefined) return plan
    return { ...plan, rows, requests: Math.max(1, Math.ceil(rows / rowCount.perRequest(settings))) }
  } catch (error) {
    // A plan without the number is better than none; check says what is not accessible.
    if (!(error instanceof MixloadError) || signal.aborted) throw error
    return plan
  }
}
