import { isJson } from '../core/json.ts'

/** Matches a number in its usual notation, which loses nothing when it is read as one. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/** Returns the JSON of a text from a person. What is not JSON in usual notation is text: `007`. */
export function valueJson(text: string): string {
  if (NUMBER.test(text) || text === 'true' || text === 'false' || text === 'null') return text
  if (/^\s*[[{"]/.test(text) && isJson(text)) return text.replace(/[\n\r]/g, ' ')
  return JSON.stringify(text)
}
