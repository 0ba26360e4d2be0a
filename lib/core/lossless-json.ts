/** Newer parts of JSON that TypeScript's types do not know yet. */
interface SourceJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): object
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
}

const sourceJson = JSON as unknown as SourceJson

/**
 * Parses JSON so that `JSON.stringify` of any part keeps the digits of every number. A number for
 * which `isLost` holds, by default one that JavaScript writes differently, becomes an object: see
 * {@link numberOfRaw}. Throws a SyntaxError.
 */
export function parseLossless(
  text: string,
  isLost = (value: number, source: string): boolean => String(value) !== source,
): unknown {
  return sourceJson.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && isLost(value, source) ? sourceJson.rawJSON(source) : value,
  )
}

/** What {@link parseLossless} returns; undefined if the text is not JSON. */
export function losslessJson(text: string): unknown {
  try {
    return parseLossless(text)
  } catch {
    return undefined
  }
}

/** Parses JSON in which an integer that a JavaScript number does not hold becomes a bigint. */
export function parseWithBigints(text: string): unknown {
  return sourceJson.parse(text, (_, value, { source = '' }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value,
  )
}

/** The exact integer of a text, for `JSON.stringify`. */
export function rawInteger(text: string): object {
  return sourceJson.rawJSON(BigInt(text).toString())
}

/** The nearest double to a number from {@link parseLossless}; undefined for other values. */
export function numberOfRaw(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return sourceJson.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

/** Whether a value from {@link parseLossless} is the object of a number. */
export function isRaw(value: unknown): boolean {
  return sourceJson.isRawJSON(value)
}

/** A number that `JSON.stringify` writes with a decimal point, as Python writes floats: `12.0`. */
export function decimal(number: number): unknown {
  const text = String(number)
  return /^-?\d+$/.test(text) ? sourceJson.rawJSON(`${text}.0`) : number
}

/** The sum of two numbers, exact for integers; undefined if either is not a number. */
export function sumOfRaw(left: unknown, right: unknown): unknown {
  const [a, b] = [numberOfRaw(left), numberOfRaw(right)]
  if (a === undefined || b === undefined) return undefined
  const texts = [JSON.stringify(left), JSON.stringify(right)]
  if (!texts.every((text) => /^-?\d+$/.test(text))) return a + b
  const sum = texts.reduce((total, text) => total + BigInt(text), 0n)
  return Number.isSafeInteger(Number(sum)) ? Number(sum) : sourceJson.rawJSON(String(sum))
}
