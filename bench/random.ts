/**
 * Random numbers that are the same in every run and on every machine: a 32-bit xorshift whose
 * output is mixed again. Good enough for realistic data, but not secure.
 */
export class Random {
  #state: number

  constructor(seed: number) {
    // A xorshift with the state zero only returns zeros.
    this.#state = Math.imul(seed + 1, 0x9e37_79b1) | 0 || 1
  }

  #next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d)
    return (mixed ^ (mixed >>> 12)) >>> 0
  }

  /** An integer from 0 to `below - 1`; `below` is at most 2^32. */
  below(below: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * below)
  }

  /** An integer from `first` to `last`. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True in about `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.below(from.length)] as T
  }

  /** A text of this many characters of `0-9a-z`. */
  token(length: number): string {
    let text = ''
    while (text.length < length) text += this.below(0x7fff_ffff).toString(36).padStart(6, '0').slice(-6)
    return text.slice(0, length)
  }
}
