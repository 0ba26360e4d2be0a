import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import { countMismatch } from '../../lib/destination/commit-rules.ts'
import type { LoadRecord, Relation, WriteMode } from '../../lib/destination/contract.ts'
import { rejectOwner } from '../../lib/destination/ledger-row.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import type { Day } from '../../lib/time/days.ts'
import { DAY_COLUMN } from './dialect.ts'
import { REJECTS } from './ledger.ts'

export interface UnloadOptions {
  readonly connection: EngineConnection
  /** A directory of its own, which need not be there yet. */
  readonly directory: string
  /** Takes what the user should know. */
  readonly warn: (message: string) => void
}

/** Files of rows, and the day they are of where each day has its own. */
export interface RowFiles {
  readonly day: Day | undefined
  readonly paths: readonly string[]
}

/** Rows that are about to be written to files. */
export interface Unloading {
  /** The file that takes all of them, one after the other; undefined where each day has its own. */
  readonly growing: string | undefined
  /**
   * Does it.
   * @throws MixloadError COUNT_MISMATCH; ENGINE_FAILED; DESTINATION_FAILED where days are replaced and a row is of another.
   */
  write(): Promise<readonly RowFiles[]>
}

/** Counts values that have no place in BigQuery's calendar, while they are turned into null. */
const OUT_OF_RANGE = 'mixload_out_of_range'

const text = (value: string) => `CAST(to_json(${value}) AS VARCHAR)`
const quoted = (value: string) => `'"' || ${value} || '"'`
/** docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types: years 1 to 9999. */
const inCalendar = (value: string, type: 'DATE' | 'TIMESTAMPTZ', last: string, written: string) =>
  `CASE WHEN ${value} BETWEEN ${type} '0001-01-01' AND ${type} '${last}' THEN ${written} ` +
  `WHEN ${value} IS NOT NULL THEN CASE WHEN nextval('${OUT_OF_RANGE}') < 0 THEN '' END END`

/**
 * A value as JSON that keeps it exactly, as docs.cloud.google.com/bigquery/docs/loading-data-cloud-storage-json asks for:
 * whole numbers beyond 2^53 as text, and numbers that are none, too; JSON as it is, since a text would stay a text.
 */
const WRITTEN: Readonly<Record<ColumnType, (value: string) => string>> = {
  text,
  json: text,
  boolean: (value) => `CAST(${value} AS VARCHAR)`,
  bigint: (value) => quoted(value),
  double: (value) =>
    `CASE WHEN isfinite(${value}) THEN ${text(value)} WHEN isnan(${value}) THEN '"NaN"' ` +
    `WHEN ${value} > 0 THEN '"Infinity"' WHEN ${value} < 0 THEN '"-Infinity"' END`,
  date: (value) => inCalendar(value, 'DATE', '9999-12-31', quoted(value)),
  // Written as a moment without a zone, which takes a quarter of the time.
  timestamptz: (value) =>
    inCalendar(
      value,
      'TIMESTAMPTZ',
      '9999-12-31 23:59:59.999999+00',
      quoted(`make_timestamp(epoch_us(${value})) || 'Z'`),
    ),
}

/**
 * A line of NDJSON. Put together from its members, since a row as JSON would name every column that is null: of events
 * that have 40 of 1,000 properties that takes three times as long and 18 times the space. A member that is null makes
 * null of the whole text, and concat_ws leaves that out.
 */
function lineOf(columns: readonly Column[], own: Readonly<Record<string, string>>): string {
  const fixed = Object.entries(own).map(([name, value]) =>
    quoteText(`${JSON.stringify(name)}:${JSON.stringify(value)}`),
  )
  const members = columns.map(({ name, type }) => {
    const value = WRITTEN[type](`CAST(${quoteName(name)} AS ${ENGINE_TYPES[type]})`)
    return `${quoteText(`${JSON.stringify(name)}:`)} || (${value})`
  })
  return `'{' || concat_ws(',', ${[...fixed, ...members].join(', ')}) || '}'`
}

/** JSON has neither raw line breaks nor this delimiter, so lines are written as they are. */
const AS_LINES = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER e'\\x01'`
/** Rows of a day that are kept before they are written. The engine's own 524,288 need 340 MB a thread. */
const ROWS_HELD = 10_000

/**
 * Makes ready to write the rows of a relation to files, as the table's columns have them, with the load's own columns.
 * @param columns those of the relation, as the table has them.
 */
export async function unloadRows(
  { connection, directory, warn }: UnloadOptions,
  relation: Relation,
  columns: readonly Column[],
  mode: WriteMode,
  record: LoadRecord,
): Promise<Unloading> {
  const line = lineOf(columns, { _loaded_at: record.loadedAt.toISOString(), _load_id: record.loadId })
  const day = quoteName(DAY_COLUMN)
  const path = join(directory, 'rows')
  const copy = async (expressions: string, options: string) => {
    await connection.run(`CREATE OR REPLACE TEMP SEQUENCE ${OUT_OF_RANGE}`)
    const count = await connection.run(
      `COPY (SELECT ${expressions} FROM (${relation.query})) TO ${quoteText(path)} (${options})`,
    )
    if (count !== relation.rowCount) throw countMismatch(relation.rowCount, count, record.stream)
    await warnOfLost(connection, warn, record)
  }
  await mkdir(directory, { recursive: true })
  if (mode.kind === 'replace-days' && mode.firstDay !== mode.lastDay) {
    await connection.run(`SET partitioned_write_flush_threshold = ${ROWS_HELD}`)
    const write = () => copy(`${line} AS line, ${day}`, `${AS_LINES}, PARTITION_BY (${day})`)
    return { growing: undefined, write: () => write().then(() => filesByDay(path, mode)) }
  }
  // There from the beginning, for whoever reads it while it grows.
  await writeFile(path, '')
  const only = mode.kind === 'replace-days' ? mode.firstDay : undefined
  const other = `error('a row is not of ${only}, the day that is replaced')`
  const checked =
    only === undefined ? line : `CASE WHEN ${day} = DATE ${quoteText(only)} THEN ${line} ELSE ${other} END`
  const write = () => copy(`${checked} AS line`, `${AS_LINES}, USE_TMP_FILE false`)
  return { growing: path, write: () => write().then(() => [{ day: only, paths: [path] }]) }
}

/** Writes the rejects to a file, with the load and stream they are of. */
export async function unloadRejects(
  { connection, directory }: UnloadOptions,
  rejects: Relation,
  record: LoadRecord,
): Promise<string> {
  const path = join(directory, 'rejects')
  await mkdir(directory, { recursive: true })
  const line = lineOf(rejects.columns, rejectOwner(record))
  const count = await connection.run(
    `COPY (SELECT ${line} FROM (${rejects.query})) TO ${quoteText(path)} (${AS_LINES})`,
  )
  if (count !== rejects.rowCount) throw countMismatch(rejects.rowCount, count, REJECTS)
  return path
}

async function filesByDay(
  path: string,
  { firstDay, lastDay }: { readonly firstDay: Day; readonly lastDay: Day },
): Promise<readonly RowFiles[]> {
  const files: RowFiles[] = []
  for (const name of (await readdir(path)).toSorted()) {
    const day = name.slice(`${DAY_COLUMN}=`.length)
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || day < firstDay || day > lastDay) {
      throw new MixloadError(
        'DESTINATION_FAILED',
        `A row is not of the days ${firstDay} to ${lastDay}, which are replaced; nothing was committed. Please report this.`,
      )
    }
    const names = (await readdir(join(path, name))).toSorted()
    files.push({ day, paths: names.map((file) => join(path, name, file)) })
  }
  return files
}

async function warnOfLost(connection: EngineConnection, warn: (message: string) => void, record: LoadRecord) {
  const [found] = await connection.all(
    `SELECT last_value AS count FROM duckdb_sequences() WHERE temporary AND sequence_name = ${quoteText(OUT_OF_RANGE)}`,
  )
  const count = Number(found?.count ?? 0)
  if (count === 0) return
  warn(
    `${record.stream}: ${count} dates lie outside the years 1 to 9999, which are all BigQuery knows; they are null there.`,
  )
}
