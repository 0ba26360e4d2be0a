import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import lockfile from 'proper-lockfile'
import { z } from 'zod'
import { MixloadError, messageOf } from '../errors.ts'

const HOUR_MS = 3_600_000

/** What Mixpanel allows a project in one family of its API; 0 for no limit. */
export interface RateLimits {
  readonly perHour: number
  readonly perSecond: number
}

/** When a request may go, from the moments of those before it. Pure. All times in milliseconds since 1970. */
export function waitFor(sent: readonly number[], limits: RateLimits, now: number): number {
  const within = (ms: number) => sent.filter((at) => at > now - ms && at <= now).sort((a, b) => a - b)
  const waitOf = (limit: number, ms: number) => {
    const recent = within(ms)
    const blocking = limit === 0 ? undefined : recent.at(-limit)
    return blocking === undefined || recent.length < limit ? 0 : blocking + ms - now
  }
  return Math.max(waitOf(limits.perHour, HOUR_MS), waitOf(limits.perSecond, 1000))
}

const StoredBudget = z.object({ sent: z.array(z.number()) })

/**
 * The requests that a project has made in the last hour, in a file that all runs on this machine share: Mixpanel counts
 * per project, not per process.
 */
export class RequestBudget {
  readonly #directory: string
  readonly #path: string
  readonly #limits: RateLimits
  /** Told how long a request must wait. */
  readonly #onWait: (ms: number) => void

  /** `key` tells projects and servers apart. */
  constructor(directory: string, key: string, limits: RateLimits, onWait: (ms: number) => void = () => {}) {
    this.#directory = directory
    this.#path = join(directory, `${key.replace(/[^a-zA-Z0-9.-]+/g, '_')}.json`)
    this.#limits = limits
    this.#onWait = onWait
  }

  /** Waits until a request may be sent, and counts it. */
  async acquire(signal: AbortSignal): Promise<void> {
    if (this.#limits.perHour === 0 && this.#limits.perSecond === 0) return
    for (;;) {
      const wait = await this.#tryTake()
      if (wait === 0) return
      this.#onWait(wait)
      await sleep(wait, undefined, { signal })
    }
  }

  /** How many requests may go this hour without a wait; Infinity without a limit. */
  async remaining(now: number = Date.now()): Promise<number> {
    const { perHour } = this.#limits
    if (perHour === 0) return Number.POSITIVE_INFINITY
    return Math.max(0, perHour - (await this.#read(now)).length)
  }

  /** Takes a place, or gives the milliseconds until there may be one. */
  async #tryTake(): Promise<number> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      const release = await lockfile.lock(this.#path, {
        realpath: false,
        stale: 10_000,
        retries: { retries: 100, minTimeout: 10, maxTimeout: 200 },
      })
      try {
        // Only now: what others sent while the lock was theirs must not lie in the future.
        const now = Date.now()
        const sent = await this.#read(now)
        const wait = waitFor(sent, this.#limits, now)
        if (wait === 0) await this.#write([...sent, now])
        return wait
      } finally {
        await release()
      }
    } catch (error) {
      throw new MixloadError(
        'SPOOL_FAILED',
        `Cannot keep the request budget in ${this.#path}: ${messageOf(error)}. Set MIXLOAD_STATE_DIR to a directory that can be written.`,
        { cause: error },
      )
    }
  }

  async #read(now: number): Promise<readonly number[]> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
    const stored = StoredBudget.safeParse(parsed(text))
    // A file that can't be read counts for nothing: the server's own limit still holds.
    return stored.success ? stored.data.sent.filter((at) => at > now - HOUR_MS && at <= now) : []
  }

  async #write(sent: readonly number[]): Promise<void> {
    const aside = `${this.#path}.${process.pid}.new`
    await writeFile(aside, JSON.stringify({ sent }), { mode: 0o600 })
    await rename(aside, this.#path)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
