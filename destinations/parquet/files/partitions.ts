import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column } from '../../../lib/columns/column.ts'
import { messageOf } from '../../../lib/core/errors.ts'
import { quoteName, quoteText } from '../../../lib/core/sql.ts'
import type { LoadRecord, Relation } from '../../../lib/destination/contract.ts'
import { rejectOwner } from '../../../lib/destination/ledger-row.ts'
import { DAY_COLUMN } from '../../../lib/destination/load-rules.ts'
import { ENGINE_TYPES } from '../../../lib/engine/dialect.ts'
import { type EngineConnection, isOutOfMemory } from '../../../lib/engine/engine.ts'
import { type Day, daysBetween } from '../../../lib/time/days.ts'
import { dayOfDirectory } from './layout.ts'

/** A file that the engine has written. */
export interface WrittenFile {
  readonly path: string
  /** The day of all its rows; null where they have none, or the table has no days. */
  readonly day: Day | null
  readonly rows: number
  readonly bytes: number
}

/**
 * The most and the fewest rows that a file keeps together. Few at a time take more room and longer
 * to read.
 */
const ROW_GROUP_ROWS_MAX = 122_880
const ROW_GROUP_ROWS_MIN = 8192
/**
 * Between these: the writer holds that many values of all columns for each thread, beside the
 * engine's own memory.
 */
const ROW_GROUP_VALUES = 2_000_000
/** And about so many bytes: of long texts fewer rows fit into the engine's memory. */
const ROW_GROUP_MEGABYTES = 32

/**
 * What a day costs in memory while several are written side by side, for each column and thread.
 */
const BYTES_PER_DAY_COLUMN_AND_THREAD = 64 * 1024
/** The part of the engine's memory that days written side by side may take. */
const MEMORY_SHARE = 0.6
/** The engine has no more files open than this; later rows of a day would make a second file. */
const DAYS_AT_ONCE_MAX = 100
/** Days that are picked out one by one rather than in groups first. */
const FEW_DAYS = 12

/** What the engine says when a load of one day turns out to have others. */
const OTHER_DAY = 'mixload: a row of another day'

export interface WriteOptions {
  readonly connection: EngineConnection
  /** An empty directory. */
  readonly directory: string
  /** Whether the table's files are parted by day. */
  readonly isDated: boolean
  readonly record: LoadRecord
}

/** Writes the rows of a relation: a file for each day, or one where the table has no days. */
export async function writeRows(relation: Relation, options: WriteOptions): Promise<readonly WrittenFile[]> {
  const query = tableQuery(relation, options.record)
  const columns = relation.columns.length + 2
  if (!options.isDated || !relation.columns.some(({ name }) => name === DAY_COLUMN))
    return [await writeFile(query, 'rows', null, columns, options)]
  const { firstDay, lastDay } = options.record
  if (firstDay !== null && firstDay === lastDay) {
    const file = await writeOneDay(query, firstDay, columns, options)
    if (file !== undefined) return [file]
  } else if (firstDay !== null && lastDay !== null) {
    const days = daysBetween(firstDay, lastDay) + 1
    if (days <= (await daysAtOnce(columns, options.connection))) return writeSideBySide(query, 'days', columns, options)
  }
  return writeInSteps(query, columns, options)
}

/** Writes what a query gives to one file. */
async function writeFile(
  query: string,
  name: string,
  day: Day | null,
  columns: number,
  { connection, directory }: WriteOptions,
): Promise<WrittenFile> {
  const path = join(directory, name)
  const [file] = await copy(connection, query, path, `COMPRESSION zstd, ${rowGroups(columns)}`)
  return { path, day, rows: file?.rows ?? 0, bytes: file?.bytes ?? 0 }
}

/** The usual case and the fastest one. Undefined where there are rows of other days. */
async function writeOneDay(
  query: string,
  day: Day,
  columns: number,
  options: WriteOptions,
): Promise<WrittenFile | undefined> {
  const isOfDay = `CASE WHEN ${DAY_COLUMN} = ${dateLiteral(day)} THEN true ELSE error(${quoteText(OTHER_DAY)}) END`
  const rows = `SELECT * EXCLUDE (${DAY_COLUMN}) FROM (${query}) WHERE ${isOfDay}`
  try {
    return await writeFile(rows, 'rows', day, columns, options)
  } catch (error) {
    if (messageOf(error).includes(OTHER_DAY)) return undefined
    throw error
  }
}

/**
 * How many days of so many columns the engine can write side by side within its memory; at least
 * one.
 */
async function daysAtOnce(columns: number, connection: EngineConnection): Promise<number> {
  const [settings] = await connection.all(
    `SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory`,
  )
  const bytesPerDay = columns * Number(settings?.threads) * BYTES_PER_DAY_COLUMN_AND_THREAD
  const days = Math.floor((MEMORY_SHARE * bytesOf(String(settings?.memory))) / bytesPerDay)
  return Math.min(DAYS_AT_ONCE_MAX, Math.max(1, days))
}

async function writeSideBySide(
  query: string,
  name: string,
  columns: number,
  { connection, directory }: WriteOptions,
): Promise<readonly WrittenFile[]> {
  const options = `COMPRESSION zstd, ${rowGroups(columns)}, PARTITION_BY (${DAY_COLUMN}), FILENAME_PATTERN 'rows-{i}'`
  const files = await copy(connection, query, join(directory, name), options)
  return files.map((file) => ({ ...file, day: dayOfDirectory(file.path.split(/[/\\]/).at(-2) ?? '') ?? null }))
}

/**
 * Writes all rows aside and then picks the days out of them, some at a time, so that many days take
 * no more memory than a few. Where not even a few fit in memory, they are picked one by one, out of
 * smaller files that are made first.
 */
async function writeInSteps(query: string, columns: number, options: WriteOptions): Promise<readonly WrittenFile[]> {
  const { connection, directory } = options
  const atOnce = await daysAtOnce(columns, connection)
  let parts = 0
  const writeAside = async (rows: string) => {
    const path = join(directory, `aside-${++parts}`)
    await copy(connection, rows, path, `COMPRESSION snappy, ${rowGroups(columns)}`)
    return { rows: `read_parquet(${quoteText(globbed(path))})`, remove: () => rm(path) }
  }
  const pick = async (source: string, days: readonly (Day | null)[]): Promise<readonly WrittenFile[]> => {
    const files: WrittenFile[] = []
    const size = Math.max(atOnce, days.length <= FEW_DAYS ? 1 : Math.ceil(Math.sqrt(days.length)))
    for (let at = 0; at < days.length; at += size) {
      const group = days.slice(at, at + size)
      const [day = null] = group
      const condition = `FROM ${source} WHERE ${isAmong(group)}`
      const name = `part-${++parts}`
      if (group.length === 1)
        files.push(await writeFile(`SELECT * EXCLUDE (${DAY_COLUMN}) ${condition}`, name, day, columns, options))
      else if (group.length <= atOnce)
        files.push(...(await writeSideBySide(`SELECT * ${condition}`, name, columns, options)))
      else {
        const aside = await writeAside(`SELECT * ${condition}`)
        files.push(...(await pick(aside.rows, group)))
        await aside.remove()
      }
    }
    return files
  }
  const all = await writeAside(query)
  const days = await connection.all(
    `SELECT CAST(${DAY_COLUMN} AS VARCHAR) AS day FROM ${all.rows} GROUP BY ALL ORDER BY day`,
  )
  const files = await pick(
    all.rows,
    days.map(({ day }) => (day === null ? null : String(day))),
  )
  await all.remove()
  return files
}

/** Whether a row is of one of these days, which follow each other among those that there are. */
function isAmong(days: readonly (Day | null)[]): string {
  const dated = days.filter((day) => day !== null)
  const [first] = dated
  const last = dated.at(-1)
  const isUndated = days.includes(null) ? `${DAY_COLUMN} IS NULL` : 'false'
  if (first === undefined || last === undefined) return isUndated
  return `(${DAY_COLUMN} BETWEEN ${dateLiteral(first)} AND ${dateLiteral(last)} OR ${isUndated})`
}

/** A query of the table's types, with what belongs to the commit. */
function tableQuery({ columns, query }: Relation, { loadId, loadedAt }: LoadRecord): string {
  const given = columns.map(
    ({ name, type }) => `CAST(${quoteName(name)} AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`,
  )
  const own = [
    `TIMESTAMPTZ ${quoteText(loadedAt.toISOString())} AS _loaded_at`,
    `CAST(${quoteText(loadId)} AS VARCHAR) AS _load_id`,
  ]
  return `SELECT ${[...given, ...own].join(', ')} FROM (${query})`
}

/** Writes a file that has these columns and no rows. */
export async function writeEmptyFile(
  connection: EngineConnection,
  columns: readonly Column[],
  path: string,
): Promise<number> {
  const list = columns
    .filter(({ name }) => name !== DAY_COLUMN)
    .map(({ name, type }) => `CAST(NULL AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`)
  // A file must have a column, and every data file has this one.
  if (list.length === 0) list.push('CAST(NULL AS VARCHAR) AS _load_id')
  const [file] = await copy(connection, `SELECT ${list.join(', ')} LIMIT 0`, path, 'COMPRESSION zstd')
  return file?.bytes ?? 0
}

/** Writes rejects to a file. */
export async function writeRejects(
  { columns, query }: Relation,
  record: LoadRecord,
  connection: EngineConnection,
  path: string,
): Promise<WrittenFile> {
  const owner = Object.entries(rejectOwner(record)).map(
    ([name, value]) => `CAST(${quoteText(value)} AS VARCHAR) AS ${quoteName(name)}`,
  )
  const own = columns.map(({ name, type }) => `CAST(${quoteName(name)} AS ${ENGINE_TYPES[type]}) AS ${quoteName(name)}`)
  const rows = `SELECT ${[...owner, ...own].join(', ')} FROM (${query})`
  const [file] = await copy(connection, rows, path, 'COMPRESSION zstd')
  return { path, day: null, rows: file?.rows ?? 0, bytes: file?.bytes ?? 0 }
}

async function copy(connection: EngineConnection, query: string, path: string, options: string) {
  const files = await copyOnce(connection, query, path, options).catch(async (error) => {
    if (!isOutOfMemory(error)) throw error
    // Each thread holds rows of its own until there are enough of them. One by itself fits, and is
    // kept for the run.
    await connection.run('SET threads = 1')
    await rm(path, { recursive: true, force: true })
    return copyOnce(connection, query, path, options)
  })
  return files.map((file) => ({
    path: String(file.filename),
    rows: Number(file.count),
    bytes: Number(file.file_size_bytes),
  }))
}

function copyOnce(connection: EngineConnection, query: string, path: string, options: string) {
  return connection.all(
    `COPY (${query}) TO ${quoteText(path)}
     (FORMAT parquet, RETURN_STATS, ROW_GROUP_SIZE_BYTES '${ROW_GROUP_MEGABYTES}MB', ${options})`,
  )
}

function rowGroups(columns: number): string {
  const rows = Math.floor(ROW_GROUP_VALUES / columns)
  return `ROW_GROUP_SIZE ${Math.min(ROW_GROUP_ROWS_MAX, Math.max(ROW_GROUP_ROWS_MIN, rows))}`
}

function dateLiteral(day: Day): string {
  return `DATE ${quoteText(day)}`
}

/** A path for the engine's readers, to whom some characters stand for others. */
export function globbed(path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

const UNITS = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

/** A size as the engine shows it, such as `272.4 MiB`. */
function bytesOf(text: string): number {
  const [, number = '0', unit = 'bytes'] = /^([\d.]+) (bytes|[KMGT]iB)$/.exec(text) ?? []
  return Number(number) * UNITS[unit as keyof typeof UNITS]
}
