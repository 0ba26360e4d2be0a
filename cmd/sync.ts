import { toSync } from '../lib/run/choose-days.ts'
import type { Command } from './command.ts'
import { runLoadCommand } from './load-command.ts'
import { DRY_RUN, SYNC_SETTINGS } from './load-settings.ts'

/** `mixload sync`: loads what is new and what may have changed. Run it every night. */
export const command: Command = {
  settings: SYNC_SETTINGS,
  options: DRY_RUN,
  run: (context) => runLoadCommand(context, toSync(context.settings)),
}
