import type { RecordedRequest } from './reply.ts'

/** When the log is full its older half goes, so that trimming is rare. */
const ENTRIES_MAX = 10_000

/** The latest requests. The list stays the same object, so that a test can hold on to it. */
export class RequestLog {
  readonly entries: RecordedRequest[] = []
  #listeners: ((request: RecordedRequest) => void)[] = []

  /** Calls a listener with each request that comes, before it is answered. */
  onRequest(listener: (request: RecordedRequest) => void): void {
    this.#listeners.push(listener)
  }

  add(entry: RecordedRequest): void {
    if (this.entries.length >= ENTRIES_MAX) this.entries.splice(0, ENTRIES_MAX / 2)
    this.entries.push(entry)
    for (const listener of this.#listeners) listener(entry)
  }
}
