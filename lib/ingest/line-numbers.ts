/** On which line of its file each record stands, where some lines hold none and some records take several. */
export class LineNumbers {
  /** From this record on, lines are so many ahead of records; only where that changes. */
  readonly #changes: { readonly from: number; readonly ahead: number }[] = []
  #count = 0
  #dropped = 0

  /** Notes the line, from 1, on which the next record stands. */
  note(line: number): void {
    const ahead = line - this.#count
    if (this.#changes.at(-1)?.ahead !== ahead) this.#changes.push({ from: this.#count, ahead })
    this.#count++
  }

  /** The line, from 1, of a record that was noted; its number is from 0. */
  lineOf(record: number): number {
    const change = this.#changes.findLast(({ from }) => from <= record)
    return record + (change?.ahead ?? 1)
  }

  /** Nobody will ask for records before this one. */
  forget(before: number): void {
    // Seldom, and of many at once: it moves what is left.
    if (before - this.#dropped < 10_000) return
    this.#dropped = before
    const keep = this.#changes.findLastIndex(({ from }) => from <= before)
    if (keep > 0) this.#changes.splice(0, keep)
  }
}
