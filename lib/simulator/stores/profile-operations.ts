import { isDeepStrictEqual } from 'node:util'
import { isObject } from '../../core/json.ts'
import { numberOfRaw, sumOfRaw } from '../../core/lossless-json.ts'
import type { ProfileProperties } from './profile-store.ts'

/** The operations on a user profile. */
export const PROFILE_OPERATIONS = [
  '$set',
  '$set_once',
  '$add',
  '$append',
  '$union',
  '$remove',
  '$unset',
  '$delete',
] as const
/** An operation on a profile. */
export type ProfileOperation = (typeof PROFILE_OPERATIONS)[number]

/** The operations on a group profile. Groups have no `$add` and no `$append`. */
export const GROUP_OPERATIONS: readonly ProfileOperation[] = PROFILE_OPERATIONS.filter(
  (name) => name !== '$add' && name !== '$append',
)

/** Returns why a value is not valid for an operation; undefined if it is valid. */
export function operationError(operation: ProfileOperation, value: unknown): string | undefined {
  switch (operation) {
    case '$delete':
      return undefined
    case '$unset':
      return Array.isArray(value) && value.every((name) => typeof name === 'string')
        ? undefined
        : '$unset takes a list of names'
    case '$add':
      return valuesAre(value, (amount) => numberOfRaw(amount) !== undefined) ? undefined : '$add takes numbers by name'
    case '$union':
      return valuesAre(value, Array.isArray) ? undefined : '$union takes lists by name'
    default:
      return valuesAre(value, () => true) ? undefined : `${operation} takes values by name`
  }
}

/**
 * Returns a profile after an operation; undefined if it does not exist. A property whose type does
 * not fit stays unchanged. Throws a TypeError if {@link operationError} rejects the value.
 */
export function applyOperation(
  properties: ProfileProperties | undefined,
  operation: ProfileOperation,
  value: unknown,
): ProfileProperties | undefined {
  const error = operationError(operation, value)
  if (error !== undefined) throw new TypeError(error)
  if (operation === '$delete') return undefined
  if (properties === undefined && (operation === '$unset' || operation === '$remove')) return undefined
  const changed = new Map(Object.entries(properties ?? {}))
  if (operation === '$unset') {
    for (const name of value as string[]) changed.delete(name)
    return Object.fromEntries(changed)
  }
  for (const [name, given] of Object.entries(value as object)) {
    const result = changedValue(operation, changed.get(name), given)
    if (result !== undefined) changed.set(name, result)
  }
  return Object.fromEntries(changed)
}

function changedValue(
  operation: Exclude<ProfileOperation, '$unset' | '$delete'>,
  before: unknown,
  given: unknown,
): unknown {
  switch (operation) {
    case '$set':
      return given
    case '$set_once':
      return before ?? given
    case '$add':
      return before === undefined ? given : (sumOfRaw(before, given) ?? before)
    case '$append':
      return before === undefined ? [given] : Array.isArray(before) ? [...before, given] : before
    case '$union':
      return before === undefined ? union([], given) : Array.isArray(before) ? union(before, given) : before
    case '$remove':
      return Array.isArray(before) ? before.filter((item) => !isDeepStrictEqual(item, given)) : before
  }
}

/** Returns a list with the new items of another list, each of them once. */
function union(before: readonly unknown[], given: unknown): unknown[] {
  const all = [...before]
  for (const item of given as readonly unknown[]) {
    if (!all.some((known) => isDeepStrictEqual(known, item))) all.push(item)
  }
  return all
}

function valuesAre(value: unknown, isValid: (value: unknown) => boolean): boolean {
  return isObject(value) && numberOfRaw(value) === undefined && Object.values(value).every(isValid)
}
