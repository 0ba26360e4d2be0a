/** The thread that cuts pages for {@link ./page-cutter.ts}, one after the other. */
import { parentPort } from 'node:worker_threads'
import { MixloadError, messageOf } from '../core/errors.ts'
import type { FromPageWorker, ToPageWorker } from './page-cutter.ts'
import { profilePage } from './page-records.ts'

const port = parentPort
if (port === null) throw new TypeError('page-worker.ts is the file of a thread')

function tell(message: FromPageWorker, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, [...transfer])
}

port.on('message', ({ body, options, room }: ToPageWorker) => {
  try {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const { lines, ...page } = profilePage(bytes, options, room)
    // Freed at once: the collector comes late to memory that is not its own, and pages are large.
    if (body.buffer instanceof ArrayBuffer) body.buffer.transfer(0)
    const buffer = lines.buffer as ArrayBuffer
    tell({ kind: 'page', page, lines: new Uint8Array(buffer, lines.byteOffset, lines.byteLength) }, [buffer])
  } catch (error) {
    tell({
      kind: 'failed',
      code: error instanceof MixloadError ? error.code : undefined,
      message: messageOf(error),
    })
  }
})
