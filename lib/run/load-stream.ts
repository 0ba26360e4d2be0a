import { MixloadError } from '../core/errors.ts'
import { DEFAULT_RETRIES, type RetryPolicy } from '../core/retry.ts'
import { WHOLE } from '../destination/selection.ts'
import { Extractor } from '../extract/extractor.ts'
import { RequestsAhead } from '../extract/requests-ahead.ts'
import { type OpenTable, type OpenTableOptions, openTable } from '../load/open-table.ts'
import { keepChanges } from '../load/profile-history.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { type Budgets, Requester } from '../mixpanel/requester.ts'
import { daysOf } from '../time/days.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { AgainRows } from './again-rows.ts'
import { LateDays, LateSource } from './late-arrivals.ts'
import { coverageOf } from './late-coverage.ts'
import { type OpenStream, runStream } from './run-stream.ts'
import { sourceOf } from './source.ts'
import { type StreamPlan, slicesOf } from './stream-plan.ts'
import type { StreamTally } from './tally.ts'

/** What is the same for all streams of a run. */
export interface LoadOptions extends Omit<OpenTableOptions, 'source'> {
  readonly zone: string
  readonly client: MixpanelClient
  /** Shared by all streams, because they share the limits on requests. */
  readonly budgets: Budgets
  /** How failed requests are retried; {@link DEFAULT_RETRIES} if left out. */
  readonly retry?: RetryPolicy
}

/**
 * Loads a stream as planned: its slices, then the late arrivals of other days.
 * @throws MixloadError if something fails. What was committed before stays.
 */
export async function loadStream(plan: StreamPlan, given: LoadOptions, tally: StreamTally): Promise<void> {
  const { stream, slices, lateSlices, clock } = plan
  const source = sourceOf(given.settings, clock, stream)
  const options = { ...given, source, onProgress: tally.listen(given.onProgress) }
  const { settings, zone, onProgress, signal } = options
  const changes = stream.changesTable?.(settings)
  if (changes !== undefined && !options.destination.capabilities.queries) {
    const message = `${options.destination.description} cannot be queried for earlier states of profiles. Leave --engage-history out.`
    throw new MixloadError('CONFIG_INVALID', message)
  }
  const [ownTable, ...dependent] = stream.tables
  const own = await openTable(stream.name, ownTable, options)
  const tables: [OpenTable, ...OpenTable[]] = [own]
  for (const table of dependent) tables.push(await openTable(stream.name, table, options))
  const requester = new Requester({ ...options, retry: options.retry ?? DEFAULT_RETRIES, usage: tally.usage })
  const inputs = tables.map(({ input }) => input)
  const { requestsAtOnce: requests, spoolAhead } = settings
  await using requestsAhead =
    requests > 1
      ? new RequestsAhead({ requests, bytes: spoolAhead, requester, spool: options.spool, signal })
      : undefined
  const extractor = new Extractor({ stream, inputs, requester, requestsAhead, settings, zone, onProgress })
  const keepHistory = async (rows: SpooledRows, table: string) => {
    const profiles = await own.input.rows.relation(rows)
    return keepChanges({ ...options, profiles: ownTable.name, table }, profiles, rows.startedAt, signal)
  }
  const open: OpenStream = {
    name: stream.name,
    tables,
    onProgress,
    signal,
    spoolAhead,
    history: changes === undefined ? undefined : { table: changes, keep: (rows) => keepHistory(rows, changes) },
  }
  // A replacement needs all rows of its days, and only events have ids.
  const appendsOnce = settings.write === 'append' && own.input.table.lines.isTimed
  const again = appendsOnce ? new AgainRows({ ...options, input: own.input, loadSource: source }) : undefined
  await runStream({ ...open, again }, slices, extractor)
  if (lateSlices.length > 0) await loadLateArrivals(plan, options, open, extractor, tally)
}

/** Appends late arrivals. With `--write replace`, their days are read again whole instead. */
async function loadLateArrivals(
  { stream, ledger, clock, lateSlices }: StreamPlan,
  { settings, destination, spool, onProgress }: LoadOptions,
  open: OpenStream,
  extractor: Extractor,
  tally: StreamTally,
): Promise<void> {
  const [table] = open.tables
  const coverage = coverageOf(ledger, stream.scope ?? WHOLE, clock)
  // Days that were read whole have their late arrivals already.
  const read = new Set(
    tally.loads.flatMap(({ firstDay, lastDay }) => (firstDay && lastDay ? daysOf(firstDay, lastDay) : [])),
  )
  const source = new LateSource({ source: extractor, input: table.input, destination, spool, coverage, read })
  if (settings.write === 'append') return runStream(open, lateSlices, source)
  const found = new LateDays(source)
  await runStream(open, lateSlices, found)
  if (found.undated > 0) {
    const message = `${found.undated} late events have no day that could be read again. They are not loaded.`
    onProgress({ kind: 'warning', message })
  }
  const loaded = await destination.ledger(stream.name)
  const { capabilities } = destination
  const slices = slicesOf([...found.days].sort(), { settings, capabilities, ledger: loaded, now: Date.now() })
  const skippedBefore = tally.skippedSlices.length
  await runStream(open, slices, extractor)
  // After a skipped slice, the next run must look for the same late arrivals again.
  if (tally.skippedSlices.length === skippedBefore) await found.note(table.loader, open.signal)
}
