import { isJson } from '../core/json.ts'

/** A number as people write it, of which nothing is lost when it is taken as one. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/**
 * The JSON of a value that was given as text, on a command line or in a CSV file: numbers, `true`, `false`, `null`, and
 * lists, objects and texts that are written as JSON, are what they look like. All else is text, such as `007` and `1e5`.
 */
export function valueJson(text: string): string {
  if (NUMBER.test(text) || text === 'true' || text === 'false' || text === 'null') return text
  if (/^\s*[[{"]/.test(text) && isJson(text)) return text.replace(/[\n\r]/g, ' ')
  return JSON.stringify(text)
}

/** Columns of a CSV file that name the event or a person: their values are texts, whatever they look like. */
const TEXTS = new Set(['distinct_id', '$insert_id', '$user_id', '$device_id'])

/**
 * The JSON of an event from a row of a CSV file: the column `event` has its name, the others are properties. An empty
 * cell is a property that is not there.
 */
export function csvEvent(row: Readonly<Record<string, string>>): string {
  const properties: string[] = []
  for (const [name, text] of Object.entries(row)) {
    if (name === 'event' || text === '') continue
    properties.push(`${JSON.stringify(name)}:${TEXTS.has(name) ? JSON.stringify(text) : valueJson(text)}`)
  }
  return `{"event":${JSON.stringify(row.event ?? '')},"properties":{${properties.join(',')}}}`
}
