import type { StreamsToLoad } from '../lib/run/choose-days.ts'
import { loadStreams } from '../lib/run/load-streams.ts'
import { planRun } from '../lib/run/run-plan.ts'
import type { CommandContext } from './command.ts'
import { printPlans } from './plan-report.ts'
import { sessionOf } from './session.ts'
import { exitCodeOf, reportStreams } from './stream-report.ts'

/** Loads streams and prints the results; with `--dry-run`, only what would be requested. */
export async function runLoadCommand(context: CommandContext, toLoad: StreamsToLoad): Promise<number> {
  const { settings, flags, output } = context
  const session = sessionOf(context)
  if (flags['dry-run'] !== true) {
    return exitCodeOf(await reportStreams(output, (onResult) => loadStreams(session, toLoad, onResult)))
  }
  if (settings.timezone === undefined) {
    output.print('A dry run does not ask Mixpanel for the time zone. UTC is assumed; set --timezone for another one.')
  }
  printPlans(output, await planRun(session, toLoad, settings.timezone ?? 'UTC'))
  return 0
}
