import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { MixloadError, messageOf } from '../core/errors.ts'
import { DECOMPRESSED_BYTES_MAX, decompressWhole, tooLarge } from '../decompress/decompress.ts'
import { decompressInWorker } from '../decompress/decompress-in-worker.ts'

/** By the names that HTTP has for them. */
const PACKINGS: Readonly<Record<string, 'gzip' | 'deflate' | 'none'>> = {
  '': 'none',
  identity: 'none',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
}

/** The body of an answer, unzipped, as it comes in. To be read once. */
export class AnswerBody implements AsyncIterable<Buffer> {
  readonly #body: Readable
  readonly #encoding: string
  /** Whether HTTP tells where the body ends, so that a connection that breaks off is seen. */
  readonly #isFramed: boolean
  readonly #request: string
  readonly #signal: AbortSignal
  #bytes = 0

  /** `request`: how messages call it. */
  constructor({ headers, body }: Dispatcher.ResponseData, request: string, signal: AbortSignal) {
    this.#body = body
    this.#encoding = String(headers['content-encoding'] ?? '')
      .trim()
      .toLowerCase()
    this.#isFramed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
    this.#request = request
    this.#signal = signal
  }

  /**
   * Whether something vouches for it that the body, now read to its end, is whole. Nothing does where it ended with the
   * connection, whatever made that end; nor where it is said to be packed, but is nothing at all.
   */
  get isEndKnown(): boolean {
    return this.#isFramed && (this.#bytes > 0 || PACKINGS[this.#encoding] === 'none')
  }

  /**
   * @throws MixloadError CONNECTION_CUT where the connection breaks or falls silent; BODY_TRUNCATED or BODY_UNREADABLE
   *   where the body does not unzip.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      const compression = this.#compression()
      yield* compression === 'none' ? this.#counted() : decompressInWorker(this.#counted(), compression)
    } catch (error) {
      throw this.#failureOf(error)
    } finally {
      this.#giveUp()
    }
  }

  /** All of it at once, for bodies that are not large. Throws as iterating does, and ANSWER_TOO_LARGE. */
  async whole(): Promise<Buffer> {
    try {
      const compression = this.#compression()
      const parts: Buffer[] = []
      for await (const part of this.#counted()) {
        parts.push(part)
        if (this.#bytes > DECOMPRESSED_BYTES_MAX) throw tooLarge()
      }
      const bytes = Buffer.concat(parts)
      return compression === 'none' ? bytes : await decompressWhole(bytes, compression)
    } catch (error) {
      throw this.#failureOf(error)
    } finally {
      this.#giveUp()
    }
  }

  #compression(): 'gzip' | 'deflate' | 'none' {
    const compression = PACKINGS[this.#encoding]
    if (compression !== undefined) return compression
    const encoding = JSON.stringify(this.#encoding.slice(0, 50))
    throw new MixloadError(
      'BODY_UNREADABLE',
      `The response is compressed with ${encoding}, but only gzip was requested.`,
    )
  }

  #failureOf(error: unknown): MixloadError {
    this.#signal.throwIfAborted()
    const of = `The body of ${this.#request}`
    if (!(error instanceof MixloadError))
      return new MixloadError('CONNECTION_CUT', `${of} broke off: ${messageOf(error)}.`, { cause: error })
    const what = error.code === 'ANSWER_TOO_LARGE' ? 'cannot be read' : 'is not whole'
    return new MixloadError(error.code, `${of} ${what}. ${error.message}`, { cause: error.cause })
  }

  #giveUp(): void {
    // A body that nobody has begun to read says by an event that it was given up.
    this.#body.on('error', () => {})
    this.#body.destroy()
  }

  async *#counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const block of this.#body as AsyncIterable<Buffer>) {
      this.#bytes += block.length
      yield block
    }
  }
}
