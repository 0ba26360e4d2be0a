import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { MixloadError, messageOf } from '../errors.ts'
import { unzipped } from '../unzip.ts'
import { unzippedAside } from '../unzip-thread.ts'

/** By the names that HTTP has for them. */
const PACKINGS: Readonly<Record<string, 'gzip' | 'deflate' | 'none'>> = {
  '': 'none',
  identity: 'none',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
}

type Unzip = (
  bytes: AsyncGenerator<Buffer, void, undefined>,
  packing: 'gzip' | 'deflate',
) => AsyncGenerator<Buffer, void, undefined>

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
    yield* this.#unzippedBy(unzippedAside)
  }

  /** All of it at once, for bodies that are not large: they need no thread of their own. Throws as iterating does. */
  async whole(): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of this.#unzippedBy(unzipped)) parts.push(part)
    return Buffer.concat(parts)
  }

  async *#unzippedBy(unzip: Unzip): AsyncGenerator<Buffer, void, undefined> {
    const packing = PACKINGS[this.#encoding]
    try {
      if (packing === undefined) {
        const encoding = JSON.stringify(this.#encoding.slice(0, 50))
        throw new MixloadError('BODY_UNREADABLE', `It is packed as ${encoding}, but gzip was asked for.`)
      }
      yield* packing === 'none' ? this.#counted() : unzip(this.#counted(), packing)
    } catch (error) {
      this.#signal.throwIfAborted()
      throw bodyFailure(this.#request, error)
    } finally {
      // A body that nobody has begun to read says by an event that it was given up.
      this.#body.on('error', () => {})
      this.#body.destroy()
    }
  }

  async *#counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const block of this.#body as AsyncIterable<Buffer>) {
      this.#bytes += block.length
      yield block
    }
  }
}

function bodyFailure(request: string, error: unknown): MixloadError {
  const of = `The body of ${request}`
  if (error instanceof MixloadError)
    return new MixloadError(error.code, `${of} is not whole. ${error.message}`, { cause: error.cause })
  return new MixloadError('CONNECTION_CUT', `${of} broke off: ${messageOf(error)}.`, { cause: error })
}
