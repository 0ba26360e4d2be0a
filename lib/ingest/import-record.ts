import { createHash } from 'node:crypto'
import { MixloadError } from '../core/errors.ts'
import { parseLossless } from '../core/lossless-json.ts'
import { type EventPayload, importPayload, isGiven } from './payloads.ts'
import { isPlainObject, type Properties, recordJson } from './property-values.ts'

/** An event to import, or its JSON, which keeps every digit of its numbers. */
export type ImportEvent = EventPayload | string

/** What is sent for an event, or why nothing is. */
export type ImportRecord = { readonly json: string } | { readonly reason: string }

/** What may be a number of more digits, or of a higher power, than JavaScript keeps. */
const INEXACT = /\d{16}|\d[eE]\+?\d{3}/

/** Hexadecimal digits of an id that is made from an event; Mixpanel takes 36 characters. */
const ID_DIGITS = 32

/**
 * What an import sends for an event: JSON as it is where it holds all that Mixpanel asks for; otherwise with a number
 * for `time` and an `$insert_id`, made from the rest, so that one event has one id in each import.
 */
export function importRecord(given: ImportEvent): ImportRecord {
  try {
    return { json: typeof given === 'string' ? importedText(given) : payloadJson(given, false) }
  } catch (error) {
    if (error instanceof MixloadError) return { reason: error.message }
    if (error instanceof SyntaxError) return { reason: `It is not JSON: ${error.message}` }
    throw error
  }
}

function importedText(text: string): string {
  const value: unknown = JSON.parse(text)
  // Outside of texts, where they are escaped, line ends mean nothing; a body of lines must have none in a record.
  if (isComplete(value)) return text.includes('\n') || text.includes('\r') ? text.replace(/[\n\r]/g, ' ') : text
  if (!INEXACT.test(text)) return payloadJson(value as EventPayload, true)
  const exact = parseLossless(text)
  // `time` is read as a number, and the digits of the others are kept.
  if (isEvent(exact) && isEvent(value)) {
    const properties: Properties = { ...exact.properties, time: value.properties.time }
    return payloadJson({ ...exact, properties } as EventPayload, true, value)
  }
  return payloadJson(value as EventPayload, true)
}

/** `checked` is what stands for `payload` where that has numbers in a form of their own. */
function payloadJson(payload: EventPayload, isFromJson: boolean, checked: EventPayload = payload): string {
  const made = () => createHash('sha256').update(recordJson(payload)).digest('hex').slice(0, ID_DIGITS)
  const { properties } = importPayload(checked, made, isFromJson)
  const { time, $insert_id } = properties
  return recordJson({ ...payload, properties: { ...payload.properties, time, $insert_id } })
}

function isComplete(value: unknown): boolean {
  if (!isEvent(value)) return false
  const { time, $insert_id } = value.properties
  return typeof time === 'number' && isGiven($insert_id) && value.event.trim() !== ''
}

function isEvent(value: unknown): value is EventPayload {
  return isPlainObject(value) && typeof value.event === 'string' && isPlainObject(value.properties)
}
