import { pipeline } from 'node:stream'
import { type Info, parse } from 'csv-parse'
import { MixloadError, messageOf } from '../core/errors.ts'
import { byteCount, peek } from '../core/peek.ts'
import type { LineNumbers } from './line-numbers.ts'
import { valueJson } from './text-values.ts'

/** The delimiters that are recognized. The first is used if none of them fits. */
const DELIMITERS = [',', ';', '\t', '|']

const ROW_ENDS = ['\r\n', '\n', '\r']

/** The longest header. It keeps a file that is not CSV out of memory. */
const HEADER_BYTES_MAX = 1024 * 1024

const REQUIRED_COLUMNS = ['event', 'time']

const ROWS_PER_LIST = 1000

/** Columns with ids. Their values are always texts, even if they look like numbers. */
const TEXT_COLUMNS = new Set(['distinct_id', '$insert_id', '$user_id', '$device_id'])

interface CsvRow {
  readonly record: Readonly<Record<string, string>>
  readonly info: Info
}

/**
 * Yields the events as lists of JSON, and notes the row of each as spreadsheets count them.
 * A column without a name is ignored. Throws FILE_REFUSED if the file or header is not valid.
 */
export async function* csvEvents(
  blocks: AsyncIterable<Buffer>,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  const hasHeader = (read: readonly Buffer[]) => byteCount(read) >= HEADER_BYTES_MAX || firstLines(read).length > 1
  const { first, all } = await peek(blocks, hasHeader)
  const parser = parse({
    columns: columnNames,
    delimiter: delimiterOf(firstLines(first)[0] ?? ''),
    record_delimiter: ROW_ENDS,
    bom: true,
    info: true,
    skip_empty_lines: true,
  })
  const rows = pipeline(all, parser, () => {})
  let events: string[] = []
  try {
    for await (const { record, info } of rows as AsyncIterable<CsvRow>) {
      // The header is a row, too.
      numbers.note(info.records + info.empty_lines + 1)
      events.push(csvEvent(record))
      if (events.length < ROWS_PER_LIST) continue
      yield events
      events = []
    }
    yield events
  } catch (error) {
    // The rows before the error are valid.
    if (events.length > 0) yield events
    if (error instanceof MixloadError) throw error
    const message = `Invalid CSV: ${messageOf(error)}. The rows before were imported; fix the file and run again.`
    throw new MixloadError('FILE_REFUSED', message, { cause: error })
  }
}

/** Returns the lines of the first blocks of a file, from the first one that is not empty. */
function firstLines(blocks: readonly Buffer[]): readonly string[] {
  const text = Buffer.concat(blocks).toString()
  return text.replace(/^\ufeff?[\r\n]*/, '').split(/[\r\n]/)
}

/** Returns the JSON of an event. An empty cell means that the event does not have the property. */
function csvEvent(row: Readonly<Record<string, string>>): string {
  const properties: string[] = []
  for (const [name, text] of Object.entries(row)) {
    if (name === 'event' || text === '') continue
    properties.push(`${JSON.stringify(name)}:${TEXT_COLUMNS.has(name) ? JSON.stringify(text) : valueJson(text)}`)
  }
  return `{"event":${JSON.stringify(row.event ?? '')},"properties":{${properties.join(',')}}}`
}

function delimiterOf(header: string): string {
  const names = (delimiter: string) => header.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
  return DELIMITERS.find((delimiter) => names(delimiter).includes('event')) ?? ','
}

function columnNames(header: readonly string[]): (string | false)[] {
  const names = header.map((name) => name.trim())
  const missing = REQUIRED_COLUMNS.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    const found = names.map((name) => name || '""').join(', ')
    throw headerError(`has no column ${missing.join(' and no column ')}. Columns: ${found}`)
  }
  const duplicate = names.find((name, index) => name !== '' && names.indexOf(name) < index)
  if (duplicate !== undefined) throw headerError(`has the column ${duplicate} twice`)
  return names.map((name) => name !== '' && name)
}

function headerError(problem: string): MixloadError {
  return new MixloadError('FILE_REFUSED', `The header of the CSV ${problem}. Nothing was imported.`)
}
