import xxhash from 'xxhash-wasm'
import type { DayDigests } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import { dayOfNumber } from '../time/event-time.ts'

const { h64, h64Raw } = await xxhash()

/**
 * Computes the digests of the days of a body: the sum of the 64-bit hashes of their lines. Lines
 * without a day count for every day.
 */
export class LineDigests {
  readonly #salt: string
  readonly #ofDays = new Map<number, BigUint64Array<ArrayBuffer>>()
  readonly #ofOthers = new BigUint64Array(1)
  #day: number | undefined
  #sum = this.#ofOthers
  #isWhole = true

  /** `salt`: whatever else decides what is stored of a line. */
  constructor(salt: string) {
    this.#salt = salt
  }

  /** Adds the line `bytes[start, end)`. `day`: the number of its day; undefined if it has none. */
  add(bytes: Buffer, start: number, end: number, day: number | undefined): void {
    if (day !== this.#day) this.#turnTo(day)
    this.#sum[0] = (this.#sum[0] as bigint) + h64Raw(bytes.subarray(start, end))
  }

  #turnTo(day: number | undefined): void {
    this.#day = day
    this.#sum = (day === undefined ? this.#ofOthers : this.#ofDays.get(day)) ?? new BigUint64Array(1)
    if (day !== undefined) this.#ofDays.set(day, this.#sum)
  }

  /** Notes that a line was not seen whole. There are no digests then. */
  miss(): void {
    this.#isWhole = false
  }

  /** The digests; undefined if they do not stand for all lines. `only`: the day of all lines. */
  digests(only?: Day): DayDigests | undefined {
    if (!this.#isWhole) return undefined
    const salt = textOf(h64(this.#salt))
    const others = this.#ofOthers[0] as bigint
    if (only !== undefined) return { [only]: salt + textOf(others) }
    const days = [...this.#ofDays].sort(([a], [b]) => a - b)
    return Object.fromEntries(days.map(([day, [sum = 0n]]) => [dayOfNumber(day), salt + textOf(sum + others)]))
  }
}

/** The digests of the lines of several bodies; undefined if those of one are unknown. */
export function joinedDigests(parts: readonly (DayDigests | undefined)[]): DayDigests | undefined {
  const joined = new Map<Day, string>()
  for (const digests of parts) {
    if (digests === undefined) return undefined
    for (const [day, digest] of Object.entries(digests)) {
      const salt = digest.slice(0, -SUM_DIGITS)
      joined.set(day, salt + textOf(sumOf(digest) + sumOf(joined.get(day) ?? '0')))
    }
  }
  return Object.fromEntries(joined)
}

const SUM_DIGITS = 16

function sumOf(digest: string): bigint {
  return BigInt(`0x${digest.slice(-SUM_DIGITS)}`)
}

function textOf(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(SUM_DIGITS, '0')
}
