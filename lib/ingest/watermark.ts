/** How far a row of numbers, counted from 0, is done without a gap, when parts of it end in any order. */
export class Watermark {
  #through = 0
  readonly #ahead = new Map<number, number>()

  /** All numbers below this are done. */
  get through(): number {
    return this.#through
  }

  /** Notes `[from, until)`, which must not be done yet, as done. */
  done(from: number, until: number): void {
    this.#ahead.set(from, until)
    for (;;) {
      const next = this.#ahead.get(this.#through)
      if (next === undefined) return
      this.#ahead.delete(this.#through)
      this.#through = next
    }
  }
}
