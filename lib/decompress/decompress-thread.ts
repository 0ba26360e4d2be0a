import { Worker } from 'node:worker_threads'
import { type ErrorCode, MixloadError } from '../core/errors.ts'
import { workerFile } from '../core/worker-file.ts'
import type { Packing } from './decompress.ts'

/** What the thread is told. */
export type ToWorker =
  | { readonly kind: 'start'; readonly packing: Exclude<Packing, 'none'> }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'lend'; readonly buffer: ArrayBuffer }

/** What the thread tells. */
export type FromWorker =
  | { readonly kind: 'taken' }
  | { readonly kind: 'block'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }

/** Buffers that go to and fro between the threads, so that nothing is allocated, and collected, for each block. */
const BUFFERS = 6
const BUFFER_BYTES = 1024 * 1024
/** Packed blocks on their way to the thread, at most. */
const PACKED_AHEAD = 16

const FILE = workerFile('decompress-worker', import.meta.url)

/** Threads that have come to the end of a body and wait for another: starting one takes longer than a small body. */
const idle: UnzipThread[] = []

/**
 * What is packed in these bytes, as `unzipped` gives it, but on a thread of its own: so unzipping and scanning take both of
 * two cores. A block is good until the next one is asked for.
 * @throws MixloadError BODY_TRUNCATED, BODY_UNREADABLE; whatever reading `bytes` throws.
 */
export async function* unzippedAside(
  bytes: AsyncIterable<Buffer>,
  packing: Exclude<Packing, 'none'>,
): AsyncGenerator<Buffer, void, undefined> {
  const thread = idle.pop() ?? new UnzipThread()
  let isWhole = false
  try {
    thread.start(bytes, packing)
    for (let block = await thread.next(); block !== undefined; block = await thread.next()) {
      yield Buffer.from(block.buffer, 0, block.length)
      thread.lend(block.buffer)
    }
    isWhole = true
  } finally {
    if (isWhole) idle.push(thread.rest())
    else await thread.end()
  }
}

class UnzipThread {
  readonly #worker = new Worker(FILE)
  readonly #blocks: Exclude<FromWorker, { kind: 'taken' }>[] = []
  #ahead = 0
  #failure: { readonly error: unknown } | undefined
  #isOver = false
  #onBlock: (() => void) | undefined
  #onRoom: (() => void) | undefined

  constructor() {
    for (let count = 0; count < BUFFERS; count++) this.lend(new ArrayBuffer(BUFFER_BYTES))
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'taken') {
        this.#ahead--
        this.#onRoom?.()
      } else {
        this.#blocks.push(message)
        this.#onBlock?.()
      }
    })
    this.#worker.on('error', (error) => this.#fail(error))
  }

  start(bytes: AsyncIterable<Buffer>, packing: Exclude<Packing, 'none'>): void {
    this.#worker.ref()
    this.#isOver = false
    this.#tell({ kind: 'start', packing })
    this.#feed(bytes).catch((error) => this.#fail(error))
  }

  async #feed(bytes: AsyncIterable<Buffer>): Promise<void> {
    for await (const block of bytes) {
      while (this.#ahead >= PACKED_AHEAD && !this.#isOver) await this.#room()
      if (this.#isOver) return
      this.#ahead++
      this.#tell({ kind: 'bytes', bytes: block })
    }
    this.#tell({ kind: 'end' })
  }

  #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onRoom = resolve
    return promise
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#onBlock?.()
  }

  /** The next block; undefined at the end. */
  async next(): Promise<{ readonly buffer: ArrayBuffer; readonly length: number } | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      const message = this.#blocks.shift()
      if (message?.kind === 'block') return message
      if (message?.kind === 'failed') throw new MixloadError(message.code, message.message)
      if (message?.kind === 'end') return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onBlock = resolve
      await promise
    }
  }

  /** Gives the thread a buffer to fill. */
  lend(buffer: ArrayBuffer): void {
    this.#worker.postMessage({ kind: 'lend', buffer } satisfies ToWorker, [buffer])
  }

  /** The same thread, which no longer keeps the process from ending. */
  rest(): this {
    this.#isOver = true
    this.#worker.unref()
    return this
  }

  /** Ends it in the middle of a body. */
  async end(): Promise<void> {
    this.#isOver = true
    this.#onRoom?.()
    await this.#worker.terminate()
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message)
  }
}
