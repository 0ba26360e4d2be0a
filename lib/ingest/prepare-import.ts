import { createHash } from 'node:crypto'
import { MixloadError } from '../core/errors.ts'
import { parseLossless } from '../core/lossless-json.ts'
import { type EventPayload, importPayload, isInsertId } from './payloads.ts'
import { isPlainObject, type Properties, recordJson } from './property-values.ts'

/** An event to import, or its JSON, of whose numbers every digit is kept. */
export type ImportEvent = EventPayload | string

export type PreparedEvent = { readonly json: string } | { readonly reason: string }

/** Matches JSON that may have a number that JavaScript does not represent exactly. */
const INEXACT = /\d{16}|\d[eE]\+?\d{3}/

/** The length of an id that is made from an event. Mixpanel accepts 36 characters. */
const ID_DIGITS = 32

/** Prepares an event for an import. A missing `$insert_id` is derived from it: each time the same. */
export function prepareImport(event: ImportEvent): PreparedEvent {
  try {
    return { json: typeof event === 'string' ? completeText(event) : completePayload(event, false) }
  } catch (error) {
    if (error instanceof MixloadError) return { reason: error.message }
    if (error instanceof SyntaxError) return { reason: `It is not JSON: ${error.message}` }
    throw error
  }
}

function completeText(text: string): string {
  const value: unknown = JSON.parse(text)
  // The body has one record per line. Raw line ends can only be between tokens: in texts they are
  // escaped.
  if (isComplete(value)) return text.includes('\n') || text.includes('\r') ? text.replace(/[\n\r]/g, ' ') : text
  if (!INEXACT.test(text) || !isEvent(value)) return completePayload(value as EventPayload, true)
  // `time` is read as a number; the digits of all other numbers are kept.
  const exact = parseLossless(text) as EventPayload
  const properties: Properties = { ...exact.properties, time: value.properties.time }
  return completePayload({ ...exact, properties }, true, value)
}

/** Checks `checked`, and sends `payload`, whose numbers may have another representation. */
function completePayload(payload: EventPayload, isFromJson: boolean, checked: EventPayload = payload): string {
  const insertId = () => createHash('sha256').update(recordJson(payload)).digest('hex').slice(0, ID_DIGITS)
  const { properties } = importPayload(checked, insertId, isFromJson)
  const { time, $insert_id } = properties
  return recordJson({ ...payload, properties: { ...payload.properties, time, $insert_id } })
}

function isComplete(value: unknown): boolean {
  if (!isEvent(value)) return false
  const { time, $insert_id } = value.properties
  return typeof time === 'number' && isInsertId($insert_id) && value.event.trim() !== ''
}

function isEvent(value: unknown): value is EventPayload {
  return isPlainObject(value) && typeof value.event === 'string' && isPlainObject(value.properties)
}
