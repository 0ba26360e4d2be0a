import { isDeepStrictEqual } from 'node:util'
import { numberOfRaw, sumOfRaw } from '../../core/lossless-json.ts'
import type { ProfileProperties } from './profile-store.ts'

/** What can be done to a user profile. */
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
/** The name of an operation on a profile. */
export type ProfileOperation = (typeof PROFILE_OPERATIONS)[number]

/** What can be done to a group profile: groups are neither counted up nor appended to. */
export const GROUP_OPERATIONS: readonly ProfileOperation[] = [
  '$set',
  '$set_once',
  '$union',
  '$remove',
  '$unset',
  '$delete',
]

/** Why an operation does not take a value; undefined where it does. */
export function operationError(operation: ProfileOperation, value: unknown): string | undefined {
  switch (operation) {
    case '$delete':
      return undefined
    case '$unset':
      return isListOfTexts(value) ? undefined : '$unset takes a list of names'
    case '$add':
      return valuesAre(value, (amount) => numberOfRaw(amount) !== undefined) ? undefined : '$add takes numbers by name'
    case '$union':
      return valuesAre(value, Array.isArray) ? undefined : '$union takes lists by name'
    default:
      return valuesAre(value, () => true) ? undefined : `${operation} takes values by name`
  }
}

/**
 * A profile after an operation; undefined for one that is not there. What only takes away makes no profile. A property
 * that is not of the kind that an operation works on stays as it is. Values are those of {@link parseLossless}, whose
 * digits are kept, or plain ones. Throws a TypeError for a value that {@link operationError} does not take.
 */
export function operated(
  properties: ProfileProperties | undefined,
  operation: ProfileOperation,
  value: unknown,
): ProfileProperties | undefined {
  const error = operationError(operation, value)
  if (error !== undefined) throw new TypeError(error)
  if (operation === '$delete') return undefined
  if (operation === '$unset') return properties === undefined ? undefined : without(properties, value as string[])
  if (operation === '$remove' && properties === undefined) return undefined
  const changed = new Map(Object.entries(properties ?? {}))
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
      return before === undefined ? united([], given) : Array.isArray(before) ? united(before, given) : before
    case '$remove':
      return Array.isArray(before) ? before.filter((item) => !isDeepStrictEqual(item, given)) : before
  }
}

/** The members of a list and those of another one that are not in it yet, each of these once. */
function united(before: readonly unknown[], given: unknown): unknown[] {
  const all = [...before]
  for (const item of given as readonly unknown[]) {
    if (!all.some((known) => isDeepStrictEqual(known, item))) all.push(item)
  }
  return all
}

function without(properties: ProfileProperties, names: readonly string[]): ProfileProperties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)))
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}

function valuesAre(value: unknown, isGood: (value: unknown) => boolean): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return numberOfRaw(value) === undefined && Object.values(value).every(isGood)
}
