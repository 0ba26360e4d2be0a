import { invalidRecord } from './checks.ts'
import { checkProperties, checkValue, isPlainObject, LOOSE_LIMITS, type Properties } from './property-values.ts'

/** The operations on a profile. */
export const OPERATIONS = ['$set', '$set_once', '$add', '$append', '$union', '$remove', '$unset', '$delete'] as const

/** An operation on a profile. */
export type Operation = (typeof OPERATIONS)[number]

/** Mixpanel supports these for users only, not for groups. */
const USERS_ONLY: readonly Operation[] = ['$add', '$append']

/**
 * Returns the value of an operation as Mixpanel expects it. A single value for `$union` becomes a
 * list, and a name for `$unset`, too. Throws RECORD_INVALID naming the property.
 */
export function operationValue(operation: Operation, value: unknown): unknown {
  switch (operation) {
    case '$set':
    case '$set_once':
    case '$append':
      return checkProperties(value, operation, LOOSE_LIMITS)
    case '$add':
      return mapProperties(operation, value, toNumber)
    case '$union':
      return mapProperties(operation, value, toList)
    case '$remove':
      return mapProperties(operation, value, toScalar)
    case '$unset':
      return toNames(value)
    case '$delete':
      return ''
  }
}

/** @throws MixloadError RECORD_INVALID if the operation is not known. */
export function checkOperation(operation: unknown, isGroup: boolean): Operation {
  const known = isGroup ? OPERATIONS.filter((name) => !USERS_ONLY.includes(name)) : OPERATIONS
  const found = known.find((name) => name === operation)
  if (found === undefined) {
    throw invalidRecord(`Operation ${JSON.stringify(operation)}`, `is not known. Known: ${known.join(', ')}`)
  }
  return found
}

function mapProperties(
  operation: Operation,
  value: unknown,
  map: (value: unknown, what: string) => unknown,
): Properties {
  const properties = checkProperties(value, operation, LOOSE_LIMITS)
  const entries = Object.entries(properties).filter(([, property]) => property !== undefined)
  return Object.fromEntries(entries.map(([name, property]) => [name, map(property, `${operation}.${name}`)]))
}

function toNumber(value: unknown, what: string): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (!Number.isFinite(number)) throw invalidRecord(what, 'must be a number')
  return number
}

function toList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (isScalar(value)) return [value]
  throw invalidRecord(what, 'must be a list, or a single text or number')
}

function toScalar(value: unknown, what: string): unknown {
  if (!isScalar(value)) throw invalidRecord(what, 'must be a single text, number or boolean')
  return value
}

function toNames(value: unknown): readonly string[] {
  const list: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list) || list.length === 0 || list.some((name) => typeof name !== 'string')) {
    throw invalidRecord('$unset', 'must be a list of names')
  }
  return list
}

function isScalar(value: unknown): boolean {
  if (isPlainObject(value) || Array.isArray(value) || value === null) return false
  checkValue(value, 'value', 1, LOOSE_LIMITS)
  return true
}
