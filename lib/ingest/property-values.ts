import { rawInteger } from '../core/lossless-json.ts'
import { invalidRecord } from './checks.ts'

/** Properties by name. A bigint keeps its digits, a Date becomes text, undefined is left out. */
export type Properties = Readonly<Record<string, unknown>>

export interface ValueLimits {
  readonly depthMax: number
  readonly membersMax: number
}

/** What Mixpanel keeps of an event. It drops deeper and longer values without an error. */
export const EVENT_LIMITS: ValueLimits = { depthMax: 3, membersMax: 255 }

/** For records that Mixpanel checks itself. It only stops circular values. */
export const LOOSE_LIMITS: ValueLimits = { depthMax: 50, membersMax: Number.POSITIVE_INFINITY }

/** Checks properties. Throws RECORD_INVALID naming one that JSON or Mixpanel does not accept. */
export function checkProperties(given: unknown, what: string, limits: ValueLimits): Properties {
  if (!isPlainObject(given)) throw invalidRecord(what, 'must be an object of properties')
  checkMemberCount(given, what, limits)
  for (const name of Object.keys(given)) checkValue(given[name], `${what}.${name}`, 1, limits)
  return given
}

/** @throws MixloadError RECORD_INVALID if there are more properties than Mixpanel accepts. */
export function checkMemberCount(given: Properties, what: string, { membersMax }: ValueLimits): void {
  const count = Object.keys(given).length
  if (count > membersMax) throw invalidRecord(what, `has ${count} properties, and Mixpanel accepts ${membersMax}`)
}

/** Checks one value, `depth` levels below the properties. */
export function checkValue(value: unknown, what: string, depth: number, limits: ValueLimits): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return
    case 'number':
      if (!Number.isFinite(value)) throw invalidRecord(what, `is ${value}, which JSON cannot represent`)
      return
    case 'object':
      checkNested(value, what, depth, limits)
      return
    default:
      throw invalidRecord(what, `is a ${typeof value}, which JSON cannot represent`)
  }
}

function checkNested(value: object | null, what: string, depth: number, limits: ValueLimits): void {
  if (value === null) return
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalidRecord(what, 'is an invalid Date')
    return
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return
  if (!Array.isArray(value) && !isPlainObject(value)) {
    throw invalidRecord(what, `is a ${value.constructor?.name ?? 'value'}: use a list or a plain object`)
  }
  if (depth > limits.depthMax) {
    throw invalidRecord(what, `is nested deeper than ${limits.depthMax} levels, which Mixpanel drops`)
  }
  const keys = Object.keys(value)
  if (keys.length > limits.membersMax) {
    throw invalidRecord(what, `has ${keys.length} members, and Mixpanel accepts ${limits.membersMax}`)
  }
  for (const key of keys) checkValue((value as Properties)[key], `${what}.${key}`, depth + 1, limits)
}

/** Whether a value is an object such as JSON has: not a list, a Date or an instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of another realm, such as a test runner's, have an Object.prototype of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Returns the JSON of a checked record. Text that UTF-8 cannot represent stays escaped. */
export function recordJson(record: object): string {
  try {
    return JSON.stringify(record)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    // JSON.stringify refuses a bigint, although JSON itself does not limit numbers.
    return JSON.stringify(record, (_, value: unknown) =>
      typeof value === 'bigint' ? rawInteger(String(value)) : value,
    )
  }
}
