import { isDeepStrictEqual } from 'node:util'

/** A value of an expression: JSON, or undefined. */
export type Value = undefined | null | boolean | number | string | readonly unknown[] | object

/** An event, or a profile, as expressions see it. */
export interface WhereEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
  /** The exported time in seconds; left out for a profile. */
  readonly seconds?: number | undefined
  /** What `user["…"]` reads; left out without a profile. */
  readonly user?: Readonly<Record<string, unknown>> | undefined
}

/** An expression that is not valid, or whose operands have wrong types. */
export class WhereError extends Error {
  override readonly name = 'WhereError'
}

type Operator = (left: Value, right: Value) => Value

/**
 * The binary operators, by precedence from lowest to highest. Both operands are always evaluated,
 * so that the type errors of one do not depend on the other.
 */
export const OPERATORS: readonly Readonly<Record<string, Operator>>[] = [
  { or: (left, right) => [truth(left, 'or'), truth(right, 'or')].includes(true) },
  { and: (left, right) => ![truth(left, 'and'), truth(right, 'and')].includes(false) },
  {
    '==': isEqual,
    '!=': (left, right) => !isEqual(left, right),
    '>': ordered((left, right) => left > right),
    '>=': ordered((left, right) => left >= right),
    '<': ordered((left, right) => left < right),
    '<=': ordered((left, right) => left <= right),
    in: isIn,
  },
  {
    '+': (left, right) =>
      typeof left === 'string' && typeof right === 'string' ? left + right : numeric((a, b) => a + b)(left, right),
    '-': numeric((left, right) => left - right),
  },
  {
    '*': numeric((left, right) => left * right),
    '/': numeric((left, right) => (right === 0 ? undefined : left / right)),
    '%': numeric((left, right) => (right === 0 ? undefined : left % right)),
  },
]

export const FUNCTIONS: ReadonlyMap<string, (value: Value) => Value> = new Map(
  Object.entries({
    floor: (value: Value) => (typeof value === 'number' ? Math.floor(value) : undefined),
    round: (value: Value) => (typeof value === 'number' ? Math.round(value) : undefined),
    ceil: (value: Value) => (typeof value === 'number' ? Math.ceil(value) : undefined),
    defined: (value: Value) => value !== undefined && value !== null,
    boolean: (value: Value) => ![undefined, null, false, 0, '', 'false'].some((falsy) => falsy === value),
    string: textOf,
    number: numberOf,
    datetime: secondsOf,
  }),
)

/** Where expressions look up a name. */
export const SOURCES: ReadonlyMap<string, (event: WhereEvent, name: string) => Value> = new Map(
  Object.entries({
    properties: (event: WhereEvent, name: string) =>
      'seconds' in event && ['time', '$time'].includes(name) ? event.seconds : member(event.properties, name),
    event(event: WhereEvent, name: string) {
      if (name === '$event_name') return event.event
      return name === '$time' ? event.seconds : undefined
    },
    user: ({ user = {} }: WhereEvent, name: string) => member(user, name),
  }),
)

/** Returns a value as a boolean. Null and unset values count as false. */
export function truth(value: Value, operator: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new WhereError(`${operator} takes booleans, not a ${Array.isArray(value) ? 'list' : typeof value}`)
}

/** Compares numbers by value, and texts by code unit, which works for ISO dates. */
function ordered(compare: (left: number | string, right: number | string) => boolean): Operator {
  return (left, right) => {
    const areNumbers = typeof left === 'number' && typeof right === 'number'
    return areNumbers || (typeof left === 'string' && typeof right === 'string') ? compare(left, right) : undefined
  }
}

function numeric(calculate: (left: number, right: number) => number | undefined): Operator {
  return (left, right) => (typeof left === 'number' && typeof right === 'number' ? calculate(left, right) : undefined)
}

function isIn(left: Value, right: Value): boolean | undefined {
  if (Array.isArray(right)) return right.some((item) => isEqual(left, item as Value))
  return typeof left === 'string' && typeof right === 'string' ? right.includes(left) : undefined
}

function isEqual(left: Value, right: Value): boolean {
  return left === right || isDeepStrictEqual(left, right)
}

function member(object: object, name: string): Value {
  return Object.hasOwn(object, name) ? (object as Record<string, Value>)[name] : undefined
}

function textOf(value: Value): Value {
  if (value === undefined || value === null || typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value !== 'string' || !/^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(value)) return undefined
  return Number(value)
}

/** Returns seconds since 1970. A date without a time zone is in that of the exported `time`. */
function secondsOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?)?$/.test(value))
    return undefined
  const ms = Date.parse(value.length === 10 ? `${value}T00:00:00Z` : `${value.replace(' ', 'T')}Z`)
  return Number.isNaN(ms) ? undefined : ms / 1000
}
