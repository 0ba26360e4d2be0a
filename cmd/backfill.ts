import { MixloadError } from '../lib/core/errors.ts'
import { missingDays } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { DRY_RUN, LOAD_SETTINGS } from './load-settings.ts'
import { dryRun, runStreams } from './run-streams.ts'
import type { ChooseDays } from './stream-plan.ts'

/** What backfill reads of a stream: every day of the span that the ledger does not have whole. */
export function chooseBackfillDays(first: string | undefined): ChooseDays {
  return ({ whole, lastDay }) => {
    if (first === undefined) {
      throw new MixloadError('CONFIG_INVALID', 'backfill needs the first day: --from 2024-01-01.')
    }
    return missingDays(first, lastDay, whole)
  }
}

/** `mixload backfill`: every stream, from a first day on. Run again, it goes on with the days that are missing. */
export const command: Command = {
  settings: LOAD_SETTINGS,
  options: DRY_RUN,
  run(context) {
    const toRun = { choose: chooseBackfillDays(context.settings.from), lateArrivals: false }
    return context.flags['dry-run'] === true ? dryRun(context, toRun) : runStreams(context, toRun)
  },
}
