import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { MixloadError } from '../core/errors.ts'
import { isPast, type MaxRejects } from '../core/max-rejects.ts'
import type { SpooledRows } from '../scan/spooled-rows.ts'
import type { Chunk } from '../spool/spool.ts'

/** Reasons that a message names. */
const REASONS_SHOWN = 3
/** Of a line that is set aside, the characters that a message shows. */
const LINE_SHOWN = 80

/** Keeps a run from committing when too many of its lines are set aside. */
export class RejectLimit {
  readonly #max: MaxRejects
  #before = 0

  constructor(max: MaxRejects) {
    this.#max = max
  }

  /** @throws MixloadError TOO_MANY_REJECTS, with the first reasons. */
  async admit({ rejects, summary }: SpooledRows, name: string): Promise<void> {
    if (!isPast(this.#max, summary.rejects, summary.events + summary.rejects, this.#before)) return
    const { kind, most } = this.#max
    const all = this.#before + summary.rejects
    const much =
      kind === 'lines' ? `${all} lines of this run` : `${summary.rejects} of ${summary.events + summary.rejects} lines`
    throw new MixloadError(
      'TOO_MANY_REJECTS',
      `${name}: ${much} would be set aside, and --max-rejects is ${most}${kind === 'lines' ? '' : '%'}. Nothing of it was ` +
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
      if (!reasons.has(reason)) reasons.set(reason, `${reason} (${JSON.stringify(line.slice(0, LINE_SHOWN))})`)
      if (reasons.size === REASONS_SHOWN) return [...reasons.values()]
    }
  }
  return [...reasons.values()]
}
