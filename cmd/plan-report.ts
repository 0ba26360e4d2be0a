import type { Settings } from '../lib/settings.ts'
import { sliceName } from '../lib/slices.ts'
import type { Output } from './output.ts'
import { exportBudget, queryBudget } from './session.ts'
import type { StreamPlan } from './stream-plan.ts'

/** A family of Mixpanel's API, for which requests are counted together. */
interface Family {
  readonly name: string
  readonly perHour: number
  /** Requests that may go now. */
  readonly left: number
  /** Requests planned so far. */
  planned: number
}

/** Says what a run would ask for, stream by stream, and how long the request limits make it wait. */
export async function printPlans(
  output: Output,
  settings: Settings,
  zone: string,
  plans: readonly StreamPlan[],
): Promise<void> {
  const events: Family = {
    name: 'export',
    perHour: settings.requestsPerHour,
    left: await exportBudget(settings, output.tell).remaining(),
    planned: 0,
  }
  const queries: Family = {
    name: 'all other streams',
    perHour: settings.queryRequestsPerHour,
    left: await queryBudget(settings, output.tell).remaining(),
    planned: 0,
  }
  for (const plan of plans) {
    const family = plan.stream === undefined ? events : queries
    family.planned += plan.requests ?? 0
    output.json(planJson(plan, zone, family))
    output.print(`${plan.name}: ${planSentence(plan)}, time zone ${zone}`)
    for (const slice of [...plan.slices, ...plan.lateSlices]) output.print(`  ${sliceName(slice)}`)
  }
  for (const family of [events, queries]) {
    if (family.planned > 0) output.print(`${family.name}: ${budgetSentence(family)}`)
  }
}

function planSentence({ days, slices, requests }: StreamPlan): string {
  const cost = requests === undefined ? 'requests not known before the first run' : `${requests} requests`
  if (days !== undefined) return `${days.length} days in ${slices.length} slices, ${cost}`
  return `a whole copy, ${cost}${requests === undefined ? '' : ' the last time'}`
}

function planJson({ name, days, slices, lateSlices, requests }: StreamPlan, zone: string, family: Family): unknown {
  return {
    stream: name,
    timezone: zone,
    ...(days === undefined ? {} : { days: days.length }),
    slices: slices.map(({ firstDay, lastDay }) => ({ first_day: firstDay, last_day: lastDay })),
    late_arrivals: lateSlices.map(({ firstDay, lastDay, since = 0 }) => ({
      first_day: firstDay,
      last_day: lastDay,
      since: new Date(since).toISOString(),
    })),
    requests: requests ?? null,
    requests_left_this_hour: Number.isFinite(family.left) ? family.left : null,
    minutes_waiting_for_budget: minutesWaiting(family),
  }
}

function budgetSentence(family: Family): string {
  if (!Number.isFinite(family.left)) return 'no limit on requests is set'
  return `${family.left} requests are left this hour; waiting for the budget takes about ${minutesWaiting(family)} minutes`
}

function minutesWaiting({ perHour, left, planned }: Family): number {
  return perHour === 0 ? 0 : Math.ceil((Math.max(0, planned - left) / perHour) * 60)
}
