import { MixloadError } from '../lib/core/errors.ts'
import { syncDays } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { DRY_RUN, SYNC_SETTINGS } from './load-settings.ts'
import { dryRun, runStreams } from './run-streams.ts'
import type { ChooseDays } from './stream-plan.ts'

/** What sync reads of a stream: the days since the last whole one, and its attribution window again. */
export const chooseSyncDays: ChooseDays = ({ name, whole, from, lastDay, daysReadAgain }) => {
  if (from === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${name}: the ledger has no whole day, so sync does not know where to begin. Run mixload backfill --from DAY first, or give sync --from DAY.`,
    )
  }
  return syncDays(whole, from, lastDay, daysReadAgain)
}

/** `mixload sync`: what is new of every stream, and what may have changed. The command for every night. */
export const command: Command = {
  settings: SYNC_SETTINGS,
  options: DRY_RUN,
  run(context) {
    const toRun = { choose: chooseSyncDays, lateArrivals: context.settings.lateArrivals }
    return context.flags['dry-run'] === true ? dryRun(context, toRun) : runStreams(context, toRun)
  },
}
