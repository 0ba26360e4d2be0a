import type { LineShape } from '../columns/table.ts'
import { isObject } from '../core/json.ts'
import { KEYS_PER_LINE_MAX } from './line-scanner.ts'
import { NESTING_MAX } from './value-scanner.ts'
import { nameOf } from './whole-body.ts'

const STRUCTURE = /"(?:[^"\\]|\\.)*"|[[\]{}]/g

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

/** Why a line whose form is valid was refused. */
export function limitExceeded(json: string, shape: LineShape, hasRepeatedKey: boolean): string {
  if (hasRepeatedKey) {
    const members = [shape.identity, shape.properties].filter((name) => name !== undefined)
    return `not ${nameOf(shape)}: ${members.map((name) => JSON.stringify(name)).join(' or ')} appears twice`
  }
  // The line itself is one level.
  return depthOf(json) - 1 > NESTING_MAX
    ? `nested deeper than ${NESTING_MAX} levels`
    : `more than ${KEYS_PER_LINE_MAX} properties`
}

/** How deeply lists and objects are nested in a JSON text. */
function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  for (const [token] of json.matchAll(STRUCTURE)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth)
    else if (token === ']' || token === '}') depth--
  }
  return deepest
}
