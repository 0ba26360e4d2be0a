import { isDeepStrictEqual } from 'node:util'
import { type BinaryOperator, type Comparison, type FunctionName, type Where, WhereError } from './where.ts'

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

/** Whether an expression is true for an event. Throws a {@link WhereError} if types do not fit. */
export function isTrue(where: Where, event: WhereEvent): boolean {
  return evaluate(where, event) === true
}

/** Returns the value of an expression for an event, by the rules of Mixpanel's operators. */
export function evaluate(where: Where, event: WhereEvent): Value {
  switch (where.type) {
    case 'literal':
      return where.value
    case 'list':
      return where.items.map((item) => evaluate(item, event))
    case 'property':
      return propertyOf(where.source, where.name, event)
    case 'unary': {
      const operand = evaluate(where.operand, event)
      if (where.operator === 'not') return !truth(operand, 'not')
      return typeof operand === 'number' ? -operand : undefined
    }
    case 'call':
      return FUNCTIONS[where.name](evaluate(where.argument, event))
    case 'binary':
      if (where.operator === 'and' || where.operator === 'or') return combineTruth(where, event)
      return applyOperator(where.operator, evaluate(where.left, event), evaluate(where.right, event))
  }
}

function propertyOf(source: 'properties' | 'user' | 'event', name: string, event: WhereEvent): Value {
  if (source === 'user') return member(event.user ?? {}, name)
  if ('seconds' in event && (name === '$time' || (source === 'properties' && name === 'time'))) return event.seconds
  if (source === 'event') return name === '$event_name' ? event.event : undefined
  return member(event.properties, name)
}

function combineTruth(where: Where & { type: 'binary' }, event: WhereEvent): boolean {
  const left = truth(evaluate(where.left, event), where.operator)
  // The right side is always evaluated, so that its type errors do not depend on the left side.
  const right = truth(evaluate(where.right, event), where.operator)
  return where.operator === 'and' ? left && right : left || right
}

/** Null and unset values count as false. */
function truth(value: Value, operator: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new WhereError(`${operator} takes booleans, not a ${typeOf(value)}`)
}

function applyOperator(operator: BinaryOperator, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
      return isEqual(left, right)
    case '!=':
      return !isEqual(left, right)
    case 'in':
      return isIn(left, right)
    case '>':
    case '>=':
    case '<':
    case '<=':
      return compare(operator, left, right)
    default:
      if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right
      return typeof left === 'number' && typeof right === 'number' ? calculate(operator, left, right) : undefined
  }
}

function calculate(operator: BinaryOperator, left: number, right: number): number | undefined {
  if (operator === '+') return left + right
  if (operator === '-') return left - right
  if (operator === '*') return left * right
  if (right === 0) return undefined
  return operator === '/' ? left / right : left % right
}

/** Compares numbers by value, and texts by code unit, which works for ISO dates. */
function compare(operator: Comparison, left: Value, right: Value): boolean | undefined {
  const bothNumbers = typeof left === 'number' && typeof right === 'number'
  const bothTexts = typeof left === 'string' && typeof right === 'string'
  if (!bothNumbers && !bothTexts) return undefined
  if (operator === '>') return left > right
  if (operator === '>=') return left >= right
  return operator === '<' ? left < right : left <= right
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

const FUNCTIONS: Readonly<Record<FunctionName, (value: Value) => Value>> = {
  floor: (value) => (typeof value === 'number' ? Math.floor(value) : undefined),
  round: (value) => (typeof value === 'number' ? Math.round(value) : undefined),
  ceil: (value) => (typeof value === 'number' ? Math.ceil(value) : undefined),
  defined: (value) => value !== undefined && value !== null,
  boolean: (value) => ![undefined, null, false, 0, '', 'false'].some((falsy) => falsy === value),
  string: textOf,
  number: numberOf,
  datetime: secondsOf,
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
