import { MixloadError } from '../lib/errors.ts'
import { syncDays } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { LOAD_SETTINGS, load } from './load-command.ts'

/** `mixload sync`: the days since the last whole one, and the attribution window again. The command for every night. */
export const command: Command = {
  settings: [...LOAD_SETTINGS, 'attributionWindow'],
  async run(context) {
    const { from, attributionWindow } = context.settings
    return load(context, ({ whole, lastDay }) => {
      if (from === undefined && whole.size === 0) {
        throw new MixloadError(
          'CONFIG_INVALID',
          'The ledger has no whole day, so sync does not know where to begin. Run mixload backfill --from DAY first, or give sync --from DAY.',
        )
      }
      return syncDays(whole, from, lastDay, attributionWindow)
    })
  },
}
