import type { PlannedBudget, PlannedStream, RunPlan } from '../lib/run/run-plan.ts'
import { sliceName } from '../lib/slices.ts'
import { counted } from './counted.ts'
import { type Output, sliceFields } from './output.ts'

/** Prints what a run would request, by stream, and how long the request limits make it wait. */
export function printPlans(output: Output, { timezone, streams }: RunPlan): void {
  const budgets = new Map<string, PlannedBudget>()
  for (const plan of streams) {
    budgets.set(plan.budget.name, plan.budget)
    output.json(planJson(plan, timezone))
    output.print(`${plan.stream}: ${planSentence(plan)}, time zone ${timezone}`)
    const advice = profilesAdvice(plan)
    if (advice !== undefined) output.print(advice)
    for (const slice of [...plan.slices, ...plan.lateSlices]) output.print(`  ${sliceName(slice)}`)
  }
  for (const budget of budgets.values()) {
    if (budget.planned > 0) output.print(`${budget.name}: ${budgetSentence(budget)}`)
  }
}

function planSentence({ days, slices, requests, isAsBefore }: PlannedStream): string {
  const cost = requests === undefined ? 'requests not known before the first run' : counted(requests, 'request')
  if (days !== undefined) return `${counted(days, 'day')} in ${counted(slices.length, 'slice')}, ${cost}`
  return `a whole copy, ${cost}${isAsBefore ? ' the last time' : ''}`
}

/** What makes profiles take more than an hour of requests, and what would change it. */
function profilesAdvice({ profiles, requests, budget: { perHour } }: PlannedStream): string | undefined {
  if (profiles === undefined || requests === undefined || perHour === 0 || requests <= perHour) return undefined
  const hours = Math.ceil(requests / perHour)
  return (
    `  ${profiles.toLocaleString('en')} profiles take ${counted(requests, 'request')}, about ${counted(hours, 'hour')} at ` +
    `${perHour} per hour. Mixpanel may grant larger pages, which a run tries; --engage-page-size sets their size. ` +
    '--engage-properties makes pages smaller. --engage-where reads only some profiles, such as those of a window of ' +
    'properties["$last_seen"].'
  )
}

function planJson(
  { stream, days, slices, lateSlices, requests, profiles, budget }: PlannedStream,
  timezone: string,
): object {
  return {
    stream,
    timezone,
    ...(days === undefined ? {} : { days }),
    slices: slices.map(sliceFields),
    late_arrivals: lateSlices.map((slice) => ({
      ...sliceFields(slice),
      since: new Date(slice.since ?? 0).toISOString(),
    })),
    requests: requests ?? null,
    ...(profiles === undefined ? {} : { profiles }),
    requests_left_this_hour: Number.isFinite(budget.left) ? budget.left : null,
    minutes_waiting_for_budget: budget.minutesWaiting,
  }
}

function budgetSentence({ left, minutesWaiting }: PlannedBudget): string {
  if (!Number.isFinite(left)) return 'no limit on requests is set'
  const wait =
    minutesWaiting === 0
      ? 'no wait is expected'
      : `waiting for the limit takes about ${counted(minutesWaiting, 'minute')}`
  return `${left} requests are left this hour; ${wait}`
}
