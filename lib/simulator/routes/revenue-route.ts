import { decimal } from '../../core/lossless-json.ts'
import type { Reply, SimulatorContext } from '../http/reply.ts'
import { chargesByDay, type DayCharges } from '../stores/charges.ts'
import type { RevenueFigures } from '../stores/revenue-store.ts'
import { type DayBucket, dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import { daysParameter, queryRoute } from './query-route.ts'

/** Sums of amounts are cut to so many digits behind the point, which hides what binary fractions add. */
const AMOUNT_DIGITS = 6

/** `GET /api/2.0/engage/revenue`: charges a day. Undocumented by now; a plan with `revenue: 404` switches it off. */
export function revenueRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  return queryRoute(project, 'revenue', (parameters) => {
    const { firstDay, lastDay } = daysParameter(parameters, project.clock)
    const charges = chargesByDay(project.profiles)
    const figures = (bucket: Pick<DayBucket, 'firstDay' | 'lastDay'>) => spelled(figuresOf(bucket, charges, project))
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
  let said = 0
  let count = project.profiles.size
  const payers = new Set<string>()
  for (let day = firstDay; day <= lastDay; day++) {
    const given = project.revenue.get(day)
    amount += given?.amount ?? charges.get(day)?.amount ?? 0
    said += given?.paid_count ?? 0
    if (given !== undefined) count = Math.max(count, given.count)
    if (given === undefined) for (const payer of charges.get(day)?.payers ?? []) payers.add(payer)
  }
  const single = firstDay === lastDay ? project.revenue.get(firstDay) : undefined
  return single ?? { amount: Number(amount.toFixed(AMOUNT_DIGITS)), count, paid_count: payers.size + said }
}

/** Amounts have a point, even where they are whole. */
function spelled({ amount, count, paid_count }: RevenueFigures) {
  return { amount: decimal(amount), count, paid_count }
}
