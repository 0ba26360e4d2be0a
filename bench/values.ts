import type { Random } from './random.ts'

/** Makes one property's value, spelled as JSON. A property's values are all of one type, but for nulls. */
export type Value = (random: Random) => string

/** One of these texts. */
export function textOf(...texts: readonly [string, ...string[]]): Value {
  const spelled = texts.map((text) => JSON.stringify(text)) as [string, ...string[]]
  return (random) => random.pick(spelled)
}

export function integer(first: number, last: number): Value {
  return (random) => String(random.between(first, last))
}

/** A number of at most two digits after the point, as prices have. */
export function decimal(below: number): Value {
  return (random) => String(random.below(below * 100) / 100)
}

export const boolean: Value = (random) => (random.chance(50) ? 'true' : 'false')

/** An id such as `"SKU-1234"`. */
export function numbered(prefix: string, below: number): Value {
  return (random) => `"${prefix}${random.below(below)}"`
}

/** A random text of `0-9a-z`. */
export function token(length: number): Value {
  return (random) => `"${random.token(length)}"`
}

/** A calendar day as text. */
export const day: Value = (random) =>
  `"20${random.between(18, 23)}-${twoDigits(random.between(1, 12))}-${twoDigits(random.between(1, 28))}"`

/** Up to `longest` values. */
export function list(of: Value, longest: number): Value {
  return (random) => `[${Array.from({ length: random.between(0, longest) }, () => of(random)).join(',')}]`
}

export function object(fields: Readonly<Record<string, Value>>): Value {
  const entries = Object.entries(fields)
  return (random) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value(random)}`).join(',')}}`
}

/** `value`, but null in about `percent` of 100 cases. */
export function sometimesNull(percent: number, value: Value): Value {
  return (random) => (random.chance(percent) ? 'null' : value(random))
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0')
}
