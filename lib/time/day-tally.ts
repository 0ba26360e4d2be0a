import type { Day } from './days.ts'
import { dayNumber, dayOfNumber, type EventClock, INSTANT_MS_MAX } from './event-time.ts'

/** How many rows each day has, by the `_day` they are filed under. Rows that are filed under no day are not in it. */
export type DayRows = Readonly<Record<Day, number>>

/** Counts the events of a body by the day that they will be filed under, by the rule that `_day` itself is made by. */
export class DayTally {
  readonly #clock: EventClock
  readonly #firstNumber: number
  readonly #lastNumber: number
  readonly #counts = new Map<number, number>()

  constructor(clock: EventClock) {
    this.#clock = clock
    this.#firstNumber = dayNumber(clock.from)
    this.#lastNumber = dayNumber(clock.until) - 1
  }

  /** Counts an event of this moment, in milliseconds on the clock of the export; NaN where it has none. */
  note(ms: number): void {
    const number = this.#numberOf(Math.round(ms))
    if (number !== undefined) this.#counts.set(number, (this.#counts.get(number) ?? 0) + 1)
  }

  #numberOf(ms: number): number | undefined {
    const isMoment = Math.abs(ms) <= INSTANT_MS_MAX
    if (this.#clock.filedUnder === undefined) {
      return isMoment && ms >= this.#clock.from && ms < this.#clock.until ? dayNumber(ms) : undefined
    }
    return isMoment ? Math.min(Math.max(dayNumber(ms), this.#firstNumber), this.#lastNumber) : this.#firstNumber
  }

  /** How many days have events. */
  get size(): number {
    return this.#counts.size
  }

  /** In the order of the days. */
  dayRows(): DayRows {
    const entries = [...this.#counts].sort(([one], [other]) => one - other)
    return Object.fromEntries(entries.map(([number, count]) => [dayOfNumber(number), count]))
  }
}
