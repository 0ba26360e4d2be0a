import { pause } from './retries.ts'
import type { Timing } from './timing.ts'

const WINDOW_MS = 10_000

/**
 * Spaces out the changes of a table as BigQuery requires: "5 operations per 10 seconds", which
 * includes every job that writes the table, or 50 if it is partitioned
 * (docs.cloud.google.com/bigquery/quotas). Changes by others are not known here, so BigQuery may
 * still refuse one, and it is then repeated later.
 */
export class Pace {
  readonly #timing: Timing
  /** When each table was changed, oldest first, by the monotonic clock. */
  readonly #changes = new Map<string, number[]>()

  constructor(timing: Timing) {
    this.#timing = timing
  }

  /** Waits until the table may be changed once more. A partition counts for its table. */
  async wait(tableOrPartition: string, isPartitioned: boolean, signal?: AbortSignal): Promise<void> {
    const [table = ''] = tableOrPartition.split('$')
    const max = isPartitioned ? this.#timing.partitionedUpdatesPerTenSeconds : this.#timing.updatesPerTenSeconds
    const changes = this.#changes.get(table) ?? []
    this.#changes.set(table, changes)
    for (;;) {
      const now = performance.now()
      while (changes[0] !== undefined && changes[0] <= now - WINDOW_MS) changes.shift()
      const first = changes[changes.length - max]
      if (first === undefined) break
      await pause(first + WINDOW_MS - now, signal)
    }
    changes.push(performance.now())
  }
}
