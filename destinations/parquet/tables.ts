import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import type { Load, TableStorage } from '../../lib/destination/contract.ts'
import { DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import type { Day } from '../../lib/time/days.ts'
import { isFileError, namesIn } from './files/file-system.ts'
import { dayDirectory, dayOfDirectory, type Layout, tableName } from './files/layout.ts'

/** A data file of a table. */
export interface DataFile {
  /** Relative to the destination's directory. */
  readonly path: string
  /** Null for rows without a day, and in a table without days. */
  readonly day: Day | null
}

/** Whether a table's files are partitioned by day. */
export function isDated(columns: readonly Column[]): boolean {
  return columns.some(({ name, type }) => name === DAY_COLUMN && type === 'date')
}

/** The directory of a table's files of a day, relative to the destination's directory. */
export function directoryOf(table: string, isPartitioned: boolean, day: Day | null): string {
  return isPartitioned ? join(tableName(table), dayDirectory(day)) : tableName(table)
}

/** The data files in a table's directory, whoever has written them. */
export async function* dataFiles(
  { directory }: Layout,
  table: string,
  isPartitioned: boolean,
): AsyncGenerator<DataFile> {
  const root = tableName(table)
  const days = isPartitioned
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
    // It is a file with the name of a day.
    if (isFileError(error, 'ENOTDIR')) return []
    throw error
  }
}

/** Whether a table has any rows in files. */
export async function hasFiles(layout: Layout, table: string, isPartitioned: boolean): Promise<boolean> {
  for await (const _ of dataFiles(layout, table, isPartitioned)) return true
  return false
}

/** The files that a load replaces. */
export interface ReplacedFiles {
  readonly files: readonly DataFile[]
  /** Whether these are all files of the table. */
  readonly isAll: boolean
}

/** Finds the files that a load replaces. @throws MixloadError DESTINATION_FAILED without days. */
export async function replacedFiles(
  layout: Layout,
  { table, mode, columns }: Pick<Load, 'table' | 'mode' | 'columns'>,
): Promise<ReplacedFiles> {
  if (mode.kind === 'append') return { files: [], isAll: false }
  const isPartitioned = isDated(columns)
  if (mode.kind === 'replace-days' && !isPartitioned)
    throw new MixloadError(
      'DESTINATION_FAILED',
      `${table} has no column ${DAY_COLUMN}, so its days cannot be replaced.`,
    )
  const all: DataFile[] = []
  for await (const file of dataFiles(layout, table, isPartitioned)) all.push(file)
  const files =
    mode.kind === 'replace-table'
      ? all
      : all.filter(({ day }) => day !== null && day >= mode.firstDay && day <= mode.lastDay)
  return { files, isAll: files.length > 0 && files.length === all.length }
}

/** Smaller files are merged. Larger ones would gain nothing, and take long to rewrite. */
const SMALL_FILE_BYTES = 64 * 2 ** 20

/** A data file and its size. */
export interface SizedFile extends DataFile {
  readonly bytes: number
}

/** The data files of a table, with their sizes. */
export async function sizedFiles(
  layout: Layout,
  table: string,
  columns: readonly Column[],
): Promise<readonly SizedFile[]> {
  const files: SizedFile[] = []
  for await (const file of dataFiles(layout, table, isDated(columns))) {
    files.push({ ...file, bytes: (await stat(join(layout.directory, file.path))).size })
  }
  return files
}

/** Those of some files that are worth merging; none if only one of them is small. */
export function smallFiles<F extends SizedFile>(files: readonly F[]): readonly F[] {
  const small = files.filter(({ bytes }) => bytes < SMALL_FILE_BYTES)
  return small.length > 1 ? small : []
}

/** The size of a table, and the days with small files. */
export async function storageOf(layout: Layout, table: string, columns: readonly Column[]): Promise<TableStorage> {
  const files = await sizedFiles(layout, table, columns)
  const scatteredDays = [...Map.groupBy(files, ({ day }) => day)].flatMap(([day, ofDay]) =>
    smallFiles(ofDay).length > 0 ? [day] : [],
  )
  return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), scatteredDays }
}
