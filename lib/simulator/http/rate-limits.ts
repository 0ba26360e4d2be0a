import { HOUR_MS } from '../../time/instants.ts'

const SECOND_MS = 1000

/** The limits of one API family; 0 means no limit. */
export interface RateLimits {
  readonly perHour: number
  readonly perSecond: number
  readonly concurrent: number
}

/** A request that exceeds a limit, with the counts that Mixpanel prints. */
export interface LimitExceeded {
  readonly running: number
  readonly inLastHour: number
  /** Seconds after which the same request should succeed. */
  readonly retryAfter: number
}

/** Limits the requests of an API family. Windows are rolling; rejected requests do not count. */
export class RateLimiter {
  readonly limits: RateLimits
  /** When the requests started that still count, oldest first. */
  #starts: number[] = []
  #running = 0

  constructor(limits: RateLimits) {
    this.limits = limits
  }

  /** Starts a request, to be followed by {@link end}, or returns which limit it exceeds. */
  start(now: number): LimitExceeded | undefined {
    const { perHour, perSecond, concurrent } = this.limits
    // Without an hourly limit, there may be very many requests in an hour.
    const windowStart = now - (perHour > 0 ? HOUR_MS : SECOND_MS)
    const starts = this.#starts.filter((at) => at > windowStart)
    this.#starts = starts
    const exceeded = (waitMs: number): LimitExceeded => ({
      running: this.#running + 1,
      inLastHour: starts.length + 1,
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    })
    if (perHour > 0 && starts.length >= perHour) return exceeded((starts[0] ?? now) + HOUR_MS - now)
    const inLastSecond = starts.filter((at) => at > now - SECOND_MS).length
    if (perSecond > 0 && inLastSecond >= perSecond) return exceeded(SECOND_MS)
    if (concurrent > 0 && this.#running >= concurrent) return exceeded(SECOND_MS)
    this.#running++
    starts.push(now)
    return undefined
  }

  end(): void {
    this.#running--
  }
}
