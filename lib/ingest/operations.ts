import { checkProperties, checkValue, isPlainObject, LOOSE_LIMITS, type Properties } from './property-values.ts'
import { invalid } from './refusal.ts'

/** What can be done to a profile. */
export const OPERATIONS = ['$set', '$set_once', '$add', '$append', '$union', '$remove', '$unset', '$delete'] as const

export type Operation = (typeof OPERATIONS)[number]

/** Mixpanel has neither of these for groups. */
const USERS_ONLY: readonly Operation[] = ['$add', '$append']

/**
 * The value of an operation as Mixpanel takes it: properties; for `$add` numbers; for `$union` lists (one value becomes
 * a list of one); for `$remove` one value each; for `$unset` names (one name becomes a list of one); nothing for `$delete`.
 * @throws MixloadError RECORD_INVALID naming operation and property.
 */
export function operationValue(operation: Operation, value: unknown): unknown {
  switch (operation) {
    case '$set':
    case '$set_once':
    case '$append':
      return checkProperties(value, operation, LOOSE_LIMITS)
    case '$add':
      return mapped(operation, value, addend)
    case '$union':
      return mapped(operation, value, unionMembers)
    case '$remove':
      return mapped(operation, value, removed)
    case '$unset':
      return names(value)
    case '$delete':
      return ''
  }
}

/** @throws MixloadError RECORD_INVALID where there is no such operation. */
export function checkedOperation(operation: unknown, isGroup: boolean): Operation {
  const known = isGroup ? OPERATIONS.filter((one) => !USERS_ONLY.includes(one)) : OPERATIONS
  const found = known.find((one) => one === operation)
  if (found === undefined) {
    throw invalid(`Operation ${JSON.stringify(operation)}`, `is not known. Known: ${known.join(', ')}`)
  }
  return found
}

function mapped(operation: Operation, value: unknown, map: (value: unknown, what: string) => unknown): Properties {
  const properties = checkProperties(value, operation, LOOSE_LIMITS)
  const entries = Object.entries(properties).filter(([, one]) => one !== undefined)
  return Object.fromEntries(entries.map(([name, one]) => [name, map(one, `${operation}.${name}`)]))
}

function addend(value: unknown, what: string): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (!Number.isFinite(number)) throw invalid(what, 'must be a number')
  return number
}

function unionMembers(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (isScalar(value)) return [value]
  throw invalid(what, 'must be a list, or one text or number')
}

function removed(value: unknown, what: string): unknown {
  if (!isScalar(value)) throw invalid(what, 'must be one text, number or boolean')
  return value
}

function names(value: unknown): readonly string[] {
  const list: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list) || list.length === 0 || list.some((name) => typeof name !== 'string')) {
    throw invalid('$unset', 'must be a list of names')
  }
  return list
}

function isScalar(value: unknown): boolean {
  if (isPlainObject(value) || Array.isArray(value) || value === null) return false
  checkValue(value, 'value', 1, LOOSE_LIMITS)
  return true
}
