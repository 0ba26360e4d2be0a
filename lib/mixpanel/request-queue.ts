import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Lets requests start one after the other, in order, and only so many run at once. A refusal (429)
 * lowers their number and pauses the queue; successes raise the number again, up to its maximum.
 */
export class RequestQueue {
  readonly #max: number
  #limit: number
  #running = 0
  #isStarting = false
  /** When the number was last lowered, and until when no request starts: `Date.now()`. */
  #loweredAt = 0
  #pausedUntil = 0
  readonly #waiting: (() => void)[] = []
  readonly #waitingAhead: (() => void)[] = []

  /** `max`: 0 for no maximum. */
  constructor(max: number) {
    this.#max = max === 0 ? Number.POSITIVE_INFINITY : max
    this.#limit = this.#max
  }

  /** How many requests may run at once. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  /**
   * Waits until a request may run, and runs `start` while no other request starts. Call
   * {@link leave} when the request has ended. `isAhead`: requests that are not ahead go first.
   */
  async enter<T>(start: () => Promise<T>, signal: AbortSignal, isAhead: boolean): Promise<T> {
    await this.#turn(signal, isAhead ? this.#waitingAhead : this.#waiting)
    try {
      const pause = this.#pausedUntil - Date.now()
      if (pause > 0) await sleep(pause, undefined, { signal })
      const started = await start()
      this.#running++
      return started
    } finally {
      this.#isStarting = false
      this.#startNext()
    }
  }

  /** A request that entered has ended. */
  leave(): void {
    this.#running--
    this.#startNext()
  }

  /** The server has refused a request sent at `sentAt`. No other starts within `waitMs`. */
  refused(sentAt: number, waitMs: number): void {
    const now = Date.now()
    this.#pausedUntil = Math.max(this.#pausedUntil, now + waitMs)
    // Requests that were sent together are refused together: that counts once.
    if (sentAt <= this.#loweredAt) return
    this.#loweredAt = now
    this.#limit = Math.max(1, Math.min(this.#limit, this.#running) / 2)
  }

  /** The server has accepted a request. */
  accepted(): void {
    this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit)
    this.#startNext()
  }

  async #turn(signal: AbortSignal, waiting: (() => void)[]): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => {
      const at = waiting.indexOf(resolve)
      if (at < 0) return
      waiting.splice(at, 1)
      reject(signal.reason)
    }
    waiting.push(resolve)
    signal.addEventListener('abort', abort, { once: true })
    this.#startNext()
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #startNext(): void {
    if (this.#isStarting || this.#running >= this.limit) return
    const next = this.#waiting.shift() ?? this.#waitingAhead.shift()
    if (next === undefined) return
    this.#isStarting = true
    next()
  }
}
