import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { MixloadError } from '../core/errors.ts'
import { exceeds, type RowLimit } from '../core/row-limit.ts'
import type { Chunk } from '../spool/spool.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

const REASONS_SHOWN = 3
/** Characters of a rejected line that a message shows. */
const LINE_SHOWN = 80

/** Refuses to commit to a table if too many lines of the run are rejected. */
export class RejectLimit {
  readonly #max: RowLimit
  #before = 0

  constructor(max: RowLimit) {
    this.#max = max
  }

  /**
   * Checks slices that are loaded together. @throws MixloadError TOO_MANY_REJECTS for the first one
   * that has too many, with its first reasons.
   */
  async admit(slices: readonly SpooledRows[]): Promise<void> {
    let before = this.#before
    for (const slice of slices) {
      await this.#admit(slice, before)
      before += slice.summary.rejects
    }
  }

  /** `before`: the rejects of the slices before it. */
  async #admit({ name, rejects, summary }: SpooledRows, before: number): Promise<void> {
    const lines = summary.rows + summary.rejects
    if (!exceeds(this.#max, summary.rejects, lines, before)) return
    const { kind, most } = this.#max
    const all = before + summary.rejects
    const count = kind === 'rows' ? `${all} lines of this run` : `${summary.rejects} of ${lines} lines`
    throw new MixloadError(
      'TOO_MANY_REJECTS',
      `${name}: ${count} would be rejected, and --max-rejects is ${most}${kind === 'rows' ? '' : '%'}. None of it was ` +
        `loaded. The first reasons: ${(await firstReasons(rejects)).join('; ')}.`,
    )
  }

  note(rejects: number): void {
    this.#before += rejects
  }
}

async function firstReasons(chunks: readonly Chunk[]): Promise<readonly string[]> {
  const reasons = new Map<string, string>()
  for (const { path } of chunks) {
    for await (const entry of createInterface({ input: createReadStream(path) })) {
      const { reason, line } = JSON.parse(entry) as { readonly reason: string; readonly line: string }
      const shown = line === '' ? '' : ` (${JSON.stringify(line.slice(0, LINE_SHOWN))})`
      if (!reasons.has(reason)) reasons.set(reason, reason + shown)
      if (reasons.size === REASONS_SHOWN) return [...reasons.values()]
    }
  }
  return [...reasons.values()]
}
