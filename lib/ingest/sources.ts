import type { Readable } from 'node:stream'
import { Readable as NodeReadable } from 'node:stream'
import { parse } from 'csv-parse'
import split2 from 'split2'
import { MixloadError, messageOf } from '../errors.ts'
import type { InputFile } from '../input-file.ts'
import { csvEvent } from './text-values.ts'

/** The forms of files that events are imported from. */
export const FORMATS = ['ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]

/** The form that a file's name tells. */
export function formatOf(path: string): Format {
  return /\.csv(?:\.gz|\.zst)?$/i.test(path) ? 'csv' : 'ndjson'
}

/**
 * The events of a file as JSON, in their order. Lines without text are left out.
 * @throws MixloadError FILE_REFUSED where a CSV file breaks its own form, and as {@link InputFile.blocks} does.
 */
export async function* eventTexts(file: InputFile, format: Format): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') {
    for await (const row of csvRows(NodeReadable.from(copies(file)))) yield csvEvent(row)
    return
  }
  for await (const line of lines(NodeReadable.from(copies(file)))) if (line.trim() !== '') yield line
}

/** Blocks are good until the next one is asked for, and streams read ahead. */
async function* copies(file: InputFile): AsyncGenerator<Buffer, void, undefined> {
  for await (const block of file.blocks()) yield Buffer.from(block)
}

async function* lines(bytes: Readable): AsyncGenerator<string, void, undefined> {
  const split = split2()
  bytes.on('error', (error) => split.destroy(error))
  try {
    yield* bytes.pipe(split) as AsyncIterable<string>
  } finally {
    bytes.destroy()
  }
}

async function* csvRows(bytes: Readable): AsyncGenerator<Record<string, string>, void, undefined> {
  const rows = parse({ columns: true, bom: true, skip_empty_lines: true })
  bytes.on('error', (error) => rows.destroy(error))
  try {
    yield* bytes.pipe(rows) as AsyncIterable<Record<string, string>>
  } catch (error) {
    if (error instanceof MixloadError) throw error
    const message = `The CSV can't be read: ${messageOf(error)}. What came before is imported; mend it and run again.`
    throw new MixloadError('FILE_REFUSED', message, { cause: error })
  } finally {
    bytes.destroy()
  }
}
