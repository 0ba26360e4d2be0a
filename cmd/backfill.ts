import { toBackfill } from '../lib/run/choose-days.ts'
import type { Command } from './command.ts'
import { runLoadCommand } from './load-command.ts'
import { DRY_RUN, LOAD_SETTINGS } from './load-settings.ts'

/** `mixload backfill`: loads every stream from a first day on. A second run completes it. */
export const command: Command = {
  settings: LOAD_SETTINGS,
  options: DRY_RUN,
  run: (context) => runLoadCommand(context, toBackfill(context.settings)),
}
