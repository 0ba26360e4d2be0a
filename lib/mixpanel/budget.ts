import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import lockfile from 'proper-lockfile'
import { z } from 'zod'
import { MixloadError, messageOf } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import { makeDirectory } from '../core/make-directory.ts'
import { isRunning } from '../core/process-alive.ts'
import { replaceFile } from '../core/replace-file.ts'

/**
 * By how much a request may take longer to Mixpanel than a later one, as the first one of a connection does: Mixpanel
 * counts when they come, not when they go.
 */
export const ON_THE_WAY_MS = 200

/** The times that limits are for, so long that they hold for requests as they come. */
const HOUR_MS = 3_600_000 + ON_THE_WAY_MS
const SECOND_MS = 1000 + ON_THE_WAY_MS

/** What Mixpanel allows a project in one family of its API; 0 for no limit. */
export interface RateLimits {
  readonly perHour: number
  readonly perSecond: number
  /** Requests under way at once; no limit where left out. */
  readonly atOnce?: number
}

/** A request under way. */
const Running = z.object({ id: z.string(), pid: z.int(), since: z.number() })
type Running = z.output<typeof Running>

/** Of a request that never ended, such as one on a machine that went down: when it counts no more. */
const RUNNING_MS_MAX = HOUR_MS

/** How long a place without a request is kept from others: giving it back and taking it anew costs milliseconds. */
const KEPT_MS = 500

/** How often a request looks whether one of those under way has ended. */
const LOOK_AGAIN_MS = 100

/** When a request may go, from the moments of those before it. Pure. All times in milliseconds since 1970. */
export function waitFor(sent: readonly number[], limits: RateLimits, now: number): number {
  const within = (ms: number) => sent.filter((at) => at > now - ms && at <= now).sort((a, b) => a - b)
  const waitOf = (limit: number, ms: number) => {
    const recent = within(ms)
    const blocking = limit === 0 ? undefined : recent.at(-limit)
    return blocking === undefined || recent.length < limit ? 0 : blocking + ms - now
  }
  return Math.max(waitOf(limits.perHour, HOUR_MS), waitOf(limits.perSecond, SECOND_MS))
}

const StoredBudget = z.object({ sent: z.array(z.number()), running: z.array(Running).default([]) })
type StoredBudget = z.output<typeof StoredBudget>

/** Says that a request has ended, however it did. */
export type Release = () => Promise<void>

/**
 * The requests that a project has made in the last hour, in a file that all runs on this machine share: Mixpanel counts
 * per project, not per process.
 */
export class RequestBudget implements AsyncDisposable {
  readonly #directory: string
  readonly #path: string
  readonly #limits: RateLimits
  /** Told how long a request must wait. */
  readonly #onWait: (ms: number) => void
  /** Places on disk that no request of this process uses any more. */
  readonly #kept: Running[] = []
  #timer: NodeJS.Timeout | undefined

  /** `key` tells projects and servers apart. */
  constructor(directory: string, key: string, limits: RateLimits, onWait: (ms: number) => void = () => {}) {
    this.#directory = directory
    this.#path = join(directory, `${key.replace(/[^a-zA-Z0-9.-]+/g, '_')}.json`)
    this.#limits = limits
    this.#onWait = onWait
  }

  /** Waits until a request may be sent, and counts it. Where the limits have `atOnce`, its end must be told. */
  async acquire(signal: AbortSignal): Promise<Release> {
    const { perHour, perSecond, atOnce = 0 } = this.#limits
    const isCounted = perHour > 0 || perSecond > 0
    if (!isCounted && atOnce === 0) return nothingToRelease
    for (;;) {
      const kept = this.#kept.pop()
      const isFresh = kept !== undefined && kept.since > Date.now() - RUNNING_MS_MAX / 2
      if (isFresh && !isCounted) return async () => this.#keep(kept)
      const taken = await this.#tryTake(kept?.id ?? randomUUID(), isCounted)
      if (typeof taken !== 'number') return atOnce === 0 ? nothingToRelease : async () => this.#keep(taken)
      if (kept !== undefined) this.#keep(kept)
      this.#onWait(taken)
      await sleep(taken, undefined, { signal })
    }
  }

  /** Keeps a place for the next request, which mostly comes at once, and gives it back when none does. */
  #keep(place: Running): void {
    this.#kept.push(place)
    if (this.#timer !== undefined) return
    // Should giving back fail, the places are free when this process has ended.
    this.#timer = setTimeout(() => this.#giveBack().catch(() => {}), KEPT_MS).unref()
  }

  async #giveBack(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const ids = new Set(this.#kept.splice(0).map(({ id }) => id))
    if (ids.size === 0) return
    await this.#alone(async () => {
      const { sent, running } = await this.#read(Date.now())
      await this.#write({ sent, running: running.filter(({ id }) => !ids.has(id)) })
    })
  }

  /** Gives back what no request uses, which else comes a moment later. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#giveBack()
  }

  /** How many requests may go this hour without a wait; Infinity without a limit. */
  async remaining(now: number = Date.now()): Promise<number> {
    const { perHour } = this.#limits
    if (perHour === 0) return Number.POSITIVE_INFINITY
    return Math.max(0, perHour - (await this.#read(now)).sent.length)
  }

  /** Takes a place, also one that is kept, or gives the milliseconds until there may be one. */
  #tryTake(id: string, isCounted: boolean): Promise<Running | number> {
    return this.#alone(async () => {
      // Only now: what others sent while the lock was theirs must not lie in the future.
      const now = Date.now()
      const { sent, running } = await this.#read(now)
      const { atOnce = 0 } = this.#limits
      const others = running.filter((other) => other.id !== id)
      if (atOnce > 0 && others.length >= atOnce) return LOOK_AGAIN_MS
      const wait = waitFor(sent, this.#limits, now)
      if (wait > 0) return wait
      const started = { id, pid: process.pid, since: now }
      await this.#write({
        sent: isCounted ? [...sent, now] : sent,
        running: atOnce === 0 ? running : [...others, started],
      })
      return started
    })
  }

  /** Does work on the file while no other process does. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    try {
      await makeDirectory(this.#directory, 0o700)
      const release = await lockfile.lock(this.#path, {
        realpath: false,
        stale: 10_000,
        retries: { retries: 100, minTimeout: 10, maxTimeout: 200 },
      })
      try {
        return await work()
      } finally {
        await release()
      }
    } catch (error) {
      throw error instanceof MixloadError ? error : this.#failure(error)
    }
  }

  #failure(error: unknown): MixloadError {
    return new MixloadError(
      'SPOOL_FAILED',
      `Cannot keep the request budget in ${this.#path}: ${messageOf(error)}. Set MIXLOAD_STATE_DIR to a directory that can be written.`,
      { cause: error },
    )
  }

  async #read(now: number): Promise<StoredBudget> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { sent: [], running: [] }
      throw this.#failure(error)
    }
    const stored = StoredBudget.safeParse(parseJson(text))
    // A file that can't be read counts for nothing: the server's own limit still holds.
    if (!stored.success) return { sent: [], running: [] }
    return {
      sent: stored.data.sent.filter((at) => at > now - HOUR_MS && at <= now),
      running: stored.data.running.filter(
        ({ pid, since }) => since > now - RUNNING_MS_MAX && since <= now && isRunning(pid),
      ),
    }
  }

  async #write(stored: StoredBudget): Promise<void> {
    await replaceFile(this.#path, JSON.stringify(stored), { mode: 0o600 })
  }
}

async function nothingToRelease(): Promise<void> {}
