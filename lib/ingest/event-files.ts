import type { InputFile } from '../decompress/input-file.ts'
import { csvEvents } from './csv-events.ts'
import type { LineNumbers } from './line-numbers.ts'
import { ndjsonLines } from './ndjson-lines.ts'

/** The formats of files that events are imported from. */
export const EVENT_FILE_FORMATS = ['ndjson', 'csv'] as const
export type EventFileFormat = (typeof EVENT_FILE_FORMATS)[number]

/** Returns the format that a file's name implies. */
export function formatOf(path: string): EventFileFormat {
  return /\.csv(?:\.gz|\.zst)?$/i.test(path) ? 'csv' : 'ndjson'
}

/**
 * Yields the events of a file as lists of JSON, in order, and notes the line of each in `numbers`.
 * @throws MixloadError FILE_REFUSED if the file does not have its format; what {@link
 *   InputFile.blocks} throws.
 */
export function readEvents(
  file: InputFile,
  format: EventFileFormat,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  return format === 'csv' ? csvEvents(file.blocks(), numbers) : ndjsonLines(file.blocks(), numbers)
}
