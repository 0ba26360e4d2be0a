import { isJson } from '../core/json.ts'

/** Matches a number in its usual notation, which loses nothing when it is read as one. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/**
 * Returns the JSON of a value given as text on the command line or in a CSV file. Numbers, `true`,
 * `false`, `null`, and lists, objects and texts in JSON are read as such. Anything else is text,
 * for example `007` and `1e5`.
 */
export function valueJson(text: string): string {
  if (NUMBER.test(text) || text === 'true' || text === 'false' || text === 'null') return text
  if (/^\s*[[{"]/.test(text) && isJson(text)) return text.replace(/[\n\r]/g, ' ')
  return JSON.stringify(text)
}
