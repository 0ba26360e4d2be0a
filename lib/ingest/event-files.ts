import { pipeline } from 'node:stream'
import split2 from 'split2'
import { MixloadError, messageOf } from '../core/errors.ts'
import type { InputFile } from '../decompress/input-file.ts'
import { csvEvents } from './csv-events.ts'
import type { LineNumbers } from './line-numbers.ts'

/** Mixpanel accepts events of 1 MB. The limit keeps a file without line ends out of memory. */
const LINE_CHARACTERS_MAX = 16 * 1024 * 1024

export const EVENT_FILE_FORMATS = ['ndjson', 'csv'] as const
export type EventFileFormat = (typeof EVENT_FILE_FORMATS)[number]

/** Returns the format that a file's name implies. */
export function formatOf(path: string): EventFileFormat {
  return /\.csv(?:\.gz|\.zst)?$/i.test(path) ? 'csv' : 'ndjson'
}

/** Yields the events of a file as lists of JSON, in order, and notes the line of each. */
export function readEvents(
  file: InputFile,
  format: EventFileFormat,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  return (format === 'csv' ? csvEvents : ndjsonLines)(copies(file.blocks()), numbers)
}

/** Yields the lines that are not empty. Only a line feed ends one: JSON may contain U+2028. */
async function* ndjsonLines(
  blocks: AsyncIterable<Buffer>,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  const lines = pipeline(blocks, split2({ maxLength: LINE_CHARACTERS_MAX }), () => {})
  let line = 0
  try {
    for await (const first of lines as AsyncIterable<string>) {
      const list: string[] = []
      // Takes all lines that are available: awaiting each one would take as long as reading it.
      for (let next: string | null = first; next !== null; next = lines.read()) {
        line++
        const text = line === 1 ? next.replace(/^\ufeff/, '') : next
        if (text.trim() === '') continue
        numbers.note(line)
        list.push(text)
      }
      yield list
    }
  } catch (error) {
    if (!/maximum buffer/i.test(messageOf(error))) throw error
    const message = `A line after line ${line} is longer than ${LINE_CHARACTERS_MAX} characters, so it is not an event.`
    throw new MixloadError('FILE_REFUSED', message, { cause: error })
  }
}

/** Copies blocks: each is valid only until the next one is read, and streams read ahead. */
async function* copies(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const block of blocks) yield Buffer.from(block)
}
