import { isObject } from '../../core/json.ts'
import { decimal } from '../../core/lossless-json.ts'
import { dayNumberIn } from '../stores/clock.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import type { RevenueFigures } from '../stores/saved-objects.ts'
import { type DayRange, dayBuckets } from './day-buckets.ts'
import type { Project } from './project.ts'
import type { Query } from './query.ts'

/** Sums are rounded to this many decimals, which hides the inaccuracy of binary fractions. */
const AMOUNT_DIGITS = 6

const TRANSACTIONS = Buffer.from('"$transactions"')

/** The charges of one day, and the ids of the profiles that were charged. */
interface DayCharges {
  amount: number
  readonly payers: Set<string>
}

/** `/api/2.0/engage/revenue`: charges per day. No longer documented by Mixpanel. */
export const revenue: Query = {
  feature: 'revenue',
  answer(request) {
    const { project, parameters } = request
    const range = request.days()
    const charges = chargesByDay(project.profiles)
    const figures = (days: DayRange) => {
      const { amount, count, paid_count } = figuresOf(days, charges, project)
      // Amounts always have a decimal point.
      return { amount: decimal(amount), count, paid_count }
    }
    const results: Record<string, unknown> = { $overall: figures(range) }
    for (const bucket of dayBuckets(range, parameters.unit, request.interval())) results[bucket.name] = figures(bucket)
    return {
      computed_at: new Date(project.clock.now()).toISOString().replace('Z', '000+00:00'),
      session_id: `${Math.floor(project.clock.now() / 1000)}-revenu`,
      status: 'ok',
      results,
    }
  },
}

function figuresOf(
  { firstDay, lastDay }: DayRange,
  charges: ReadonlyMap<number, DayCharges>,
  project: Project,
): RevenueFigures {
  const single = firstDay === lastDay ? project.revenue.get(firstDay) : undefined
  if (single !== undefined) return single
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
  return { amount: Number(amount.toFixed(AMOUNT_DIGITS)), count, paid_count: payers.size + paidCount }
}

/** Returns the charges of all profiles by day, from the property `$transactions`. */
function chargesByDay(profiles: ProfileStore): ReadonlyMap<number, DayCharges> {
  const days = new Map<number, DayCharges>()
  for (const id of profiles.ids()) {
    // Most profiles have no charges and need not be parsed.
    if (profiles.line(id)?.includes(TRANSACTIONS) !== true) continue
    const list = profiles.get(id)?.$transactions
    for (const transaction of Array.isArray(list) ? list.filter(isObject) : []) {
      const { $amount, $time } = transaction
      const day = typeof $time === 'string' ? dayNumberIn($time.slice(0, 10)) : undefined
      if (typeof $amount !== 'number' || day === undefined) continue
      const charges = days.get(day) ?? { amount: 0, payers: new Set() }
      charges.amount += $amount
      charges.payers.add(id)
      days.set(day, charges)
    }
  }
  return days
}
