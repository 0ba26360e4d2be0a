import { planNextRun } from '../lib/run/run-plan.ts'
import type { Command } from './command.ts'
import { SYNC_SETTINGS } from './load-settings.ts'
import { printPlans } from './plan-report.ts'
import { sessionOf } from './session.ts'

/** `mixload plan`: what backfill (with --from) or sync would request, and how long that takes. */
export const command: Command = {
  settings: SYNC_SETTINGS,
  async run(context) {
    printPlans(context.output, await planNextRun(sessionOf(context)))
    return 0
  },
}
