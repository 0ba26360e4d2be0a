import { projectZone } from '../lib/project.ts'
import { missingDays, sliceName, syncDays } from '../lib/slices.ts'
import type { Command } from './command.ts'
import { dayPlan, LOAD_SETTINGS, slicesOf } from './load-command.ts'
import { createClient, exportBudget, openWarehouse } from './session.ts'

/** `mixload plan`: what backfill (with --from) or sync would ask for and how long the rate budget makes it take. */
export const command: Command = {
  settings: [...LOAD_SETTINGS, 'attributionWindow'],
  async run({ settings, output, signal }) {
    await using client = createClient(settings, output.tell)
    await using warehouse = await openWarehouse(settings, output.tell, signal)
    await warehouse.destination.openToRead(signal)
    const zone = await projectZone(settings, client, output.tell, signal)
    const { destination } = warehouse
    const at = Date.now()
    const plan = dayPlan(settings, destination.supports, zone, await destination.ledger('export'), at)
    const days =
      settings.from === undefined
        ? syncDays(plan.whole, undefined, plan.lastDay, settings.attributionWindow)
        : missingDays(settings.from, plan.lastDay, plan.whole)
    const slices = slicesOf(plan, days, at)
    const now = await exportBudget(settings, output.tell).remaining()
    const waiting = Math.max(0, slices.length - now)
    const minutes = settings.requestsPerHour === 0 ? 0 : Math.ceil((waiting / settings.requestsPerHour) * 60)
    output.json({
      stream: 'export',
      timezone: zone,
      days: days.length,
      slices: slices.map(({ firstDay, lastDay }) => ({ first_day: firstDay, last_day: lastDay })),
      requests: slices.length,
      requests_left_this_hour: Number.isFinite(now) ? now : null,
      minutes_waiting_for_budget: minutes,
    })
    output.print(`export: ${days.length} days in ${slices.length} slices, ${slices.length} requests, time zone ${zone}`)
    for (const slice of slices) output.print(`  ${sliceName(slice)}`)
    output.print(
      Number.isFinite(now)
        ? `${now} requests are left this hour; waiting for the budget takes about ${minutes} minutes`
        : 'no limit on requests is set',
    )
    return 0
  },
}
