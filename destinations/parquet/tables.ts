import { join } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import type { Load } from '../../lib/destination/contract.ts'
import { DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import type { Day } from '../../lib/time/days.ts'
import { isFileError, namesIn } from './files/file-system.ts'
import { dayDirectory, dayOfDirectory, type Layout, tableName } from './files/layout.ts'

/** A data file of a table. */
export interface DataFile {
  /** From the destination's directory. */
  readonly path: string
  /** Null for rows without a day, and in a table without days. */
  readonly day: Day | null
}

/** Whether a table's files are parted by day. */
export function isDated(columns: readonly Column[]): boolean {
  return columns.some(({ name, type }) => name === DAY_COLUMN && type === 'date')
}

/** Where a table's files of a day go, from the destination's directory. */
export function directoryOf(table: string, isParted: boolean, day: Day | null): string {
  return isParted ? join(tableName(table), dayDirectory(day)) : tableName(table)
}

/** The data files of a table as they are in its directory, whoever has put them there. */
async function* dataFiles({ directory }: Layout, table: string, isParted: boolean): AsyncGenerator<DataFile> {
  const root = tableName(table)
  const days = isParted
    ? (await namesIn(join(directory, root))).map((name) => [join(root, name), dayOfDirectory(name)] as const)
    : [[root, null] as const]
  for (const [path, day] of days) {
    if (day === undefined) continue
    for (const name of await namesOfDay(join(directory, path)))
      if (name.endsWith('.parquet')) yield { path: join(path, name), day }
  }
}

async function namesOfDay(path: string): Promise<readonly string[]> {
  try {
    return await namesIn(path)
  } catch (error) {
    // A file that is called like a day.
    if (isFileError(error, 'ENOTDIR')) return []
    throw error
  }
}

/** Whether a table has any rows in files. */
export async function hasFiles(layout: Layout, table: string, isParted: boolean): Promise<boolean> {
  for await (const _ of dataFiles(layout, table, isParted)) return true
  return false
}

/** What a load takes the place of. */
export interface ReplacedFiles {
  readonly files: readonly DataFile[]
  /** Whether these are all the files that there are. */
  readonly isAll: boolean
}

/** The files that a load takes the place of. */
export async function replacedFiles(
  layout: Layout,
  { table, mode, columns }: Pick<Load, 'table' | 'mode' | 'columns'>,
): Promise<ReplacedFiles> {
  if (mode.kind === 'append') return { files: [], isAll: false }
  const isParted = isDated(columns)
  if (mode.kind === 'replace-days' && !isParted)
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${table} has no column ${DAY_COLUMN}, so no days of it can be replaced.`,
    )
  const all: DataFile[] = []
  for await (const file of dataFiles(layout, table, isParted)) all.push(file)
  const files =
    mode.kind === 'replace-table'
      ? all
      : all.filter(({ day }) => day !== null && day >= mode.firstDay && day <= mode.lastDay)
  return { files, isAll: files.length > 0 && files.length === all.length }
}
