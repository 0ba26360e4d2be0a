import type { EndpointName, Outgoing } from './endpoints.ts'
import { type ImportEvent, importRecord } from './import-record.ts'
import type { Lane, SettledBatch } from './lane.ts'
import { failureOf, rejectionsOf } from './outcomes.ts'
import { type IngestEvent, type Rejection, type Report, Tally } from './report.ts'
import { Watermark } from './watermark.ts'

const ENDPOINT: EndpointName = 'import'

export interface ImportContext {
  readonly lane: (onSettled: (batch: SettledBatch) => void) => Lane
  readonly tell: (event: IngestEvent) => void
  readonly signal?: AbortSignal
  /** Told how many events, from the first, have all ended, well or not: an import may go on from there. */
  readonly onProgress?: (through: number) => void
}

/** Events one by one, or in lists, which are faster where there are millions. */
export type ImportEvents =
  | Iterable<ImportEvent | readonly ImportEvent[]>
  | AsyncIterable<ImportEvent | readonly ImportEvent[]>

/** Sends events through a lane of their own. @throws MixloadError where they can't be delivered; the signal's reason. */
export async function importEvents(
  events: ImportEvents,
  { lane: newLane, tell, signal, onProgress }: ImportContext,
): Promise<Report> {
  const tally = new Tally()
  const ended = new Watermark()
  let failure: unknown
  const reject = (rejection: Rejection) => {
    tally.reject(rejection)
    tell({ kind: 'rejected', rejection })
  }
  const lane = newLane((batch) => {
    if (batch.failure !== undefined) {
      failure ??= batch.failure
      // Who gives the events may have to be woken, to end what it waits for.
      const error = failureOf(batch.failure)
      tell({ kind: 'failed', endpoint: ENDPOINT, error, count: batch.records.length, kept: false })
      return
    }
    const rejections = rejectionsOf(ENDPOINT, batch.records, batch.faults)
    tally.accept(batch.records.length - rejections.length)
    rejections.forEach(reject)
    for (const [from, until] of runsOf(batch.records)) ended.done(from, until)
    onProgress?.(ended.through)
  })
  const assertGoing = () => {
    signal?.throwIfAborted()
    if (failure !== undefined) throw failureOf(failure)
  }
  const stop = () => lane.stop()
  signal?.addEventListener('abort', stop)
  let index = 0
  /** Gives what to wait for, where the queue is full. */
  const add = (event: ImportEvent): Promise<void> | undefined => {
    const record = importRecord(event)
    const number = index++
    if ('reason' in record) {
      const text = typeof event === 'string' ? event : String(JSON.stringify(event))
      reject({ endpoint: ENDPOINT, index: number, reason: record.reason, record: text })
      ended.done(number, number + 1)
      return undefined
    }
    const { json } = record
    return lane.add([{ json, bytes: Buffer.byteLength(json) + 1, ownToken: true, index: number }])
  }
  try {
    for await (const some of events) {
      for (const event of isList(some) ? some : [some]) {
        const waiting = add(event)
        if (waiting === undefined) continue
        await waiting
        assertGoing()
      }
      assertGoing()
    }
    await lane.flush()
    assertGoing()
    onProgress?.(ended.through)
    return tally.take().report
  } catch (error) {
    // That the events ended in an error may only be what their giver made of the failure.
    assertGoing()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    lane.stop()
  }
}

function isList(events: ImportEvent | readonly ImportEvent[]): events is readonly ImportEvent[] {
  return Array.isArray(events)
}

/** The numbers of records as ranges `[from, until)`. */
function* runsOf(records: readonly Outgoing[]): Generator<readonly [number, number]> {
  let from = records[0]?.index ?? 0
  let until = from
  for (const { index } of records) {
    if (index !== until) {
      yield [from, until]
      from = index
    }
    until = index + 1
  }
  if (until > from) yield [from, until]
}
