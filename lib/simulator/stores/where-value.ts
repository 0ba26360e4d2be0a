import { type BinaryOperator, type Comparison, type FunctionName, type Where, WhereError } from './where.ts'

/** A value while an expression is worked out: JSON, or undefined. */
export type Value = undefined | null | boolean | number | string | readonly unknown[] | object

/** An event as expressions see it, or a profile. */
export interface WhereEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
  /** The time as the project shows it, in seconds; left out for a profile, which has none. */
  readonly seconds?: number | undefined
  /** What `user["…"]` reads; left out where no profile is known. */
  readonly user?: Readonly<Record<string, unknown>> | undefined
}

/** Whether an expression holds for an event; undefined is no. Throws {@link WhereError} where types forbid an answer. */
export function holds(where: Where, event: WhereEvent): boolean {
  return evaluate(where, event) === true
}

/** The value of an expression for an event, after Mixpanel's table of operators. */
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
      return called(where.name, evaluate(where.argument, event))
    case 'binary':
      if (where.operator === 'and' || where.operator === 'or') return joined(where, event)
      return combined(where.operator, evaluate(where.left, event), evaluate(where.right, event))
  }
}

function propertyOf(source: 'properties' | 'user' | 'event', name: string, event: WhereEvent): Value {
  if (source === 'user') return member(event.user ?? {}, name)
  if ('seconds' in event && (name === '$time' || (source === 'properties' && name === 'time'))) return event.seconds
  if (source === 'event') return name === '$event_name' ? event.event : undefined
  return member(event.properties, name)
}

function joined(where: Where & { type: 'binary' }, event: WhereEvent): boolean {
  const left = truth(evaluate(where.left, event), where.operator)
  // The right side is looked at in any case: a type error in it is one however the left side turns out.
  const right = truth(evaluate(where.right, event), where.operator)
  return where.operator === 'and' ? left && right : left || right
}

/** Null counts as not set, and what is not set counts as false. */
function truth(value: Value, operator: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new WhereError(`${operator} takes truth values, not a ${typeOf(value)}`)
}

function combined(operator: BinaryOperator, left: Value, right: Value): Value {
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
      return compared(operator, left, right)
    default:
      if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right
      return typeof left === 'number' && typeof right === 'number' ? computed(operator, left, right) : undefined
  }
}

function computed(operator: BinaryOperator, left: number, right: number): number | undefined {
  if (operator === '+') return left + right
  if (operator === '-') return left - right
  if (operator === '*') return left * right
  if (right === 0) return undefined
  return operator === '/' ? left / right : left % right
}

/** Numbers by size; texts by code unit, which real connectors rely on for ISO dates. */
function compared(operator: Comparison, left: Value, right: Value): boolean | undefined {
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
  if (typeOf(left) !== typeOf(right)) return false
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => isEqual(item as Value, right[index] as Value))
  }
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  const names = Object.keys(left)
  if (names.length !== Object.keys(right).length) return false
  return names.every((name) => Object.hasOwn(right, name) && isEqual(member(left, name), member(right, name)))
}

function member(object: object, name: string): Value {
  return Object.hasOwn(object, name) ? (object as Record<string, Value>)[name] : undefined
}

function typeOf(value: Value): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

function called(name: FunctionName, value: Value): Value {
  switch (name) {
    case 'floor':
      return typeof value === 'number' ? Math.floor(value) : undefined
    case 'round':
      return typeof value === 'number' ? Math.round(value) : undefined
    case 'ceil':
      return typeof value === 'number' ? Math.ceil(value) : undefined
    case 'defined':
      return value !== undefined && value !== null
    case 'boolean':
      return !(value === undefined || value === null || value === false || value === 0 || isFalseText(value))
    case 'string':
      return textOf(value)
    case 'number':
      return numberOf(value)
    case 'datetime':
      return secondsOf(value)
  }
}

function isFalseText(value: Value): boolean {
  return value === '' || value === 'false'
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

/** Seconds since 1970: a number stands for itself, a date without a zone is the wall clock that `time` shows. */
function secondsOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?)?$/.test(value))
    return undefined
  const ms = Date.parse(value.length === 10 ? `${value}T00:00:00Z` : `${value.replace(' ', 'T')}Z`)
  return Number.isNaN(ms) ? undefined : ms / 1000
}
