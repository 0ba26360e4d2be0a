import { pause } from './retries.ts'
import type { Timing } from './timing.ts'

const WINDOW_MS = 10_000

/**
 * Keeps changes of a table as far apart as BigQuery asks for: "5 operations per 10 seconds", every job that writes the
 * table counted, 50 where it has partitions (docs.cloud.google.com/bigquery/quotas). What others do is not known here; so
 * a refusal for that reason is still met with a wait.
 */
export class Pace {
  readonly #timing: Timing
  /** When each table was last changed, oldest first, on a clock that never goes back. */
  readonly #changes = new Map<string, number[]>()

  constructor(timing: Timing) {
    this.#timing = timing
  }

  /** Waits until the table may be changed once more. A partition counts for its table. */
  async wait(tableOrPartition: string, isPartitioned: boolean, signal?: AbortSignal): Promise<void> {
    const [table = ''] = tableOrPartition.split('$')
    const most = isPartitioned ? this.#timing.partitionedUpdatesPerTenSeconds : this.#timing.updatesPerTenSeconds
    const changes = this.#changes.get(table) ?? []
    this.#changes.set(table, changes)
    for (;;) {
      const now = performance.now()
      while (changes[0] !== undefined && changes[0] <= now - WINDOW_MS) changes.shift()
      const first = changes[changes.length - most]
      if (first === undefined) break
      await pause(first + WINDOW_MS - now, signal)
    }
    changes.push(performance.now())
  }
}
