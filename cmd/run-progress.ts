import type { ProgressEvent } from '../lib/progress.ts'
import { ProgressLines } from './progress-lines.ts'

/**
 * The progress of a run as lines of a display: those of each stream that is being loaded. Times are
 * milliseconds of one clock.
 */
export class RunProgress {
  /** What belongs to no stream. */
  readonly #streamless: ProgressLines
  readonly #streams = new Map<string, ProgressLines>()

  constructor(startedAt: number) {
    this.#streamless = new ProgressLines(startedAt)
  }

  /** Updates the display. Returns false for an event that should get a permanent line instead. */
  take(event: ProgressEvent, now: number): boolean {
    if (event.kind === 'stream-ended') return this.#streams.delete(event.stream) || true
    if (event.kind === 'run-planned') this.#streams.set(event.stream, new ProgressLines(now))
    const lines = 'stream' in event ? this.#streams.get(event.stream) : [...this.#streams.values()].at(0)
    return (lines ?? this.#streamless).take(event)
  }

  lines(now: number): readonly string[] {
    if (this.#streams.size === 0) return this.#streamless.lines(now)
    return [...this.#streams].flatMap(([stream, lines]) =>
      lines.lines(now, this.#streams.size > 1 ? `${stream}: ` : ''),
    )
  }
}
