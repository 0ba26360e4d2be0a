const SECOND_MS = 1000
const HOUR_MS = 3_600_000

/** How much of one API family a project may use; 0 is no limit. */
export interface LimitOptions {
  readonly perHour: number
  readonly perSecond: number
  readonly concurrent: number
}

/** Why a request is refused, with the counts that Mixpanel prints: this request is in them. */
export interface Refusal {
  readonly running: number
  readonly inLastHour: number
  /** Whole seconds after which the same request would pass, as far as can be told. */
  readonly retryAfter: number
}

/** The budget of one API family. Windows roll; a refused request takes nothing from them. */
export class Budget {
  readonly options: LimitOptions
  /** When requests were let in that still count, oldest first. */
  #admitted: number[] = []
  #running = 0

  constructor(options: LimitOptions) {
    this.options = options
  }

  /** Lets a request in, to be followed by one {@link leave}, or says why not. `now` in milliseconds. */
  enter(now: number): Refusal | undefined {
    const { perHour, perSecond, concurrent } = this.options
    // Without an hourly limit there may be very many requests, and only the last second of them matters.
    const remembered = now - (perHour > 0 ? HOUR_MS : SECOND_MS)
    const first = this.#admitted.findIndex((at) => at > remembered)
    this.#admitted = first < 0 ? [] : this.#admitted.slice(first)
    const admitted = this.#admitted
    const refuse = (waitMs: number): Refusal => ({
      running: this.#running + 1,
      inLastHour: admitted.length + 1,
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    })
    if (perHour > 0 && admitted.length >= perHour) return refuse((admitted[0] ?? now) + HOUR_MS - now)
    const inLastSecond = admitted.filter((at) => at > now - SECOND_MS).length
    if (perSecond > 0 && inLastSecond >= perSecond) return refuse(SECOND_MS)
    if (concurrent > 0 && this.#running >= concurrent) return refuse(SECOND_MS)
    this.#running++
    admitted.push(now)
    return undefined
  }

  /** Says that a request that was let in has been answered. */
  leave(): void {
    this.#running--
  }
}
