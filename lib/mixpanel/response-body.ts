import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { DECOMPRESSED_BYTES_MAX, decompressWhole, tooLarge } from '../decompress/decompress.ts'
import { decompressInWorker } from '../decompress/decompress-in-worker.ts'
import { BytesAhead } from '../spool/bytes-ahead.ts'

/** By the values of `Content-Encoding`. */
const COMPRESSIONS: Readonly<Record<string, 'gzip' | 'deflate' | 'none'>> = {
  '': 'none',
  identity: 'none',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
}

/** The decompressed body of a response, as it arrives. Read it once. */
export class ResponseBody implements AsyncIterable<Buffer> {
  readonly #body: Readable
  readonly #encoding: string
  /** Whether the response says where its body ends, so that a lost connection is noticed. */
  readonly #isFramed: boolean
  readonly #request: string
  readonly #signal: AbortSignal
  #ahead: BytesAhead | undefined
  #bytes = 0

  /** `request`: the request as messages name it. */
  constructor({ headers, body }: Dispatcher.ResponseData, request: string, signal: AbortSignal) {
    this.#body = body
    this.#encoding = String(headers['content-encoding'] ?? '')
      .trim()
      .toLowerCase()
    this.#isFramed = isFramed(headers['content-length'], headers['transfer-encoding'])
    this.#request = request
    this.#signal = signal
  }

  /** False if it ended with the connection, or is empty but compressed: it may not be whole. */
  get isEndKnown(): boolean {
    return this.#isFramed && (this.#bytes > 0 || COMPRESSIONS[this.#encoding] === 'none')
  }

  /** Stores the body in a file, as it arrives, until it is read. */
  storeAhead(path: string, onStored: (bytes: number) => void): BytesAhead {
    this.#ahead = new BytesAhead(this.#body, path, onStored)
    return this.#ahead
  }

  /** @throws MixloadError CONNECTION_CUT; BODY_TRUNCATED or BODY_UNREADABLE by decompressing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      const compression = this.#compression()
      yield* compression === 'none' ? this.#counted() : decompressInWorker(this.#counted(), compression)
    } catch (error) {
      throw this.#failureOf(error)
    } finally {
      this.#discard()
    }
  }

  /** The whole body. Throws as iterating does, and ANSWER_TOO_LARGE. */
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
      this.#discard()
    }
  }

  #compression(): 'gzip' | 'deflate' | 'none' {
    const compression = COMPRESSIONS[this.#encoding]
    if (compression !== undefined) return compression
    const encoding = JSON.stringify(this.#encoding.slice(0, 50))
    const message = `The response is compressed with ${encoding}, but only gzip was requested.`
    throw new MixloadError('BODY_UNREADABLE', message)
  }

  #failureOf(error: unknown): MixloadError {
    this.#signal.throwIfAborted()
    if (isFailure(error, 'SPOOL_FAILED')) return error
    const body = `The response to ${this.#request}`
    if (!(error instanceof MixloadError))
      return new MixloadError('CONNECTION_CUT', `${body} broke off: ${messageOf(error)}.`, { cause: error })
    const problem = error.code === 'ANSWER_TOO_LARGE' ? 'cannot be read' : 'is not complete'
    return new MixloadError(error.code, `${body} ${problem}. ${error.message}`, { cause: error.cause })
  }

  #discard(): void {
    // Destroying a body that nobody has read emits an error.
    this.#body.on('error', () => {})
    this.#body.destroy()
  }

  async *#counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const block of this.#ahead ?? (this.#body as AsyncIterable<Buffer>)) {
      this.#bytes += block.length
      yield block
    }
  }
}

/** Whether a response with these headers says where its body ends. */
export function isFramed(length: Header, transferEncoding: Header): boolean {
  // Where there is an encoding, HTTP ignores the length. Only `chunked`, in last place, has an end.
  if (transferEncoding === undefined) return length !== undefined
  const codings = String(transferEncoding).split(',')
  return codings.at(-1)?.trim().toLowerCase() === 'chunked'
}

/** A header; several of them if it came more than once. */
type Header = string | readonly string[] | undefined
