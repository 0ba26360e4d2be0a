/** The worker of `page-cutter.ts`: it splits one page after another. */
import { parentPort } from 'node:worker_threads'
import { MixloadError, messageOf } from '../core/errors.ts'
import type { FromPageWorker, ToPageWorker } from './page-cutter.ts'
import { profilePage } from './page-records.ts'

const port = parentPort
if (port === null) throw new TypeError('page-worker.ts runs only as a worker')

function send(message: FromPageWorker, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer])
}

port.on('message', ({ body, options, room }: ToPageWorker) => {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const { lines, ...page } = profilePage(bytes, options, room)
    // Freed at once: the garbage collector frees external memory late, and pages are large.
    if (body.buffer instanceof ArrayBuffer) body.buffer.transfer(0)
    const buffer = lines.buffer as ArrayBuffer
    send({ kind: 'page', page, lines: new Uint8Array(buffer, lines.byteOffset, lines.byteLength) }, [buffer])
  } catch (error) {
    send({ kind: 'failed', code: error instanceof MixloadError ? error.code : undefined, message: messageOf(error) })
  }
})
