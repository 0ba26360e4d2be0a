import { loadStreams, type StreamsToLoad } from '../lib/run/load-streams.ts'
import { planRun } from '../lib/run/plan-run.ts'
import type { StreamResult } from '../lib/run/tally.ts'
import type { CommandContext } from './command.ts'
import { printPlans } from './plan-report.ts'
import { sessionOf } from './session.ts'
import { exitCodeOf, printResult, printSummary } from './stream-report.ts'

/**
 * Loads streams and prints what becomes of them; with `--dry-run`, only prints what would be
 * requested.
 */
export function runLoadCommand(context: CommandContext, toLoad: StreamsToLoad): Promise<number> {
  return context.flags['dry-run'] === true ? dryRun(context, toLoad) : load(context, toLoad)
}

async function load(context: CommandContext, toLoad: StreamsToLoad): Promise<number> {
  const { output } = context
  const results: StreamResult[] = []
  try {
    await loadStreams(sessionOf(context), toLoad, (result) => {
      if (result.error !== undefined) output.fail(result.error)
      printResult(output, result)
      results.push(result)
    })
  } finally {
    printSummary(output, results)
  }
  return exitCodeOf(results)
}

async function dryRun(context: CommandContext, toLoad: StreamsToLoad): Promise<number> {
  const { settings, output } = context
  if (settings.timezone === undefined) {
    output.print(
      'A dry run does not ask Mixpanel for the time zone: days are taken to be in UTC. To set it, use --timezone.',
    )
  }
  printPlans(output, await planRun(sessionOf(context), toLoad, settings.timezone ?? 'UTC'))
  return 0
}
