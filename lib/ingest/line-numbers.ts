/** Maps records to lines of a file. Lines can be empty, and records can span several lines. */
export class LineNumbers {
  /** From record `from` on, a record's line is its number plus `offset`. */
  readonly #changes: { readonly from: number; readonly offset: number }[] = []
  #count = 0
  #dropped = 0

  /** Notes the line, from 1, of the next record. */
  note(line: number): void {
    const offset = line - this.#count
    if (this.#changes.at(-1)?.offset !== offset) this.#changes.push({ from: this.#count, offset })
    this.#count++
  }

  /** Returns the line, from 1, of a noted record; its number is from 0. */
  lineOf(record: number): number {
    const change = this.#changes.findLast(({ from }) => from <= record)
    return record + (change?.offset ?? 1)
  }

  /** Frees memory: `lineOf` is not called for records before this one. */
  forget(before: number): void {
    // Dropping changes moves the rest, so many are dropped at once.
    if (before - this.#dropped < 10_000) return
    this.#dropped = before
    const keep = this.#changes.findLastIndex(({ from }) => from <= before)
    if (keep > 0) this.#changes.splice(0, keep)
  }
}
