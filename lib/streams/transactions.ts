import { type Day, dayInZone } from '../time/days.ts'
import { momentIn } from '../time/local-moment.ts'
import { isObject, type JsonObject, numberOf } from './answer.ts'

/** Sums are integers, in millionths, so that they are exact and independent of the order. */
const PARTS = 1e6

/**
 * Sums what profiles paid, by day of the project's zone, from the lists of `{$amount, $time}` that
 * Mixpanel's libraries keep. A `$time` without a zone is in that zone. A profile counts once.
 */
export class RevenueTally {
  readonly #zone: string
  readonly #days = new Map<Day, { parts: bigint; paidCount: number }>()
  /** The ids of profiles that have transactions. */
  readonly payers = new Set<string>()
  /** How many transactions are in no sum, because they have no valid amount or time. */
  unread = 0

  constructor(zone: string) {
    this.#zone = zone
  }

  /** Adds a profile with its `$transactions`, if those are a list. */
  add(id: string, transactions: unknown): void {
    if (!Array.isArray(transactions) || transactions.length === 0 || this.payers.has(id)) return
    this.payers.add(id)
    const paidOn = new Set<Day>()
    for (const transaction of transactions) {
      const charge = isObject(transaction) ? this.#chargeOf(transaction) : undefined
      if (charge === undefined) this.unread++
      else {
        const sum = this.#days.get(charge.day) ?? { parts: 0n, paidCount: 0 }
        if (!paidOn.has(charge.day)) sum.paidCount++
        paidOn.add(charge.day)
        sum.parts += charge.parts
        this.#days.set(charge.day, sum)
      }
    }
  }

  #chargeOf({ $amount, $time }: JsonObject): { readonly day: Day; readonly parts: bigint } | undefined {
    const amount = numberOf($amount)
    const moment = typeof $time === 'string' ? momentIn($time, this.#zone) : undefined
    const parts = amount === undefined ? Number.NaN : Math.round(amount * PARTS)
    if (moment === undefined || !Number.isFinite(parts)) return undefined
    return { day: dayInZone(moment, this.#zone), parts: BigInt(parts) }
  }

  /** What was paid on a day, and by how many profiles. */
  revenueOf(day: Day): { readonly amount: number; readonly paidCount: number } {
    const { parts, paidCount } = this.#days.get(day) ?? { parts: 0n, paidCount: 0 }
    return { amount: Number(parts) / PARTS, paidCount }
  }
}
