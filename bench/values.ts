import type { Random } from './random.ts'

/**
 * Returns the JSON of a property's value. All values of a property have the same type, except null.
 */
export type Value = (random: Random) => string

/** Returns one of these texts. */
export function textOf(...texts: readonly [string, ...string[]]): Value {
  const spelled = texts.map((text) => JSON.stringify(text)) as [string, ...string[]]
  return (random) => random.pick(spelled)
}

/** Returns a whole number from `first` to `last`. */
export function integer(first: number, last: number): Value {
  return (random) => String(random.between(first, last))
}

/** Returns a number with at most two decimals, like a price. */
export function decimal(below: number): Value {
  return (random) => String(random.below(below * 100) / 100)
}

export const boolean: Value = (random) => (random.chance(50) ? 'true' : 'false')

/** Returns an id such as `"SKU-1234"`. */
export function numbered(prefix: string, below: number): Value {
  return (random) => `"${prefix}${random.below(below)}"`
}

/** Returns a random text of `0-9a-z`. */
export function token(length: number): Value {
  return (random) => `"${random.token(length)}"`
}

/** Returns a calendar day as text. */
export const day: Value = (random) =>
  `"20${random.between(18, 23)}-${twoDigits(random.between(1, 12))}-${twoDigits(random.between(1, 28))}"`

/** Returns a list of up to `lengthMax` values. */
export function list(item: Value, lengthMax: number): Value {
  return (random) => `[${Array.from({ length: random.between(0, lengthMax) }, () => item(random)).join(',')}]`
}

/** Returns an object with these fields. */
export function object(fields: Readonly<Record<string, Value>>): Value {
  const entries = Object.entries(fields)
  return (random) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value(random)}`).join(',')}}`
}

/** Returns a value, or null in about `percent` of 100 cases. */
export function sometimesNull(percent: number, value: Value): Value {
  return (random) => (random.chance(percent) ? 'null' : value(random))
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0')
}
