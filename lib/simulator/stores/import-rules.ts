import { MS_PER_DAY } from './clock.ts'
import { sentMoment } from './event-line.ts'

/** The earliest event that Mixpanel imports: 1971-01-01. */
const EARLIEST_MS = 365 * MS_PER_DAY

/** Clocks of senders may be this far ahead. */
const AHEAD_MS = 3_600_000

export const EVENT_BYTES_MAX = 1_048_576
export const PROPERTIES_MAX = 255
const KEYS_MAX = 255
export const ITEMS_MAX = 255
export const DEPTH_MAX = 3
const INSERT_ID_BYTES_MAX = 36

/** Texts that stand for "no id" in some sender's code, and would join all such people into one. */
const NO_IDS = new Set(
  '00000000-0000-0000-0000-000000000000 anon anonymous nil none null n/a na undefined unknown <nil> 0 -1 true false [] {}'.split(
    ' ',
  ),
)

/** Why a record is not imported; field and message are Mixpanel's. */
export interface Violation {
  readonly field: string
  readonly message: string
}

/** A record of an import body: the value that was read, and the size of its text. */
export interface ImportRecord {
  readonly value: unknown
  readonly bytes: number
}

/** The first rule that a record breaks. `strict` is the mode of the request, `now` in UTC milliseconds. */
export function violation(record: ImportRecord, strict: boolean, now: number): Violation | undefined {
  const { value } = record
  if (!isObject(value)) return { field: '', message: 'event must be a JSON object' }
  if (typeof value.event !== 'string' || value.event.trim() === '') {
    return { field: 'event', message: "'event' must not be missing or blank" }
  }
  if (!isObject(value.properties)) return { field: 'properties', message: "'properties' must not be missing" }
  if (record.bytes > EVENT_BYTES_MAX)
    return { field: '', message: `event exceeds max size of ${EVENT_BYTES_MAX} bytes` }
  const { properties } = value
  return (
    timeViolation(properties.time, strict, now) ??
    distinctIdViolation(properties, strict) ??
    insertIdViolation(properties.$insert_id, strict) ??
    shapeViolation(properties)
  )
}

/** Whether a moment is later than Mixpanel takes. */
export function isInFuture(utcMs: number, now: number): boolean {
  return utcMs > now + AHEAD_MS
}

/** Whether a moment is earlier than Mixpanel takes. */
export function isTooEarly(utcMs: number): boolean {
  return utcMs < EARLIEST_MS
}

/** The first rule that a person and an `$insert_id` break that are both given. */
export function idViolation(distinctId: string, insertId: string): Violation | undefined {
  return distinctIdViolation({ distinct_id: distinctId }, true) ?? insertIdViolation(insertId, true)
}

function timeViolation(time: unknown, strict: boolean, now: number): Violation | undefined {
  const field = 'properties.time'
  if (time === undefined || time === null) return invalid(field, 'must not be missing')
  const utcMs = typeof time === 'number' ? sentMoment(time) : Number.NaN
  if (Number.isNaN(utcMs) || isTooEarly(utcMs)) return invalid(field, 'must be specified as seconds since epoch')
  return strict && isInFuture(utcMs, now) ? invalid(field, 'must not be in the future') : undefined
}

function distinctIdViolation(properties: Record<string, unknown>, strict: boolean): Violation | undefined {
  const field = 'properties.distinct_id'
  const id = properties.distinct_id
  if (id === undefined || id === null) {
    // Projects with simplified identity take either of these in its place.
    const isNamed = properties.$user_id !== undefined || properties.$device_id !== undefined
    return strict && !isNamed ? invalid(field, 'must not be missing') : undefined
  }
  if (typeof id !== 'string') return strict ? invalid(field, 'must be a string') : undefined
  return NO_IDS.has(id.toLowerCase()) ? invalid(field, 'must not be a placeholder value') : undefined
}

function insertIdViolation(id: unknown, strict: boolean): Violation | undefined {
  const field = 'properties.$insert_id'
  if (id === undefined || id === null || id === '') return strict ? invalid(field, 'must not be missing') : undefined
  if (typeof id !== 'string') return invalid(field, 'must be a string')
  if (NO_IDS.has(id.toLowerCase())) return invalid(field, 'must not be a placeholder value')
  if (!/^[A-Za-z0-9-]*$/.test(id)) {
    return { field, message: "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters" }
  }
  return strict && id.length > INSERT_ID_BYTES_MAX
    ? invalid(field, `must not be longer than ${INSERT_ID_BYTES_MAX} bytes`)
    : undefined
}

/** The first limit on properties that these break. */
export function shapeViolation(properties: Record<string, unknown>): Violation | undefined {
  const names = Object.keys(properties)
  if (names.length > PROPERTIES_MAX) return invalid('properties', `must not have more than ${PROPERTIES_MAX} keys`)
  for (const name of names) {
    const message = nestedFault(properties[name], 1)
    if (message !== undefined) return invalid(`properties.${name}`, message)
  }
  return undefined
}

function nestedFault(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > DEPTH_MAX) return `must not be nested deeper than ${DEPTH_MAX}`
  const isList = Array.isArray(value)
  const members: unknown[] = isList ? value : Object.values(value)
  if (isList && members.length > ITEMS_MAX) return `must not have more than ${ITEMS_MAX} elements`
  if (members.length > KEYS_MAX) return `must not have more than ${KEYS_MAX} keys`
  for (const member of members) {
    const message = nestedFault(member, depth + 1)
    if (message !== undefined) return message
  }
  return undefined
}

function invalid(field: string, rule: string): Violation {
  return { field, message: `'${field}' is invalid: ${rule}` }
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
