import { decimal } from '../../core/lossless-json.ts'
import type { Route } from '../http/reply.ts'
import { chargesByDay, type DayCharges } from '../stores/charges.ts'
import type { RevenueFigures } from '../stores/revenue-store.ts'
import { type DayBucket, dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import { daysParameter, queryRoute } from './query-route.ts'

/** Sums are rounded to this many decimals, which hides the inaccuracy of binary fractions. */
const AMOUNT_DIGITS = 6

/** `GET /api/2.0/engage/revenue`: charges per day. No longer documented by Mixpanel. */
export function revenueRoute(project: Project): Route {
  return queryRoute(project, 'revenue', (parameters) => {
    const { firstDay, lastDay } = daysParameter(parameters, project.clock)
    const charges = chargesByDay(project.profiles)
    const figures = (bucket: Pick<DayBucket, 'firstDay' | 'lastDay'>) =>
      figuresJson(figuresOf(bucket, charges, project))
    const results: Record<string, unknown> = { $overall: figures({ firstDay, lastDay }) }
    for (const bucket of dayBuckets(parameters, firstDay, lastDay)) results[bucket.name] = figures(bucket)
    return {
      computed_at: new Date(project.clock.now()).toISOString().replace('Z', '000+00:00'),
      session_id: `${Math.floor(project.clock.now() / 1000)}-revenu`,
      status: 'ok',
      results,
    }
  })
}

function figuresOf(
  { firstDay, lastDay }: Pick<DayBucket, 'firstDay' | 'lastDay'>,
  charges: ReadonlyMap<number, DayCharges>,
  project: Project,
): RevenueFigures {
  let amount = 0
  let paidCount = 0
  let count = project.profiles.size
  const payers = new Set<string>()
  for (let day = firstDay; day <= lastDay; day++) {
    const fixed = project.revenue.get(day)
    amount += fixed?.amount ?? charges.get(day)?.amount ?? 0
    paidCount += fixed?.paid_count ?? 0
    if (fixed !== undefined) count = Math.max(count, fixed.count)
    else for (const payer of charges.get(day)?.payers ?? []) payers.add(payer)
  }
  const single = firstDay === lastDay ? project.revenue.get(firstDay) : undefined
  return single ?? { amount: Number(amount.toFixed(AMOUNT_DIGITS)), count, paid_count: payers.size + paidCount }
}

/** Amounts always have a decimal point. */
function figuresJson({ amount, count, paid_count }: RevenueFigures) {
  return { amount: decimal(amount), count, paid_count }
}
