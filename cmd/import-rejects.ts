import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import type { RejectedRecord } from '../lib/ingest/report.ts'

/** Where an event came from. */
export interface EventPlace {
  readonly source: string
  /** The number of the event in the source, from 1. */
  readonly number: number
  /** In a file: the line of the event, from 1. In CSV, the row; the header is row 1. */
  readonly line: number | undefined
}

/** The file for rejected events, one per line. It is created when the first event is rejected. */
export class RejectsFile {
  readonly path: string
  #stream: WriteStream | undefined
  #failure: Error | undefined

  constructor(path: string) {
    this.path = path
  }

  add(place: EventPlace, { reason, field, record }: RejectedRecord): void {
    this.#stream ??= createWriteStream(this.path, { flags: 'a' }).on('error', (error) => {
      this.#failure ??= error
    })
    this.#stream.write(`${JSON.stringify({ ...place, reason, field, event: eventValue(record) })}\n`)
  }

  /** @throws MixloadError FILE_REFUSED if not all events could be written. */
  async end(): Promise<void> {
    if (this.#stream === undefined) return
    this.#stream.end()
    await finished(this.#stream).catch((error: Error) => {
      this.#failure ??= error
    })
    if (this.#failure !== undefined) {
      throw new MixloadError('FILE_REFUSED', `Cannot write ${this.path}: ${messageOf(this.#failure)}.`, {
        cause: this.#failure,
      })
    }
  }
}

/** Returns the event, so that it can be fixed and imported; its text if it is not JSON. */
function eventValue(record: string): unknown {
  try {
    const value: unknown = JSON.parse(record)
    // The text keeps digits that JSON.parse would lose.
    return /\d{16}/.test(record) ? record : value
  } catch {
    return record
  }
}
