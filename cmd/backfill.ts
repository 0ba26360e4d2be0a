import { MixloadError } from '../lib/errors.ts'
import { missingDays } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { LOAD_SETTINGS, load } from './load-command.ts'

/** `mixload backfill`: every day of a span that the ledger does not have whole. Run again, it goes on where it stopped. */
export const command: Command = {
  settings: LOAD_SETTINGS,
  async run(context) {
    const { from } = context.settings
    if (from === undefined) {
      throw new MixloadError('CONFIG_INVALID', 'backfill needs the first day: --from 2024-01-01.')
    }
    return load(context, ({ whole, lastDay }) => missingDays(from, lastDay, whole))
  },
}
