/** JSON as newer engines have it; TypeScript's own types do not know these parts yet. */
interface SourceJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): object
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
}

const sourceJson = JSON as unknown as SourceJson

/**
 * Parses JSON so that `JSON.stringify` of the result, or of a part of it, has every number's digits as they were given.
 * Numbers that would be spelled otherwise become objects, see {@link numberOfRaw}. Throws a SyntaxError.
 * @param isLost says of a number, as it is and as it was spelled, whether it has to become one.
 */
export function parseLossless(
  text: string,
  isLost = (value: number, source: string): boolean => String(value) !== source,
): unknown {
  return sourceJson.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && isLost(value, source) ? sourceJson.rawJSON(source) : value,
  )
}

/** The whole number that a text spells, to the digit. */
export function rawInteger(text: string): object {
  return sourceJson.rawJSON(BigInt(text).toString())
}

/** The number that a value of {@link parseLossless} stands for, as near as possible; undefined for anything else. */
export function numberOfRaw(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return sourceJson.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

/** Whether a value of {@link parseLossless} is an object that stands for a number. */
export function isRaw(value: unknown): boolean {
  return sourceJson.isRawJSON(value)
}

/** A number that `JSON.stringify` spells with a point, as Python's floats are: `12.0`. */
export function decimal(number: number): unknown {
  const text = String(number)
  return /^-?\d+$/.test(text) ? sourceJson.rawJSON(`${text}.0`) : number
}

/** The sum of two numbers, whole ones to the digit; undefined where one of them is none. */
export function sumOfRaw(one: unknown, other: unknown): unknown {
  const [a, b] = [numberOfRaw(one), numberOfRaw(other)]
  if (a === undefined || b === undefined) return undefined
  const texts = [JSON.stringify(one), JSON.stringify(other)]
  if (!texts.every((text) => /^-?\d+$/.test(text))) return a + b
  const sum = texts.reduce((total, text) => total + BigInt(text), 0n)
  return Number.isSafeInteger(Number(sum)) ? Number(sum) : sourceJson.rawJSON(String(sum))
}
