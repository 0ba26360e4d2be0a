import { dayNumber } from './clock.ts'

/** What the revenue endpoint says of a day. */
export interface RevenueFigures {
  readonly amount: number
  readonly count: number
  readonly paid_count: number
}

/** Days whose revenue a test says itself; all others follow from the profiles' `$transactions`. */
export class RevenueStore {
  readonly #days = new Map<number, RevenueFigures>()

  /** Says what a day answers from now on. Throws a RangeError where the text is no `yyyy-mm-dd`. */
  set(day: string, figures: RevenueFigures): void {
    const number = dayNumber(day)
    if (number === undefined) throw new RangeError(`no day ${day}`)
    this.#days.set(number, figures)
  }

  /** Lets a day follow from the profiles again. */
  delete(day: string): boolean {
    return this.#days.delete(dayNumber(day) ?? Number.NaN)
  }

  /** What was said of a day, as a number of days since 1970. */
  get(day: number): RevenueFigures | undefined {
    return this.#days.get(day)
  }
}
