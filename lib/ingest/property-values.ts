import { invalid } from './refusal.ts'

/** Properties by name. A bigint is sent with all its digits, a Date as ISO text; undefined is left out. */
export type Properties = Readonly<Record<string, unknown>>

/** What Mixpanel takes in the properties of an event; values nested deeper, and longer lists, it drops without a word. */
const DEPTH_MAX = 3
const MEMBERS_MAX = 255

/** For what may hold more, or whose records Mixpanel refuses one by one: it only ends values that contain themselves. */
const LOOSE_DEPTH_MAX = 50

export interface ValueLimits {
  readonly depthMax: number
  readonly membersMax: number
}

export const EVENT_LIMITS: ValueLimits = { depthMax: DEPTH_MAX, membersMax: MEMBERS_MAX }
export const LOOSE_LIMITS: ValueLimits = { depthMax: LOOSE_DEPTH_MAX, membersMax: Number.POSITIVE_INFINITY }

/**
 * Checks that JSON can hold the properties and that Mixpanel takes them.
 * @throws MixloadError RECORD_INVALID naming the property.
 */
export function checkProperties(given: unknown, what: string, limits: ValueLimits): Properties {
  if (!isPlainObject(given)) throw invalid(what, 'must be an object of properties')
  checkMemberCount(given, what, limits)
  for (const name of Object.keys(given)) checkValue(given[name], `${what}.${name}`, 1, limits)
  return given
}

/** @throws MixloadError RECORD_INVALID where there are more properties than Mixpanel takes. */
export function checkMemberCount(given: Properties, what: string, { membersMax }: ValueLimits): void {
  const count = Object.keys(given).length
  if (count > membersMax) throw invalid(what, `has ${count} properties, and Mixpanel takes ${membersMax}`)
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
      if (!Number.isFinite(value)) throw invalid(what, `is ${value}, which JSON can't hold`)
      return
    case 'object':
      checkNested(value, what, depth, limits)
      return
    default:
      throw invalid(what, `is a ${typeof value}, which JSON can't hold`)
  }
}

function checkNested(value: object | null, what: string, depth: number, limits: ValueLimits): void {
  if (value === null) return
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(what, 'is an invalid Date')
    return
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return
  if (!Array.isArray(value) && !isPlainObject(value)) {
    throw invalid(what, `is a ${value.constructor?.name ?? 'value'}: give a list or a plain object`)
  }
  if (depth > limits.depthMax) throw invalid(what, `is nested deeper than ${limits.depthMax}, and Mixpanel drops that`)
  const keys = Object.keys(value)
  if (keys.length > limits.membersMax) {
    throw invalid(what, `has ${keys.length} members, and Mixpanel takes ${limits.membersMax}`)
  }
  for (const key of keys) checkValue((value as Properties)[key], `${what}.${key}`, depth + 1, limits)
}

/** Whether this is an object as JSON has them: no list, no Date, no instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of another realm, such as those of a test runner's, have an Object.prototype of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** JSON as newer engines have it; TypeScript's own types do not know this part yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): object }).rawJSON

/** The JSON of a record that was checked. Texts that UTF-8 can't carry stay as escapes. */
export function recordJson(record: object): string {
  try {
    return JSON.stringify(record)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    // A bigint, which JSON.stringify refuses although JSON itself has no limit.
    return JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? rawJson(String(value)) : value))
  }
}
