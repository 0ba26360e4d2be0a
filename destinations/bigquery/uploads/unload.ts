import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Column, ColumnType } from '../../../lib/columns/column.ts'
import { MixloadError } from '../../../lib/core/errors.ts'
import { quoteName, quoteText } from '../../../lib/core/sql.ts'
import type { LoadRows, WriteMode } from '../../../lib/destination/contract.ts'
import { DAY_COLUMN } from '../../../lib/destination/load-rules.ts'
import type { EngineConnection } from '../../../lib/engine/engine.ts'
import type { Day } from '../../../lib/time/days.ts'

export interface UnloadOptions {
  readonly connection: EngineConnection
  /** A directory for these files only, which need not exist yet. */
  readonly directory: string
  /** Receives what the user should know. */
  readonly warn: (message: string) => void
}

/** Files of rows, and their day if each day has its own files. */
export interface RowFiles {
  readonly day: Day | undefined
  readonly paths: readonly string[]
}

/** Rows that are ready to be written to files. */
export interface Unloading {
  /** The file that all rows are appended to; undefined if each day has its own files. */
  readonly growing: string | undefined
  /**
   * Writes the rows.
   * @throws MixloadError COUNT_MISMATCH; ENGINE_FAILED; DESTINATION_FAILED if a row is not of the
   *   replaced days.
   */
  write(): Promise<readonly RowFiles[]>
}

/** A sequence that counts the values outside of BigQuery's calendar, which become null. */
const OUT_OF_RANGE = 'mixload_out_of_range'

const text = (value: string) => `CAST(to_json(${value}) AS VARCHAR)`
const quoted = (value: string) => `'"' || ${value} || '"'`
/** docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types: years 1 to 9999. */
const inCalendar = (value: string, type: 'DATE' | 'TIMESTAMPTZ', last: string, written: string) =>
  `CASE WHEN ${value} BETWEEN ${type} '0001-01-01' AND ${type} '${last}' THEN ${written} ` +
  `WHEN ${value} IS NOT NULL THEN CASE WHEN nextval('${OUT_OF_RANGE}') < 0 THEN '' END END`

/**
 * How each type becomes JSON without a loss, as required by
 * docs.cloud.google.com/bigquery/docs/loading-data-cloud-storage-json: integers and non-finite
 * numbers as strings, and JSON as it is, because a string would stay a string.
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
  // A timestamp without a time zone is written four times as fast.
  timestamptz: (value) =>
    inCalendar(
      value,
      'TIMESTAMPTZ',
      '9999-12-31 23:59:59.999999+00',
      quoted(`make_timestamp(epoch_us(${value})) || 'Z'`),
    ),
}

/**
 * A line of NDJSON, assembled from its members. A whole row as JSON would name every column that is
 * null: for events with 40 of 1,000 properties it takes three times as long and 18 times the space.
 * The text of a null member is null, and concat_ws leaves it out.
 */
function lineOf(columns: readonly Column[]): string {
  const members = columns.map(({ name, type }) => {
    return `${quoteText(`${JSON.stringify(name)}:`)} || (${WRITTEN[type](quoteName(name))})`
  })
  return `'{' || concat_ws(',', ${members.join(', ')}) || '}'`
}

/** JSON contains neither raw line breaks nor this delimiter, so lines are written unchanged. */
const AS_LINES = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER e'\\x01'`
/** Rows of a day that are buffered. The engine's default of 524,288 needs 340 MB per thread. */
const ROWS_BUFFERED = 10_000

/** Prepares to write rows to files. */
export async function unloadRows(
  { connection, directory, warn }: UnloadOptions,
  rows: LoadRows,
  mode: WriteMode,
  stream: string,
): Promise<Unloading> {
  const line = lineOf(rows.columns)
  const day = quoteName(DAY_COLUMN)
  const path = join(directory, 'rows')
  const copy = async (expressions: string, options: string) => {
    await connection.run(`CREATE OR REPLACE TEMP SEQUENCE ${OUT_OF_RANGE}`)
    await copyLines(connection, rows, expressions, path, options)
    await warnOfNulls(connection, warn, stream)
  }
  await mkdir(directory, { recursive: true })
  if (mode.kind === 'replace-days' && mode.firstDay !== mode.lastDay) {
    await connection.run(`SET partitioned_write_flush_threshold = ${ROWS_BUFFERED}`)
    const write = () => copy(`${line} AS line, ${day}`, `, PARTITION_BY (${day})`)
    return { growing: undefined, write: () => write().then(() => filesByDay(path, mode)) }
  }
  // It must exist before it grows, for its reader.
  await writeFile(path, '')
  const only = mode.kind === 'replace-days' ? mode.firstDay : undefined
  const otherwise = `error('a row is not of ${only}, the day that is replaced')`
  const checked =
    only === undefined ? line : `CASE WHEN ${day} = DATE ${quoteText(only)} THEN ${line} ELSE ${otherwise} END`
  const write = () => copy(`${checked} AS line`, ', USE_TMP_FILE false')
  return { growing: path, write: () => write().then(() => [{ day: only, paths: [path] }]) }
}

/** Writes the rejects to a file. */
export async function unloadRejects({ connection, directory }: UnloadOptions, rejects: LoadRows): Promise<string> {
  const path = join(directory, 'rejects')
  await mkdir(directory, { recursive: true })
  await copyLines(connection, rejects, lineOf(rejects.columns), path)
  return path
}

async function copyLines(
  connection: EngineConnection,
  { query, verify }: LoadRows,
  expressions: string,
  path: string,
  options = '',
): Promise<void> {
  const copy = `COPY (SELECT ${expressions} FROM (${query})) TO ${quoteText(path)} (${AS_LINES}${options})`
  verify(await connection.run(copy))
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
        `A row is not of the replaced days, ${firstDay} to ${lastDay}. Nothing was committed. Please report this.`,
      )
    }
    const names = (await readdir(join(path, name))).toSorted()
    files.push({ day, paths: names.map((file) => join(path, name, file)) })
  }
  return files
}

async function warnOfNulls(connection: EngineConnection, warn: (message: string) => void, stream: string) {
  const [found] = await connection.all(
    `SELECT last_value AS count FROM duckdb_sequences() WHERE temporary AND sequence_name = ${quoteText(OUT_OF_RANGE)}`,
  )
  const count = Number(found?.count ?? 0)
  if (count === 0) return
  warn(
    `${stream}: ${count} dates lie outside the years 1 to 9999, which are all that BigQuery has; they are null there.`,
  )
}
