import { readFile } from 'node:fs/promises'
import { MixloadError, messageOf } from '../../../lib/core/errors.ts'
import type { LoadRecord } from '../../../lib/destination/contract.ts'
import { LOADS } from '../../../lib/destination/ledger.ts'
import { loadRow, typedRow } from '../../../lib/destination/ledger-row.ts'

/** A data file that a load has added. */
export interface AddedFile {
  readonly table: string
  /** From the destination's directory. */
  readonly path: string
  readonly rows: number
  readonly bytes: number
}

/** The files that a load added to tables and removed from them. */
export interface FileChanges {
  readonly added: readonly AddedFile[]
  /** Paths from the destination's directory. */
  readonly removed: readonly string[]
}

/** The members of a line in a state file. */
export type Fields = Readonly<Record<string, unknown>>

/** A commit as a line: the columns of `_mixload_loads`, and the changes of files. */
export function commitText(record: LoadRecord, { added, removed }: FileChanges): string {
  return `${JSON.stringify({ ...typedRow(LOADS, loadRow(record)), added, removed })}\n`
}

/** The changes of files in the file of a commit. @throws MixloadError DESTINATION_FAILED */
export async function readChanges(path: string): Promise<FileChanges> {
  const { added, removed } = await readFields(path)
  if (!Array.isArray(added) || !Array.isArray(removed)) throw unreadable(path, 'it names no files')
  return { added, removed }
}

/** The only line of a state file. @throws MixloadError DESTINATION_FAILED */
export async function readFields(path: string): Promise<Fields> {
  const [fields] = await readLines(path)
  if (fields === undefined) throw unreadable(path, 'it is empty')
  return fields
}

/** The lines of a state file, each the text of a JSON object. */
export async function readLines(path: string): Promise<readonly Fields[]> {
  const text = await readFile(path, 'utf8')
  try {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Fields)
  } catch (error) {
    throw unreadable(path, messageOf(error), error)
  }
}

function unreadable(path: string, why: string, cause?: unknown): MixloadError {
  return new MixloadError(
    'DESTINATION_FAILED',
    `${path} is damaged: ${why}. Restore it from a copy: without it, mixload does not know what is loaded.`,
    { cause },
  )
}
