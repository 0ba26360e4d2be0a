import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import lockfile from 'proper-lockfile'
import { z } from 'zod'
import { makePrivateDirectory } from '../core/directories.ts'
import { MixloadError, messageOf } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import { isRunning } from '../core/process-alive.ts'
import { replaceFile } from '../core/replace-file.ts'
import { HOUR_MS } from '../time/instants.ts'
import { RequestQueue } from './request-queue.ts'

/**
 * How much longer one request may travel than the next: Mixpanel counts arrivals. In the limit per
 * second it is short, because every third request waits for it; what comes too early is refused and
 * sent again.
 */
export const TRAVEL_MS_MAX = { hour: 200, second: 25 } as const

/** The windows of the limits, with the time that requests travel. */
const HOUR_WINDOW_MS = HOUR_MS + TRAVEL_MS_MAX.hour
const SECOND_WINDOW_MS = 1000 + TRAVEL_MS_MAX.second

/** Mixpanel's limits for a project in one family of its API; 0 means no limit. */
export interface RateLimits {
  readonly perHour: number
  readonly perSecond: number
  /** The most concurrent requests; no limit if left out. */
  readonly atOnce?: number
}

const Slot = z.object({ id: z.string(), pid: z.int(), since: z.number() })
type Slot = z.output<typeof Slot>

/** After this time a slot is free although its request never ended, as after a crash. */
const SLOT_MS_MAX = HOUR_WINDOW_MS

/** How long a process keeps a free slot for its next request, because file access takes time. */
const KEPT_MS = 500

/** How often a request checks whether a slot is free. */
const POLL_MS = 100

/** How long a request must wait after earlier ones. Times are milliseconds since 1970. */
export function waitFor(sent: readonly number[], limits: RateLimits, now: number): number {
  const within = (ms: number) => sent.filter((at) => at > now - ms && at <= now).sort((a, b) => a - b)
  const waitOf = (limit: number, ms: number) => {
    const recent = within(ms)
    const blocking = limit === 0 ? undefined : recent.at(-limit)
    return blocking === undefined || recent.length < limit ? 0 : blocking + ms - now
  }
  return Math.max(waitOf(limits.perHour, HOUR_WINDOW_MS), waitOf(limits.perSecond, SECOND_WINDOW_MS))
}

const StoredBudget = z.object({ sent: z.array(z.number()), running: z.array(Slot).default([]) })
type StoredBudget = z.output<typeof StoredBudget>

/** Releases the slot of a request that has ended, successfully or not. */
export type Release = () => Promise<void>

/** A project's requests of the last hour, in a file that all runs on this machine share. */
export class RequestBudget implements AsyncDisposable {
  readonly #directory: string
  readonly #path: string
  readonly #limits: RateLimits
  /** Called with the milliseconds that a request must wait. */
  readonly #onWait: (ms: number) => void
  /** The requests of this process. */
  readonly #queue: RequestQueue
  /** Slots that no request of this process uses any more. */
  readonly #kept: Slot[] = []
  #timer: NodeJS.Timeout | undefined

  /** `key`: one per project and server. */
  constructor(directory: string, key: string, limits: RateLimits, onWait: (ms: number) => void = () => {}) {
    this.#directory = directory
    this.#path = join(directory, `${key.replace(/[^a-zA-Z0-9.-]+/g, '_')}.json`)
    this.#limits = limits
    this.#queue = new RequestQueue(limits.atOnce ?? 0)
    this.#onWait = onWait
  }

  /**
   * Waits until a request may be sent, and counts it. Call the result when it has ended. `isAhead`:
   * requests of this process that are not ahead go first.
   */
  async acquire(signal: AbortSignal, isAhead = false): Promise<Release> {
    const release = await this.#queue.enter(() => this.#acquireSlot(signal), signal, isAhead)
    return async () => {
      this.#queue.leave()
      await release()
    }
  }

  /** Mixpanel has refused a request sent at `sentAt`: fewer run at once, after `waitMs`. */
  refused(sentAt: number, waitMs: number): void {
    this.#queue.refused(sentAt, waitMs)
  }

  /** Mixpanel has accepted a request: after refusals, more may run at once again. */
  accepted(): void {
    this.#queue.accepted()
  }

  async #acquireSlot(signal: AbortSignal): Promise<Release> {
    const { perHour, perSecond, atOnce = 0 } = this.#limits
    const isCounted = perHour > 0 || perSecond > 0
    if (!isCounted && atOnce === 0) return noSlot
    for (;;) {
      const kept = this.#kept.pop()
      const isFresh = kept !== undefined && kept.since > Date.now() - SLOT_MS_MAX / 2
      if (isFresh && !isCounted) return async () => this.#keep(kept)
      const taken = await this.#tryTake(kept?.id ?? randomUUID(), isCounted)
      if (typeof taken !== 'number') return atOnce === 0 ? noSlot : async () => this.#keep(taken)
      if (kept !== undefined) this.#keep(kept)
      this.#onWait(taken)
      await sleep(taken, undefined, { signal })
    }
  }

  /** Keeps a slot for the next request, and releases it if none follows soon. */
  #keep(slot: Slot): void {
    this.#kept.push(slot)
    if (this.#timer !== undefined) return
    // If this fails, the slots are free when this process has ended.
    this.#timer = setTimeout(() => this.#releaseKept().catch(() => {}), KEPT_MS).unref()
  }

  async #releaseKept(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const ids = new Set(this.#kept.splice(0).map(({ id }) => id))
    if (ids.size === 0) return
    await this.#withLock(async () => {
      const { sent, running } = await this.#read(Date.now())
      await this.#write({ sent, running: running.filter(({ id }) => !ids.has(id)) })
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#releaseKept()
  }

  /** How many requests may be sent this hour without waiting; Infinity without a limit. */
  async remaining(now: number = Date.now()): Promise<number> {
    const { perHour } = this.#limits
    if (perHour === 0) return Number.POSITIVE_INFINITY
    return Math.max(0, perHour - (await this.#read(now)).sent.length)
  }

  /** Takes a slot, or returns the wait in milliseconds. `id`: of a kept slot, or a new one. */
  #tryTake(id: string, isCounted: boolean): Promise<Slot | number> {
    return this.#withLock(async () => {
      // Read the clock inside the lock: requests by earlier lock owners must not lie in the
      // future.
      const now = Date.now()
      const { sent, running } = await this.#read(now)
      const { atOnce = 0 } = this.#limits
      const others = running.filter((slot) => slot.id !== id)
      if (atOnce > 0 && others.length >= atOnce) return POLL_MS
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

  /** Runs work on the file while no other process does. */
  async #withLock<T>(work: () => Promise<T>): Promise<T> {
    try {
      await makePrivateDirectory(this.#directory, 'MIXLOAD_STATE_DIR')
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
      `Cannot write the request budget to ${this.#path}: ${messageOf(error)}. Set MIXLOAD_STATE_DIR to a writable directory.`,
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
    // A damaged file counts as empty: the server's own limit still holds.
    if (!stored.success) return { sent: [], running: [] }
    return {
      sent: stored.data.sent.filter((at) => at > now - HOUR_WINDOW_MS && at <= now),
      running: stored.data.running.filter(
        ({ pid, since }) => since > now - SLOT_MS_MAX && since <= now && isRunning(pid),
      ),
    }
  }

  async #write(stored: StoredBudget): Promise<void> {
    await replaceFile(this.#path, JSON.stringify(stored), { mode: 0o600 })
  }
}

async function noSlot(): Promise<void> {}
