import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { workerFile } from '../../../lib/core/worker-file.ts'

/** What is sent to the thread. */
export type ToPipeWorker =
  | { readonly kind: 'start'; readonly id: number; readonly fd: number; readonly blockBytes: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'close' }

/** The id is that of the pipe. Messages of a closed pipe may still arrive. */
export type FromPipeWorker =
  | { readonly kind: 'block'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }

const BLOCK_BYTES = 1024 * 1024
/** Blocks that the thread may send before more are requested. */
const AHEAD = 2

const FILE = workerFile('pipe-worker', import.meta.url)

/**
 * Reads pipes on a thread of its own. A pipe has 64 kB at a time. A thread that also does other
 * work, such as scanning the next download, would read it too seldom to keep the engine and the
 * server busy.
 */
export class PipeReader implements AsyncDisposable {
  readonly #worker = new Worker(FILE)
  #id = 0
  #stream: PipeStream | undefined

  constructor() {
    this.#worker.unref()
    this.#worker.on('message', (message: FromPipeWorker) => {
      if (message.id === this.#id) this.#stream?.receive(message)
    })
    this.#worker.on('error', (error) => this.#stream?.destroy(error))
  }

  /** The content of the pipe at `fd`, which is closed with the stream. One pipe at a time. */
  read(fd: number): Readable {
    const send = (message: ToPipeWorker) => this.#worker.postMessage(message)
    this.#stream = new PipeStream(send, () => this.#worker.unref())
    this.#worker.ref()
    send({ kind: 'start', id: ++this.#id, fd, blockBytes: BLOCK_BYTES })
    for (let count = 0; count < AHEAD; count++) send({ kind: 'more' })
    return this.#stream
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

/** The stream of a pipe that the thread reads. */
class PipeStream extends Readable {
  readonly #send: (message: ToPipeWorker) => void
  readonly #closed: () => void
  /** Blocks that have arrived since more were requested. */
  #owed = 0

  constructor(send: (message: ToPipeWorker) => void, closed: () => void) {
    super({ highWaterMark: BLOCK_BYTES })
    this.#send = send
    this.#closed = closed
  }

  receive(message: FromPipeWorker): void {
    if (message.kind === 'failed') this.destroy(new Error(message.message))
    else if (message.kind === 'end') this.push(null)
    else {
      this.#owed++
      if (this.push(Buffer.from(message.buffer, 0, message.length))) this._read()
    }
  }

  override _read(): void {
    for (; this.#owed > 0; this.#owed--) this.#send({ kind: 'more' })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#send({ kind: 'close' })
    this.#closed()
    callback(error)
  }
}
