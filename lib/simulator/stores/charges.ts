import { dayNumber } from './clock.ts'
import type { ProfileStore } from './profile-store.ts'

const TRANSACTIONS = Buffer.from('"$transactions"')

/** The charges of one day. */
export interface DayCharges {
  readonly amount: number
  /** The ids of the profiles that were charged. */
  readonly payers: ReadonlySet<string>
}

/** Returns the charges of all profiles by day, from the property `$transactions`. */
export function chargesByDay(profiles: ProfileStore): ReadonlyMap<number, DayCharges> {
  const days = new Map<number, { amount: number; payers: Set<string> }>()
  for (const id of profiles.ids()) {
    // Most profiles have no charges and need not be parsed.
    if (profiles.line(id)?.includes(TRANSACTIONS) !== true) continue
    const list = profiles.get(id)?.$transactions
    for (const { day, amount } of Array.isArray(list) ? list.flatMap(charge) : []) {
      const charges = days.get(day) ?? { amount: 0, payers: new Set() }
      charges.amount += amount
      charges.payers.add(id)
      days.set(day, charges)
    }
  }
  return days
}

/** Returns the day and the amount of a transaction, if it has both. */
function charge(transaction: unknown): { day: number; amount: number }[] {
  if (typeof transaction !== 'object' || transaction === null) return []
  const { $amount, $time } = transaction as { $amount?: unknown; $time?: unknown }
  const day = typeof $time === 'string' ? dayNumber($time.slice(0, 10)) : undefined
  return typeof $amount === 'number' && day !== undefined ? [{ day, amount: $amount }] : []
}
