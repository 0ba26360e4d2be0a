import { isFailure, MixloadError } from '../core/errors.ts'
import { WHOLE } from '../destination/selection.ts'
import type { StreamsToLoad } from './choose-days.ts'
import { describeLoaded } from './describe-tables.ts'
import { lateRows } from './late-rows.ts'
import { type LoadOptions, loadStream } from './load-stream.ts'
import { OrderedResults } from './ordered-results.ts'
import { dayClock, projectZone } from './project.ts'
import { createBudgets, mixpanelClient, openWarehouse, type Session } from './session.ts'
import { assertSameClock, assertSameFilter, assertSameProject, projectOf } from './source.ts'
import { planStreams, type StreamPlan } from './stream-plan.ts'
import { type StreamResult, StreamTally } from './tally.ts'
import { completeTo } from './whole-days.ts'

/** Mixpanel does not offer the stream to this project or account: only this stream is skipped. */
const SKIPPED = ['PLAN_REFUSED', 'PERMISSION_REFUSED', 'NOT_FOUND'] as const

/** Failures that every further stream would meet, too: the run ends. */
const ENDS_ALL = [
  'CONFIG_INVALID',
  'CREDENTIALS_REFUSED',
  'CERTIFICATE_REFUSED',
  'SPOOL_FAILED',
  'DESTINATION_BUSY',
  'DESTINATION_UNAVAILABLE',
  'COMMIT_IN_DOUBT',
  'CLOSED',
  'INTERRUPTED',
] as const

/**
 * Loads the streams of the settings. Those that share a limit on requests are loaded one after the
 * other; events, which have their own, beside them. All are planned before the first is loaded, so
 * that wrong settings are reported at once. `onResult` gets each result, in the order of the
 * streams, as soon as it and those before it are known. @throws MixloadError if the failure
 * concerns all streams.
 */
export async function loadStreams(
  session: Session,
  toLoad: StreamsToLoad,
  onResult: (result: StreamResult) => void = () => {},
): Promise<readonly StreamResult[]> {
  const { settings, onProgress } = session
  const stop = new AbortController()
  const signal = AbortSignal.any([session.signal, stop.signal])
  await using client = mixpanelClient(session)
  await using warehouse = await openWarehouse({ ...session, signal }, 'write')
  const { destination } = warehouse
  await assertSameProject(destination, projectOf(settings))
  const zone = await projectZone(session, client)
  if (settings.streams.includes(EVENTS)) {
    const events = (await destination.allLoads()).filter(({ stream }) => stream === EVENTS)
    assertSameClock(events, dayClock(zone, settings), settings.write)
  }
  const plans = await planStreams({ settings, destination, zone, ...toLoad, now: Date.now() })
  for (const { stream, ledger } of plans) assertSameFilter(stream, ledger, settings, onProgress)
  await using budgets = createBudgets(session)
  const options: LoadOptions = { ...warehouse, settings, client, budgets, zone, onProgress, signal }
  const results = new OrderedResults(plans, onResult)
  const groups = Map.groupBy(plans, ({ stream }) => stream.family)
  const loading = [...groups.values()].map(async (group) => {
    for (const plan of group) results.add(plan, await loadPlan(plan, options))
  })
  try {
    await Promise.all(loading)
  } catch (error) {
    // The spool is removed when the run ends; nothing may be writing to it then.
    stop.abort()
    await Promise.allSettled(loading)
    throw error
  } finally {
    results.end()
  }
  const loaded = plans.map(({ stream }) => stream)
  await describeLoaded(session, destination, loaded)
  return results.all
}

/** The stream whose times depend on a clock. */
const EVENTS = 'export'

/** Loads a stream. A failure that concerns only this stream is in the result. */
async function loadPlan(plan: StreamPlan, options: LoadOptions): Promise<StreamResult> {
  const { stream, days, ledger, clock, slices, lateSlices } = plan
  const { budgets, onProgress, signal } = options
  const { isTimed } = stream.tables[0].lines
  const requestsLeft = await budgets[stream.family].remaining()
  const sliceCount = slices.length + lateSlices.length
  onProgress({ kind: 'run-planned', stream: stream.name, unit: 'slices', sliceCount, requestsLeft })
  const tally = new StreamTally(stream)
  const resultOf = (outcome: StreamResult['outcome'], error: MixloadError | undefined): StreamResult => ({
    ...tally.summary(),
    outcome,
    error,
    days: days?.length,
    late: stream.hasLateArrivals ? lateRows(ledger, tally.loads, clock) : undefined,
    completeTo: isTimed ? completeTo([...ledger, ...tally.loads], stream.scope ?? WHOLE, clock) : undefined,
  })
  try {
    await loadStream(plan, options, tally)
    return resultOf('done', undefined)
  } catch (error) {
    if (signal.aborted || !(error instanceof MixloadError) || isFailure(error, ...ENDS_ALL)) throw error
    return resultOf(isFailure(error, ...SKIPPED) ? 'skipped' : 'failed', error)
  } finally {
    onProgress({ kind: 'stream-ended', stream: stream.name })
  }
}
