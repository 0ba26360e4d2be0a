import type { LineShape } from '../columns/table.ts'
import { isObject } from '../core/json.ts'
import { nameOf } from './whole-body.ts'

/** The members of a record of this shape, in quotes. */
export function membersOf({ identity, properties }: LineShape): readonly string[] {
  return (identity === undefined ? [properties] : [identity, properties]).map((name) => JSON.stringify(name))
}

/** Why a JSON value is not a record of this shape; undefined if its form is valid. */
export function reasonAgainst(value: unknown, shape: LineShape): string | undefined {
  if (!isObject(value)) return 'not a JSON object'
  const { identity, properties } = shape
  const not = `not ${nameOf(shape)}:`
  if (identity !== undefined) {
    if (!Object.hasOwn(value, identity)) return `${not} it has no "${identity}"`
    if (typeof value[identity] !== 'string') return `${not} its "${identity}" is not a text`
  }
  if (!Object.hasOwn(value, properties)) return `${not} it has no "${properties}"`
  return isObject(value[properties]) ? undefined : `${not} its "${properties}" is not an object`
}
