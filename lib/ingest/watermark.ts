/** Tracks up to which number, from 0, all numbers are done, if they are done in any order. */
export class Watermark {
  /** All numbers below this one are done. */
  through = 0
  readonly #ahead = new Map<number, number>()

  /** Marks `[from, until)` as done. None of these numbers may be done already. */
  markDone(from: number, until: number): void {
    this.#ahead.set(from, until)
    for (;;) {
      const next = this.#ahead.get(this.through)
      if (next === undefined) return
      this.#ahead.delete(this.through)
      this.through = next
    }
  }
}
