import type { BatchQueue, SettledBatch } from './batch-queue.ts'
import type { EndpointName } from './endpoints.ts'
import { type ImportEvent, prepareImport } from './prepare-import.ts'
import { type DeliveryNotice, type DeliveryReport, DeliveryTally } from './report.ts'
import { Watermark } from './watermark.ts'

const ENDPOINT: EndpointName = 'import'

/** Options of `import`. */
export interface ImportOptions {
  readonly signal?: AbortSignal
  /** Called with the number of events, from the first, that have all been accepted or rejected. */
  readonly onProgress?: (through: number) => void
}

export interface ImportContext extends ImportOptions {
  readonly newQueue: (onSettled: (batch: SettledBatch) => void) => BatchQueue
  readonly notify: (notice: DeliveryNotice) => void
}

/** Events one by one or in lists. Lists are faster if there are millions of events. */
export type ImportEvents =
  | Iterable<ImportEvent | readonly ImportEvent[]>
  | AsyncIterable<ImportEvent | readonly ImportEvent[]>

/** Sends events through a queue of their own. Throws why they cannot be delivered. */
export async function importEvents(
  events: ImportEvents,
  { newQueue, notify, signal, onProgress }: ImportContext,
): Promise<DeliveryReport> {
  const tally = new DeliveryTally(notify)
  const done = new Watermark()
  const queue = newQueue((batch) => {
    tally.add(ENDPOINT, batch, false)
    if (batch.failure !== undefined) return
    for (const { index } of batch.records) done.markDone(index, index + 1)
    onProgress?.(done.through)
  })
  const throwIfStopped = () => {
    signal?.throwIfAborted()
    if (tally.failure !== undefined) throw tally.failure
  }
  const stop = () => queue.stop()
  signal?.addEventListener('abort', stop)
  let count = 0
  /** Returns a promise to wait for if the queue is full. */
  const add = (event: ImportEvent): Promise<void> | undefined => {
    const prepared = prepareImport(event)
    const index = count++
    if ('reason' in prepared) {
      const record = typeof event === 'string' ? event : String(JSON.stringify(event))
      tally.reject({ endpoint: ENDPOINT, index, reason: prepared.reason, record })
      done.markDone(index, index + 1)
      return undefined
    }
    const { json } = prepared
    return queue.add([{ json, bytes: Buffer.byteLength(json) + 1, hasOwnToken: true, index }])
  }
  try {
    for await (const batch of events) {
      for (const event of isList(batch) ? batch : [batch]) {
        const waiting = add(event)
        if (waiting === undefined) continue
        await waiting
        throwIfStopped()
      }
      throwIfStopped()
    }
    await queue.flush()
    throwIfStopped()
    onProgress?.(done.through)
    return tally.takeReport()
  } catch (error) {
    // A failed delivery may have made the source of the events throw. Its cause is the better
    // error.
    throwIfStopped()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    queue.stop()
  }
}

function isList(events: ImportEvent | readonly ImportEvent[]): events is readonly ImportEvent[] {
  return Array.isArray(events)
}
