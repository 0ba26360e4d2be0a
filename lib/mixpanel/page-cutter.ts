import { Worker } from 'node:worker_threads'
import { type ErrorCode, MixloadError } from '../core/errors.ts'
import { workerFile } from '../core/worker-file.ts'
import { type PageOptions, type ProfilePage, profilePage } from './page-records.ts'

export interface ToPageWorker {
  readonly body: Uint8Array
  readonly options: PageOptions
  /** Memory to reuse for the lines. */
  readonly room: ArrayBuffer | undefined
}

export type FromPageWorker =
  | { readonly kind: 'page'; readonly page: Omit<ProfilePage, 'lines'>; readonly lines: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly code: ErrorCode | undefined; readonly message: string }

const FILE = workerFile('page-worker', import.meta.url)

/**
 * Splits pages of profiles in a worker, while this thread scans the page before. The first page is
 * split in this thread: most queries have only one, and starting a worker takes longer.
 */
export class PageCutter implements AsyncDisposable {
  #isFirst = true
  #worker: Worker | undefined
  /** Pages in the worker, in order. */
  readonly #waiting: PromiseWithResolvers<ProfilePage>[] = []
  readonly #spare: ArrayBuffer[] = []

  /** Does what {@link profilePage} does. The caller must no longer use the body. */
  async cut(body: Buffer, options: PageOptions): Promise<ProfilePage> {
    if (this.#isFirst) {
      this.#isFirst = false
      return profilePage(body, options)
    }
    this.#worker ??= this.#start()
    const message: ToPageWorker = { body, options, room: this.#spare.pop() }
    const waiting = Promise.withResolvers<ProfilePage>()
    this.#waiting.push(waiting)
    this.#worker.postMessage(message, [
      // Small buffers are parts of a pool, which cannot be transferred.
      ...(body.length > Buffer.poolSize ? [body.buffer as ArrayBuffer] : []),
      ...(message.room === undefined ? [] : [message.room]),
    ])
    return waiting.promise
  }

  /** Reuses the memory of lines that are no longer needed. */
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
      } else {
        const { code, message: text } = message
        waiting?.reject(code === undefined ? new Error(text) : new MixloadError(code, text))
      }
    })
    worker.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate()
    for (const { reject } of this.#waiting.splice(0)) reject(new MixloadError('CLOSED', 'Reading pages was stopped.'))
  }
}
