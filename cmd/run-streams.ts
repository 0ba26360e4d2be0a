import { isFailure, MixloadError } from '../lib/core/errors.ts'
import { projectZone } from '../lib/run/project.ts'
import type { CommandContext } from './command.ts'
import { printPlans } from './plan-report.ts'
import { runExport, type StreamRun } from './run-export.ts'
import { runRecords } from './run-records.ts'
import { createClient, exportBudget, openWarehouse, queryBudget } from './session.ts'
import { type ChooseDays, planStreams } from './stream-plan.ts'
import { printResult, printSummary } from './stream-report.ts'
import { exitCodeOf, type StreamResult, StreamTally } from './stream-result.ts'

/** What of the streams a command loads. */
export interface StreamsToRun {
  readonly choose: ChooseDays
  readonly lateArrivals: boolean
}

/** What concerns a stream alone, and Mixpanel's terms: it is skipped, and the others run. */
const SKIPPED = ['PLAN_REFUSED', 'PERMISSION_REFUSED', 'NOT_FOUND'] as const

/** What concerns all streams: going on would fail in the same way. */
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
 * Loads the streams of the settings one after the other, and reports. All of them are planned before the first is
 * loaded, so that wrong settings are told at once. Gives the exit code.
 * @throws MixloadError of what concerns all streams.
 */
export async function runStreams(context: CommandContext, toRun: StreamsToRun): Promise<number> {
  const { settings, output, signal } = context
  await using client = createClient(settings, output.tell)
  await using warehouse = await openWarehouse(settings, output.tell, signal)
  const { destination } = warehouse
  await destination.open(signal)
  const zone = await projectZone(settings, client, output.tell, signal)
  const plans = await planStreams({ settings, destination, zone, ...toRun, now: Date.now() })
  await using queries = queryBudget(settings, output.tell)
  const results: StreamResult[] = []
  try {
    for (const plan of plans) {
      const result = await runOne(context, { settings, warehouse, client, queries, zone, plan, tell: output.tell })
      printResult(output, result)
      results.push(result)
    }
  } finally {
    printSummary(output, results)
  }
  return exitCodeOf(results)
}

/** Runs a stream. A failure that concerns it alone is in the result. */
async function runOne({ output, signal }: CommandContext, given: StreamRun): Promise<StreamResult> {
  const { plan, client } = given
  const tally = new StreamTally(plan, client)
  const run = { ...given, tell: tally.listen(given.tell) }
  await tellPlanned(given)
  try {
    if (plan.stream === undefined) return tally.ofEvents(await runExport(run, signal))
    return tally.ofRecords(await runRecords(run, plan.stream, signal))
  } catch (error) {
    if (signal.aborted || !(error instanceof MixloadError) || isFailure(error, ...ENDS_ALL)) throw error
    output.fail(error)
    return tally.unfinished(isFailure(error, ...SKIPPED) ? 'skipped' : 'failed', error)
  }
}

async function tellPlanned({ settings, queries, plan, tell }: StreamRun): Promise<void> {
  const { name, stream, days, slices, lateSlices } = plan
  const budget = stream === undefined ? exportBudget(settings, tell) : queries
  const sliceCount = days === undefined ? 1 : slices.length + lateSlices.length
  tell({ kind: 'run-planned', stream: name, unit: 'slices', sliceCount, requestsLeft: await budget.remaining() })
}

/** What `backfill` and `sync` would do, from the ledger alone: nothing is asked for, and nothing made. */
export async function dryRun({ settings, output, signal }: CommandContext, toRun: StreamsToRun): Promise<number> {
  const zone = settings.timezone ?? 'UTC'
  if (settings.timezone === undefined) {
    output.print(
      'Mixpanel is not asked for the time zone in a dry run: days are taken to be in UTC. Or set --timezone.',
    )
  }
  await using warehouse = await openWarehouse(settings, output.tell, signal)
  const { destination } = warehouse
  await destination.openToRead(signal)
  const plans = await planStreams({ settings, destination, zone, ...toRun, now: Date.now() })
  await printPlans(output, settings, zone, plans)
  return 0
}
