import { createHash } from 'node:crypto'
import { MixloadError } from '../core/errors.ts'
import { parseLossless } from '../core/lossless-json.ts'
import type { BatchQueue } from './batch-queue.ts'
import { timeDoubt } from './doubtful-times.ts'
import type { EndpointName } from './endpoints.ts'
import { type EventPayload, importPayload, isInsertId } from './payloads.ts'
import { isPlainObject, type Properties, recordJson } from './property-values.ts'
import { type DeliveryNotice, type DeliveryReport, DeliveryTally, type SettledBatch } from './report.ts'
import { Watermark } from './watermark.ts'

const ENDPOINT: EndpointName = 'import'

interface CompleteEvent {
  readonly json: string
  readonly time: number
}

type PreparedEvent = CompleteEvent | { readonly reason: string }

/** Matches JSON that may have a number that JavaScript does not represent exactly. */
const INEXACT = /\d{16}|\d[eE]\+?\d{3}/

/** The length of an id that is made from an event. Mixpanel accepts 36 characters. */
const ID_DIGITS = 32

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

/** An event to import, or its JSON, of whose numbers every digit is kept. */
export type ImportEvent = EventPayload | string

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
    const { json, time } = prepared
    const doubt = timeDoubt(time, Date.now())
    if (doubt !== undefined) notify({ kind: 'doubtful-time', index, doubt })
    return queue.add([{ json, bytes: Buffer.byteLength(json) + 1, hasOwnToken: true, index }])
  }
  try {
    for await (const batch of events) {
      for (const event of Array.isArray(batch) ? (batch as readonly ImportEvent[]) : [batch as ImportEvent]) {
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

/** Prepares an event. A missing `$insert_id` is derived from it, so it is the same each time. */
function prepareImport(event: ImportEvent): PreparedEvent {
  try {
    return typeof event === 'string' ? completeText(event) : completePayload(event, false)
  } catch (error) {
    if (error instanceof MixloadError) return { reason: error.message }
    if (error instanceof SyntaxError) return { reason: `It is not JSON: ${error.message}` }
    throw error
  }
}

function completeText(text: string): CompleteEvent {
  const value: unknown = JSON.parse(text)
  // The body has one record per line. Raw line ends can only be between tokens: in texts they are
  // escaped.
  if (isComplete(value)) {
    const json = text.includes('\n') || text.includes('\r') ? text.replace(/[\n\r]/g, ' ') : text
    return { json, time: value.properties.time }
  }
  if (!INEXACT.test(text) || !isEvent(value)) return completePayload(value as EventPayload, true)
  // `time` is read as a number; the digits of all other numbers are kept.
  const exact = parseLossless(text) as EventPayload
  const properties: Properties = { ...exact.properties, time: value.properties.time }
  return completePayload({ ...exact, properties }, true, value)
}

/** Checks `checked`, and sends `payload`, whose numbers may have another representation. */
function completePayload(payload: EventPayload, isFromJson: boolean, checked: EventPayload = payload): CompleteEvent {
  const insertId = () => createHash('sha256').update(recordJson(payload)).digest('hex').slice(0, ID_DIGITS)
  const { properties } = importPayload(checked, insertId, isFromJson)
  const { time, $insert_id } = properties
  const json = recordJson({ ...payload, properties: { ...payload.properties, time, $insert_id } })
  return { json, time: Number(time) }
}

function isComplete(value: unknown): value is EventPayload & { readonly properties: { readonly time: number } } {
  if (!isEvent(value)) return false
  const { time, $insert_id } = value.properties
  return typeof time === 'number' && isInsertId($insert_id) && value.event.trim() !== ''
}

function isEvent(value: unknown): value is EventPayload {
  return isPlainObject(value) && typeof value.event === 'string' && isPlainObject(value.properties)
}
