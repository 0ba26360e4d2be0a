import { isObject } from '../../core/json.ts'
import { DAY_MS } from '../../time/days.ts'
import { HOUR_MS } from '../../time/instants.ts'
import { toUtcMs } from './event-line.ts'

/** The earliest time that Mixpanel accepts: 1971-01-01. */
const EARLIEST_MS = 365 * DAY_MS

/** How far the clock of a sender may be ahead. */
const AHEAD_MS = HOUR_MS

export const EVENT_BYTES_MAX = 1_048_576
export const PROPERTIES_MAX = 255
const KEYS_MAX = 255
const ITEMS_MAX = 255
const DEPTH_MAX = 3
const INSERT_ID_BYTES_MAX = 36

/** Texts that senders use for "no id". As ids they would merge all these people into one. */
const PLACEHOLDERS = new Set([
  ...['00000000-0000-0000-0000-000000000000', 'anon', 'anonymous', 'nil', 'none', 'null', 'n/a', 'na', 'undefined'],
  ...['unknown', '<nil>', '0', '-1', 'true', 'false', '[]', '{}'],
])

/** The reason why a record is not imported, in Mixpanel's words. */
export interface Violation {
  readonly field: string
  readonly message: string
}

type Properties = Readonly<Record<string, unknown>>

/** Returns the first rule that a record breaks. `bytes` is the size of its JSON. */
export function firstViolation(value: unknown, bytes: number, strict: boolean, now: number): Violation | undefined {
  if (!isObject(value)) return { field: '', message: 'event must be a JSON object' }
  if (typeof value.event !== 'string' || value.event.trim() === '') {
    return { field: 'event', message: "'event' must not be missing or blank" }
  }
  if (!isObject(value.properties)) return { field: 'properties', message: "'properties' must not be missing" }
  if (bytes > EVENT_BYTES_MAX) return { field: '', message: `event exceeds max size of ${EVENT_BYTES_MAX} bytes` }
  const { properties } = value
  return knownViolation(properties, strict, now) ?? shapeViolation(properties)
}

/** Returns the first rule that `time`, `distinct_id` or `$insert_id` breaks. */
export function knownViolation(properties: Properties, strict: boolean, now: number): Violation | undefined {
  return (
    timeViolation(properties.time, strict, now) ??
    distinctIdViolation(properties, strict) ??
    insertIdViolation(properties.$insert_id, strict)
  )
}

/** Whether a time is later than Mixpanel accepts. */
export function isInFuture(utcMs: number, now: number): boolean {
  return utcMs > now + AHEAD_MS
}

function timeViolation(time: unknown, strict: boolean, now: number): Violation | undefined {
  const field = 'properties.time'
  if (time === undefined || time === null) return invalid(field, 'must not be missing')
  const utcMs = typeof time === 'number' ? toUtcMs(time) : Number.NaN
  if (Number.isNaN(utcMs) || utcMs < EARLIEST_MS) return invalid(field, 'must be specified as seconds since epoch')
  return strict && isInFuture(utcMs, now) ? invalid(field, 'must not be in the future') : undefined
}

function distinctIdViolation(properties: Properties, strict: boolean): Violation | undefined {
  const field = 'properties.distinct_id'
  const id = properties.distinct_id
  if (id === undefined || id === null) {
    // Projects with simplified id merge accept either of these instead.
    const hasPerson = properties.$user_id !== undefined || properties.$device_id !== undefined
    return strict && !hasPerson ? invalid(field, 'must not be missing') : undefined
  }
  if (typeof id !== 'string') return strict ? invalid(field, 'must be a string') : undefined
  return PLACEHOLDERS.has(id.toLowerCase()) ? invalid(field, 'must not be a placeholder value') : undefined
}

function insertIdViolation(id: unknown, strict: boolean): Violation | undefined {
  const field = 'properties.$insert_id'
  if (id === undefined || id === null || id === '') return strict ? invalid(field, 'must not be missing') : undefined
  if (typeof id !== 'string') return invalid(field, 'must be a string')
  if (PLACEHOLDERS.has(id.toLowerCase())) return invalid(field, 'must not be a placeholder value')
  if (!/^[A-Za-z0-9-]*$/.test(id)) {
    return { field, message: "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters" }
  }
  return strict && id.length > INSERT_ID_BYTES_MAX
    ? invalid(field, `must not be longer than ${INSERT_ID_BYTES_MAX} bytes`)
    : undefined
}

/** Returns the first limit on properties that is exceeded. */
export function shapeViolation(properties: Properties): Violation | undefined {
  const names = Object.keys(properties)
  if (names.length > PROPERTIES_MAX) return invalid('properties', `must not have more than ${PROPERTIES_MAX} keys`)
  for (const name of names) {
    const message = nestedViolation(properties[name])
    if (message !== undefined) return invalid(`properties.${name}`, message)
  }
  return undefined
}

/** Returns the limit that a value exceeds, by its depth below the properties. */
export function nestedViolation(value: unknown, depth = 1): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > DEPTH_MAX) return `must not be nested deeper than ${DEPTH_MAX}`
  const isList = Array.isArray(value)
  const members: unknown[] = isList ? value : Object.values(value)
  if (isList && members.length > ITEMS_MAX) return `must not have more than ${ITEMS_MAX} elements`
  if (members.length > KEYS_MAX) return `must not have more than ${KEYS_MAX} keys`
  for (const member of members) {
    const message = nestedViolation(member, depth + 1)
    if (message !== undefined) return message
  }
  return undefined
}

function invalid(field: string, rule: string): Violation {
  return { field, message: `'${field}' is invalid: ${rule}` }
}
