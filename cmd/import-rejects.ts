import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { MixloadError, messageOf } from '../lib/core/errors.ts'
import type { Rejection } from '../lib/ingest/report.ts'

/** Where an event comes from. */
interface EventPlace {
  /** The file or the query. */
  readonly source: string
  /** Its number there, from 1. */
  readonly number: number
  /** In a file, the line on which it stands, from 1; in CSV the row, the header being the first. */
  readonly line: number | undefined
}

/** The file that takes events that were refused, a line each, made with the first of them. */
export class RejectsFile {
  readonly path: string
  #stream: WriteStream | undefined
  #failure: Error | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Adds an event. */
  add(place: EventPlace, { reason, field, record }: Rejection): void {
    this.#stream ??= createWriteStream(this.path, { flags: 'a' }).on('error', (error) => {
      this.#failure ??= error
    })
    this.#stream.write(`${JSON.stringify({ ...place, reason, field, event: eventOf(record) })}\n`)
  }

  /** @throws MixloadError FILE_REFUSED where not all could be written. */
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

/** The event itself, so that it can be mended and imported; its text where it is no JSON. */
function eventOf(record: string): unknown {
  try {
    const value: unknown = JSON.parse(record)
    // Digits that JSON.parse would lose stay in a text.
    return /\d{16}/.test(record) ? record : value
  } catch {
    return record
  }
}
