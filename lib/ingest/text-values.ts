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

/**
 * Columns of a CSV file with ids. Their values are always texts, even if they look like numbers.
 */
const TEXT_COLUMNS = new Set(['distinct_id', '$insert_id', '$user_id', '$device_id'])

/**
 * Returns the JSON of an event from a row of a CSV file. The column `event` is its name, the others
 * are its properties. An empty cell means that the event does not have the property.
 */
export function csvEvent(row: Readonly<Record<string, string>>): string {
  const properties: string[] = []
  for (const [name, text] of Object.entries(row)) {
    if (name === 'event' || text === '') continue
    properties.push(`${JSON.stringify(name)}:${TEXT_COLUMNS.has(name) ? JSON.stringify(text) : valueJson(text)}`)
  }
  return `{"event":${JSON.stringify(row.event ?? '')},"properties":{${properties.join(',')}}}`
}
