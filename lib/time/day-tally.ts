import type { Day } from './days.ts'
import { dayNumber, dayOfNumber, type EventClock } from './event-time.ts'
import { isMoment } from './instants.ts'

/** Rows by their `_day`. Rows without one are not counted. */
export type DayRows = Readonly<Record<Day, number>>

/**
 * By day, a digest of its lines, whatever their order: days with equal digests have equal lines.
 */
export type DayDigests = Readonly<Record<Day, string>>

/** Counts the events of a body by their `_day`, by the rule that the column itself follows. */
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

  /**
   * Counts an event by its milliseconds on the clock of the export; NaN if it has no time. Returns
   * the number of its day; undefined if it has none.
   */
  note(ms: number): number | undefined {
    const number = this.#numberOf(Math.round(ms))
    if (number !== undefined) this.#counts.set(number, (this.#counts.get(number) ?? 0) + 1)
    return number
  }

  #numberOf(ms: number): number | undefined {
    if (this.#clock.filedUnder === undefined) {
      return ms >= this.#clock.from && ms < this.#clock.until ? dayNumber(ms) : undefined
    }
    return isMoment(ms) ? Math.min(Math.max(dayNumber(ms), this.#firstNumber), this.#lastNumber) : this.#firstNumber
  }

  get size(): number {
    return this.#counts.size
  }

  dayRows(): DayRows {
    const entries = [...this.#counts].sort(([a], [b]) => a - b)
    return Object.fromEntries(entries.map(([number, count]) => [dayOfNumber(number), count]))
  }
}
