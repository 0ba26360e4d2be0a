import type { InputFile } from '../decompress/input-file.ts'
import { csvEvents } from './csv-rows.ts'
import type { LineNumbers } from './line-numbers.ts'
import { textLines } from './text-lines.ts'

/** The forms of files that events are imported from. */
export const FORMATS = ['ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]

/** The form that a file's name tells. */
export function formatOf(path: string): Format {
  return /\.csv(?:\.gz|\.zst)?$/i.test(path) ? 'csv' : 'ndjson'
}

/**
 * The events of a file as JSON, in their order, in lists; `numbers` is told where each stands.
 * @throws MixloadError FILE_REFUSED where the file breaks its own form, and as {@link InputFile.blocks} does.
 */
export function eventTexts(
  file: InputFile,
  format: Format,
  numbers: LineNumbers,
): AsyncGenerator<readonly string[], void, undefined> {
  return format === 'csv' ? csvEvents(file.blocks(), numbers) : textLines(file.blocks(), numbers)
}
