/** A request that the simulator received. */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** The fields of a form body; empty for any other body. */
  readonly form: Readonly<Record<string, string>>
  /** 0 until the headers of the response are sent. Stays 0 if a fault resets the connection. */
  readonly status: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** When the log is full, its older half is removed. */
const ENTRIES_MAX = 10_000

/** The latest requests. `entries` is always the same array. */
export class RequestLog {
  readonly entries: RecordedRequest[] = []
  #listeners: ((request: RecordedRequest) => void)[] = []

  /** Calls a listener with each request before it is answered. */
  onRequest(listener: (request: RecordedRequest) => void): void {
    this.#listeners.push(listener)
  }

  add(entry: RecordedRequest): void {
    if (this.entries.length >= ENTRIES_MAX) this.entries.splice(0, ENTRIES_MAX / 2)
    this.entries.push(entry)
    for (const listener of this.#listeners) listener(entry)
  }
}
