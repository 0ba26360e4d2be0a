import { dayNumber } from './clock.ts'

/** What the revenue endpoint reports for a day. */
export interface RevenueFigures {
  readonly amount: number
  readonly count: number
  readonly paid_count: number
}

/** Days with fixed revenue. Other days are computed from the profiles' `$transactions`. */
export class RevenueStore {
  readonly #days = new Map<number, RevenueFigures>()

  /** Sets the figures of a day. Throws a RangeError if the day is not a valid `yyyy-mm-dd`. */
  set(day: string, figures: RevenueFigures): void {
    const number = dayNumber(day)
    if (number === undefined) throw new RangeError(`not a day: ${day}. Write yyyy-mm-dd`)
    this.#days.set(number, figures)
  }

  /** Computes the figures of a day from the profiles again. */
  delete(day: string): boolean {
    return this.#days.delete(dayNumber(day) ?? Number.NaN)
  }

  /** Returns the fixed figures of a day, given as days since 1970. */
  get(day: number): RevenueFigures | undefined {
    return this.#days.get(day)
  }
}
