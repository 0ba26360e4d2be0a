/** The thread that unzips for {@link ./unzip-thread.ts}: one body after the other, in buffers that it is lent. */
import { parentPort } from 'node:worker_threads'
import { MixloadError } from '../core/errors.ts'
import { type Packing, unzipped } from './decompress.ts'
import type { FromWorker, ToWorker } from './decompress-thread.ts'

const port = parentPort
if (port === null) throw new TypeError('unzip-worker.ts is the file of a thread')

/** Packed blocks that have come and are not unzipped yet; undefined is the end. */
const packed: (Buffer | undefined)[] = []
/** Buffers to fill. */
const lent: ArrayBuffer[] = []
/** Those that wait for a message: for packed blocks, for a buffer, or both. */
let waiting: (() => void)[] = []

function tell(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer])
}

/** Waits for a message, whichever comes next. */
function arrival(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push(resolve)
  return promise
}

async function* received(): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    while (packed.length === 0) await arrival()
    const block = packed.shift()
    if (block === undefined) return
    tell({ kind: 'taken' })
    yield block
  }
}

async function lentBuffer(): Promise<Buffer> {
  for (;;) {
    const buffer = lent.pop()
    if (buffer !== undefined) return Buffer.from(buffer)
    await arrival()
  }
}

async function unzip(packing: Exclude<Packing, 'none'>): Promise<void> {
  let filling: Buffer | undefined
  let used = 0
  const hand = (full: Buffer) => {
    const buffer = full.buffer as ArrayBuffer
    tell({ kind: 'block', buffer, length: used }, [buffer])
    filling = undefined
    used = 0
  }
  try {
    for await (const block of unzipped(received(), packing)) {
      for (let at = 0; at < block.length; ) {
        filling ??= await lentBuffer()
        const length = block.copy(filling, used, at)
        used += length
        at += length
        if (used === filling.length) hand(filling)
      }
    }
    if (filling !== undefined) hand(filling)
    tell({ kind: 'end' })
  } catch (error) {
    const code = error instanceof MixloadError ? error.code : 'BODY_UNREADABLE'
    tell({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'start') void unzip(message.packing)
  else if (message.kind === 'lend') lent.push(message.buffer)
  else packed.push(message.kind === 'end' ? undefined : Buffer.from(message.bytes))
  const woken = waiting
  waiting = []
  for (const wake of woken) wake()
})
