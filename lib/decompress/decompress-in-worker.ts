import { Worker } from 'node:worker_threads'
import { Change } from '../core/change.ts'
import { type ErrorCode, MixloadError } from '../core/errors.ts'
import { workerFile } from '../core/worker-file.ts'
import type { Compression } from './decompress.ts'

/** What this thread sends to `decompress-worker.ts`, which is the other end. */
export type ToWorker =
  | { readonly kind: 'start'; readonly compression: Compression }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'lend'; readonly buffer: ArrayBuffer }
  | { readonly kind: 'stop' }

export type FromWorker =
  | { readonly kind: 'taken' }
  | { readonly kind: 'block'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }

/** Buffers that pass between the threads, so that blocks need no new memory. */
const BUFFERS = 6
const BUFFER_BYTES = 1024 * 1024
/** The most compressed blocks on their way to the worker. */
const BLOCKS_AHEAD_MAX = 16

const FILE = workerFile('decompress-worker', import.meta.url)

/** Idle workers: starting one takes longer than decompressing a small body. */
const idle: DecompressWorker[] = []

/**
 * Decompresses bytes as `decompressed` does, but in a worker, so that decompressing and scanning
 * use two cores. Use each block before requesting the next one: its memory is reused.
 */
export async function* decompressInWorker(
  bytes: AsyncIterable<Buffer>,
  compression: Compression,
): AsyncGenerator<Buffer, void, undefined> {
  const worker = idle.pop() ?? new DecompressWorker()
  let isWhole = false
  try {
    worker.start(bytes, compression)
    for (let block = await worker.next(); block !== undefined; block = await worker.next()) {
      yield Buffer.from(block.buffer, 0, block.length)
      worker.lend(block.buffer)
    }
    isWhole = true
  } finally {
    if (isWhole) idle.push(worker.rest())
    else await worker.stop()
  }
}

class DecompressWorker {
  readonly #worker = new Worker(FILE)
  readonly #exited = Promise.withResolvers<void>()
  readonly #blocks: Exclude<FromWorker, { kind: 'taken' }>[] = []
  #ahead = 0
  #failure: { readonly error: unknown } | undefined
  #isOver = false
  /** Of all fields above. */
  readonly #change = new Change()

  constructor() {
    for (let count = 0; count < BUFFERS; count++) this.lend(new ArrayBuffer(BUFFER_BYTES))
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'taken') this.#ahead--
      else this.#blocks.push(message)
      this.#change.notify()
    })
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => this.#exited.resolve())
  }

  start(bytes: AsyncIterable<Buffer>, compression: Compression): void {
    this.#worker.ref()
    this.#isOver = false
    this.#send({ kind: 'start', compression })
    this.#feed(bytes).catch((error) => this.#fail(error))
  }

  async #feed(bytes: AsyncIterable<Buffer>): Promise<void> {
    for await (const block of bytes) {
      while (this.#ahead >= BLOCKS_AHEAD_MAX && !this.#isOver) await this.#change.next
      if (this.#isOver) return
      this.#ahead++
      this.#send({ kind: 'bytes', bytes: block })
    }
    this.#send({ kind: 'end' })
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#change.notify()
  }

  /** The next block; undefined at the end. */
  async next(): Promise<{ readonly buffer: ArrayBuffer; readonly length: number } | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      const message = this.#blocks.shift()
      if (message?.kind === 'block') return message
      if (message?.kind === 'failed') throw new MixloadError(message.code, message.message)
      if (message?.kind === 'end') return undefined
      await this.#change.next
    }
  }

  lend(buffer: ArrayBuffer): void {
    this.#worker.postMessage({ kind: 'lend', buffer } satisfies ToWorker, [buffer])
  }

  /** Lets the process end while this worker waits. Returns the worker. */
  rest(): this {
    this.#isOver = true
    this.#worker.unref()
    return this
  }

  /**
   * Stops the worker in the middle of a body. It ends itself: if `terminate` comes while a stream
   * of node:zlib is being made, Node aborts the whole process.
   */
  async stop(): Promise<void> {
    this.#isOver = true
    this.#change.notify()
    this.#send({ kind: 'stop' })
    await this.#exited.promise
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }
}
