import { projectZone } from '../lib/run/project.ts'
import { chooseBackfillDays } from './backfill.ts'
import type { Command } from './command.ts'
import { SYNC_SETTINGS } from './load-settings.ts'
import { printPlans } from './plan-report.ts'
import { createClient, openWarehouse } from './session.ts'
import { type ChooseDays, planStreams } from './stream-plan.ts'
import { chooseSyncDays } from './sync.ts'

/** As sync chooses, but nothing where it would not know where to begin. */
const chooseKnownSyncDays: ChooseDays = (choice) => (choice.from === undefined ? [] : chooseSyncDays(choice))

/**
 * `mixload plan`: what backfill (with --from) or sync would ask for and how long the rate budget makes it take. It asks
 * Mixpanel for the time zone alone; what the ledger does not tell is not known before the first run.
 */
export const command: Command = {
  settings: SYNC_SETTINGS,
  async run({ settings, output, signal }) {
    await using client = createClient(settings, output.tell)
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    const { destination } = warehouse
    await destination.openToRead(signal)
    const zone = await projectZone(settings, client, output.tell, signal)
    const isBackfill = settings.from !== undefined
    const choose = isBackfill ? chooseBackfillDays(settings.from) : chooseKnownSyncDays
    const lateArrivals = settings.lateArrivals && !isBackfill
    const plans = await planStreams({ settings, destination, zone, choose, lateArrivals, now: Date.now() })
    await printPlans(output, settings, zone, plans)
    return 0
  },
}
