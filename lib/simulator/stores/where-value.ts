import { isDeepStrictEqual } from 'node:util'

/** A value of an expression: JSON, or undefined. */
export type Value = undefined | null | boolean | number | string | readonly unknown[] | object

/** An event, or a profile, as expressions see it. */
export interface WhereEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
  /** The exported time in seconds; left out for a profile. */
  readonly seconds?: number | undefined
  /** What `user["…"]` reads; left out if there is no profile. */
  readonly user?: Readonly<Record<string, unknown>> | undefined
}

/** A parsed expression: returns its value for an event, by the rules of Mixpanel's operators. */
export type Where = (event: WhereEvent) => Value

/** An expression that is not valid, or applies a boolean operator to something else. */
export class WhereError extends Error {
  override readonly name = 'WhereError'
}

/** Where an expression looks up a name. */
export const SOURCES = ['properties', 'user', 'event'] as const

/** Whether an expression is true for an event. Throws a {@link WhereError} if types do not fit. */
export function isTrue(where: Where, event: WhereEvent): boolean {
  return where(event) === true
}

/** Returns what `source["name"]` is for an event. */
export function propertyOf(source: (typeof SOURCES)[number], name: string, event: WhereEvent): Value {
  if (source === 'user') return member(event.user ?? {}, name)
  if ('seconds' in event && (name === '$time' || (source === 'properties' && name === 'time'))) return event.seconds
  if (source === 'event') return name === '$event_name' ? event.event : undefined
  return member(event.properties, name)
}

/** Returns the operand of a boolean operator. Null and unset values count as false. */
export function truth(value: Value, operator: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new WhereError(`${operator} takes booleans, not a ${typeOf(value)}`)
}

/** Returns the value of `-value`. */
export function negative(value: Value): Value {
  return typeof value === 'number' ? -value : undefined
}

/** The binary operators. If types do not fit, most of them return undefined. */
const OPERATORS = {
  // Both sides are always evaluated, so that the type errors of one do not depend on the other.
  or: combined((left, right) => left || right, 'or'),
  and: combined((left, right) => left && right, 'and'),
  '==': isEqual,
  '!=': (left: Value, right: Value) => !isEqual(left, right),
  in: isIn,
  '>': comparison((left, right) => left > right),
  '>=': comparison((left, right) => left >= right),
  '<': comparison((left, right) => left < right),
  '<=': comparison((left, right) => left <= right),
  '+': add,
  '-': calculation((left, right) => left - right),
  '*': calculation((left, right) => left * right),
  '/': calculation((left, right) => (right === 0 ? undefined : left / right)),
  '%': calculation((left, right) => (right === 0 ? undefined : left % right)),
}

export type BinaryOperator = keyof typeof OPERATORS

/** Returns the expression `left operator right`. */
export function binary(operator: BinaryOperator, left: Where, right: Where): Where {
  return (event) => OPERATORS[operator](left(event), right(event))
}

function combined(combine: (left: boolean, right: boolean) => boolean, operator: string) {
  return (left: Value, right: Value): Value => combine(truth(left, operator), truth(right, operator))
}

/** Compares numbers by value, and texts by code unit, which connectors rely on for ISO dates. */
function comparison(compare: (left: number | string, right: number | string) => boolean) {
  return (left: Value, right: Value): Value => {
    const bothNumbers = typeof left === 'number' && typeof right === 'number'
    const bothTexts = typeof left === 'string' && typeof right === 'string'
    return bothNumbers || bothTexts ? compare(left, right) : undefined
  }
}

function add(left: Value, right: Value): Value {
  if (typeof left === 'string' && typeof right === 'string') return left + right
  return typeof left === 'number' && typeof right === 'number' ? left + right : undefined
}

function calculation(calculate: (left: number, right: number) => number | undefined) {
  return (left: Value, right: Value): Value =>
    typeof left === 'number' && typeof right === 'number' ? calculate(left, right) : undefined
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

function typeOf(value: Value): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

/** The functions that expressions can call. */
export const FUNCTIONS: ReadonlyMap<string, (value: Value) => Value> = new Map(
  Object.entries({
    floor: rounded(Math.floor),
    round: rounded(Math.round),
    ceil: rounded(Math.ceil),
    defined: (value: Value) => value !== undefined && value !== null,
    boolean: (value: Value) => ![undefined, null, false, 0, '', 'false'].includes(value as string),
    string: textOf,
    number: numberOf,
    datetime: secondsOf,
  }),
)

function rounded(round: (value: number) => number) {
  return (value: Value): Value => (typeof value === 'number' ? round(value) : undefined)
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

/** Returns seconds since 1970. A date without a zone is in the zone of the exported `time`. */
function secondsOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?)?$/.test(value))
    return undefined
  const ms = Date.parse(value.length === 10 ? `${value}T00:00:00Z` : `${value.replace(' ', 'T')}Z`)
  return Number.isNaN(ms) ? undefined : ms / 1000
}
