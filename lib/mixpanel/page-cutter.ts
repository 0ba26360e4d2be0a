import { Worker } from 'node:worker_threads'
import { type ErrorCode, MixloadError } from '../core/errors.ts'
import { workerFile } from '../core/worker-file.ts'
import { type PageOptions, type ProfilePage, profilePage } from './page-records.ts'

export interface ToPageWorker {
  readonly body: Uint8Array
  readonly options: PageOptions
  /** Memory for the lines, if there is any to spare. */
  readonly room: ArrayBuffer | undefined
}

export type FromPageWorker =
  | { readonly kind: 'page'; readonly page: Omit<ProfilePage, 'lines'>; readonly lines: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly code: ErrorCode | undefined; readonly message: string }

const FILE = workerFile('page-worker', import.meta.url)

interface Waiting {
  readonly resolve: (page: ProfilePage) => void
  readonly reject: (error: unknown) => void
}

/**
 * Cuts the pages of a profile query on a thread of its own, so that this one can scan one page
 * while the next one is cut. The first page is cut right here: most queries have no other, and a
 * thread takes longer to start than a page to cut.
 */
export class PageCutter implements AsyncDisposable {
  #isFirst = true
  #worker: Worker | undefined
  /** Pages that are being cut, in order. */
  readonly #waiting: Waiting[] = []
  readonly #spare: ArrayBuffer[] = []

  /**
   * A page as {@link profilePage} gives it. The body must not be used any more.
   * @throws MixloadError as {@link profilePage} does.
   */
  async cut(body: Buffer, options: PageOptions): Promise<ProfilePage> {
    if (this.#isFirst) {
      this.#isFirst = false
      return profilePage(body, options)
    }
    this.#worker ??= this.#start()
    const message: ToPageWorker = { body, options, room: this.#spare.pop() }
    const { promise, resolve, reject } = Promise.withResolvers<ProfilePage>()
    this.#waiting.push({ resolve, reject })
    this.#worker.postMessage(message, [
      // Small buffers are parts of a pool, which cannot be given away.
      ...(body.length > Buffer.poolSize ? [body.buffer as ArrayBuffer] : []),
      ...(message.room === undefined ? [] : [message.room]),
    ])
    return promise
  }

  /**
   * Takes back the lines of a page that are no longer needed: the next page is put in their place.
   */
  reuse({ lines }: ProfilePage): void {
    if (this.#worker !== undefined) this.#spare.push(lines.buffer as ArrayBuffer)
  }

  #start(): Worker {
    const worker = new Worker(FILE)
    worker.on('message', (message: FromPageWorker) => {
      const waiting = this.#waiting.shift()
      if (message.kind === 'page') {
        const { buffer, byteOffset, byteLength } = message.lines
        waiting?.resolve({ ...message.page, lines: Buffer.from(buffer, byteOffset, byteLength) })
      } else waiting?.reject(failureOf(message))
    })
    worker.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate()
    for (const { reject } of this.#waiting.splice(0)) reject(new MixloadError('CLOSED', 'Cutting pages was given up.'))
  }
}

function failureOf({ code, message }: Extract<FromPageWorker, { kind: 'failed' }>): Error {
  return code === undefined ? new Error(message) : new MixloadError(code, message)
}
