import { Readable } from 'node:stream'
import { type Info, parse } from 'csv-parse'
import { MixloadError, messageOf } from '../core/errors.ts'
import type { LineNumbers } from './line-numbers.ts'
import { csvEvent } from './text-values.ts'

/** What may stand between cells; the first is meant where none of them fits. */
const DELIMITERS = [',', ';', '\t', '|']

const ROW_ENDS = ['\r\n', '\n', '\r']

/** Bytes in which a header has to end, lest a file that is none is read into memory whole. */
const HEADER_BYTES_MAX = 1024 * 1024

/** Columns that every event needs. */
const NEEDED = ['event', 'time']

/** Rows that are given on together. */
const ROWS_AT_ONCE = 1000

interface Row {
  readonly record: Readonly<Record<string, string>>
  readonly info: Info
}

/**
 * The events of a CSV file as JSON, in lists. What separates cells, the header tells: the mark that leaves a column called
 * `event`. A column without a name is left out. `numbers` is told the rows, as spreadsheets count them.
 * @throws MixloadError FILE_REFUSED where the file breaks its form, or the header lacks a column or has one twice.
 */
export async function* csvEvents(
  blocks: AsyncIterable<Buffer>,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  const { header, all } = await withHeader(blocks)
  const rows = parse({
    columns: namesOf,
    delimiter: delimiterOf(header),
    record_delimiter: ROW_ENDS,
    bom: true,
    info: true,
    skip_empty_lines: true,
  })
  const bytes = Readable.from(all)
  bytes.on('error', (error) => rows.destroy(error))
  let events: string[] = []
  try {
    for await (const { record, info } of bytes.pipe(rows) as AsyncIterable<Row>) {
      // The header is a row, too.
      numbers.note(info.records + info.empty_lines + 1)
      events.push(csvEvent(record))
      if (events.length < ROWS_AT_ONCE) continue
      yield events
      events = []
    }
    yield events
  } catch (error) {
    // What came before the fault is good.
    if (events.length > 0) yield events
    if (error instanceof MixloadError) throw error
    const message = `The CSV can't be read: ${messageOf(error)}. What came before is imported; mend it and run again.`
    throw new MixloadError('FILE_REFUSED', message, { cause: error })
  } finally {
    bytes.destroy()
  }
}

/**
 * The first line with something in it, and the whole of the file. Blocks are good until the next one is asked for, and
 * streams read ahead.
 */
async function withHeader(blocks: AsyncIterable<Buffer>): Promise<{ header: string; all: AsyncIterable<Buffer> }> {
  const iterator = blocks[Symbol.asyncIterator]()
  const next = async () => {
    const step = await iterator.next()
    return step.done === true ? undefined : Buffer.from(step.value)
  }
  let head = Buffer.alloc(0)
  let header: string | undefined
  while (header === undefined && head.length < HEADER_BYTES_MAX) {
    const block = await next()
    head = Buffer.concat([head, block ?? Buffer.alloc(0)])
    const lines = head
      .toString()
      .replace(/^\ufeff?[\r\n]*/, '')
      .split(/[\r\n]/)
    if (lines.length > 1 || block === undefined) [header] = lines
  }
  const all = (async function* () {
    try {
      for (let block: Buffer | undefined = head; block !== undefined; block = await next()) yield block
    } finally {
      await iterator.return?.()
    }
  })()
  return { header: header ?? '', all }
}

/** The mark that leaves a column `event` in a header. */
function delimiterOf(header: string): string {
  const names = (delimiter: string) => header.split(delimiter).map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
  return DELIMITERS.find((delimiter) => names(delimiter).includes('event')) ?? ','
}

function namesOf(header: readonly string[]): (string | false)[] {
  const names = header.map((name) => name.trim())
  const missing = NEEDED.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    throw refused(
      `has no column ${missing.join(' and none ')}. Columns: ${names.map((name) => name || '""').join(', ')}`,
    )
  }
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) < at)
  if (twice !== undefined) throw refused(`has the column ${twice} twice`)
  return names.map((name) => name !== '' && name)
}

function refused(what: string): MixloadError {
  return new MixloadError('FILE_REFUSED', `The header of the CSV ${what}. Nothing of it is imported.`)
}
