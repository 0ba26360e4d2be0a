/** The worker of `decompressInWorker`. It decompresses one body after another into lent buffers. */
import { parentPort } from 'node:worker_threads'
import { Change } from '../core/change.ts'
import { MixloadError } from '../core/errors.ts'
import { type Compression, decompressed } from './decompress.ts'
import type { FromWorker, ToWorker } from './decompress-in-worker.ts'

const port = parentPort
if (port === null) throw new TypeError('decompress-worker.ts runs only as a worker')

/** Compressed blocks that have arrived and wait; undefined marks the end of a body. */
const compressed: (Buffer | undefined)[] = []
const lent: ArrayBuffer[] = []
/** The arrival of a compressed block or a buffer. */
const arrival = new Change()

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer])
}

async function* received(): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    while (compressed.length === 0) await arrival.next
    const block = compressed.shift()
    if (block === undefined) return
    send({ kind: 'taken' })
    yield block
  }
}

async function lentBuffer(): Promise<Buffer> {
  for (;;) {
    const buffer = lent.pop()
    if (buffer !== undefined) return Buffer.from(buffer)
    await arrival.next
  }
}

async function decompressBody(compression: Compression): Promise<void> {
  let filling: Buffer | undefined
  let used = 0
  const hand = (full: Buffer) => {
    const buffer = full.buffer as ArrayBuffer
    send({ kind: 'block', buffer, length: used }, [buffer])
    filling = undefined
    used = 0
  }
  try {
    for await (const block of decompressed(received(), compression)) {
      for (let at = 0; at < block.length; ) {
        filling ??= await lentBuffer()
        const length = block.copy(filling, used, at)
        used += length
        at += length
        if (used === filling.length) hand(filling)
      }
    }
    if (filling !== undefined) hand(filling)
    send({ kind: 'end' })
  } catch (error) {
    const code = error instanceof MixloadError ? error.code : 'BODY_UNREADABLE'
    send({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) })
  }
}

port.on('message', (message: ToWorker) => {
  // Without its port, the thread ends when nothing is under way.
  if (message.kind === 'stop') return port.close()
  if (message.kind === 'start') void decompressBody(message.compression)
  else if (message.kind === 'lend') lent.push(message.buffer)
  else compressed.push(message.kind === 'end' ? undefined : Buffer.from(message.bytes))
  arrival.notify()
})
