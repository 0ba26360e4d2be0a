/** Which rows of `export` a load makes superseded, as a query that runs in the destination. */
import { HASH_COLUMN, ROW_COLUMN } from '../columns/catalogue.ts'
import { type Column, columnOfProperty } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import { addDays, type Day, daysOf } from '../time/days.ts'
import type { DestinationCapabilities, LoadRecord, LoadRows, SupersededRows, WriteMode } from './contract.ts'
import { earlierPersonColumns } from './event-key.ts'

/** Days of rows. `null`: all days, and rows without a day. */
export type RowDays = { readonly days: readonly Day[]; readonly isUndated: boolean } | null

/** The paths of the tables that the query reads. */
export interface SupersededPaths {
  readonly table: string
  readonly superseded: string
}

/** Whether a table numbers its rows, so that some of them can be superseded. */
export function isNumbered(columns: readonly Column[]): boolean {
  return columns.some(({ name, role }) => name === ROW_COLUMN && role === 'fixed')
}

/** Whether a table has a hash of each row. */
export function isHashed(columns: readonly Column[]): boolean {
  return columns.some(({ name, role }) => name === HASH_COLUMN && role === 'fixed')
}

/** Rows of a table, with a number for each if the table numbers its rows. */
export function withNumbers(rows: LoadRows, columns: readonly Column[]): LoadRows {
  const numbers = columns.filter(({ name }) => name === ROW_COLUMN)
  if (!isNumbered(numbers)) return rows
  const number = sqlText('duckdb', 'row_number', {}).trim()
  return {
    ...rows,
    columns: [...rows.columns, ...numbers],
    get query() {
      return `SELECT *, ${number} AS ${quoteName(ROW_COLUMN)} FROM (${rows.query})`
    },
  }
}

/** The days that a load adds rows to; all days if that is not known. */
function daysOfLoad({ dayRows, rowCount }: Pick<LoadRecord, 'dayRows' | 'rowCount'>): RowDays {
  if (dayRows === null) return null
  const days = Object.keys(dayRows).filter((day) => (dayRows[day] ?? 0) > 0)
  const dated = days.reduce((sum, day) => sum + (dayRows[day] ?? 0), 0)
  return { days, isUndated: dated < rowCount }
}

/**
 * What a load does to `_mixload_superseded`. Copies can be filed under neighbouring days, because
 * exports of several days, and files, cut days in other ways. So a load looks at these, too; and if
 * it replaces days, other rows of the neighbouring days may become the latest.
 */
export function supersededBy(
  capabilities: DestinationCapabilities,
  columns: readonly Column[],
  paths: SupersededPaths,
  mode: WriteMode,
  record: Pick<LoadRecord, 'selection' | 'dayRows' | 'rowCount'>,
): SupersededRows {
  const queryFor = (among: RowDays) => supersededQuery(capabilities, columns, paths, withNeighbours(among))
  if (record.selection.kind === 'upgrade') return { mode: { kind: 'replace-table' }, query: queryFor(null) }
  if (mode.kind !== 'replace-days') return { mode, query: queryFor(daysOfLoad(record)) }
  const [firstDay, lastDay] = [addDays(mode.firstDay, -1), addDays(mode.lastDay, 1)]
  return {
    mode: { ...mode, firstDay, lastDay },
    query: queryFor({ days: daysOf(firstDay, lastDay), isUndated: false }),
  }
}

/** These days, and the one before and after each. */
function withNeighbours(among: RowDays): RowDays {
  if (among === null) return null
  const days = new Set(among.days.flatMap((day) => daysOf(addDays(day, -1), addDays(day, 1))))
  return { ...among, days: [...days] }
}

function supersededQuery(
  { dialect, nameQuote }: DestinationCapabilities,
  columns: readonly Column[],
  paths: SupersededPaths,
  days: RowDays,
): string {
  return sqlText(dialect, 'superseded_rows', {
    ...paths,
    hash: isHashed(columns) ? HASH_COLUMN : 'CAST(NULL AS BIGINT)',
    days: dayCondition(days),
    ...rankingOf(columns, nameQuote),
  })
}

/**
 * A query in the destination's SQL for the hashes of the rows of these days, as `row_hash`, with
 * `may_return`: whether a row would be shown if it were loaded again.
 */
export function knownRowsQuery(
  { dialect, nameQuote }: DestinationCapabilities,
  columns: readonly Column[],
  paths: SupersededPaths,
  firstDay: Day,
  lastDay: Day,
): string {
  const days = { first: date(firstDay), last: date(lastDay) }
  return sqlText(dialect, 'known_rows', { ...paths, ...days, ...rankingOf(columns, nameQuote) })
}

/** What decides between copies of an event, before the order of loads does. */
function rankingOf(columns: readonly Column[], nameQuote: DestinationCapabilities['nameQuote']) {
  const quote = ({ name }: Column) => quoteName(name, nameQuote)
  const earlierPersons = earlierPersonColumns(columns)
  const isDeleted = columnOfProperty(columns, '$is_deleted', 'boolean')
  // Earlier versions have made a double of it.
  const inserted = columnOfProperty(columns, '$inserted_at', 'bigint', 'double')
  return {
    deleted: isDeleted === undefined ? 'false' : `coalesce(${quote(isDeleted)}, false)`,
    moved: earlierPersons.map((column) => `${quote(column)} IS NOT NULL`).join(' OR ') || 'false',
    // Deleted events may have only the second at which they were deleted.
    processed: inserted === undefined ? PROCESSED : `coalesce(${PROCESSED}, ${quote(inserted)} * 1000)`,
  }
}

const PROCESSED = 'mp_processing_time_ms'

/** More ranges would make a query too long for the notes that destinations keep of it. */
const RANGES_MAX = 100

/** A condition on `_day`, for these days and, if they are many and scattered, others between. */
export function dayCondition(among: RowDays): string {
  if (among === null) return 'true'
  let ranges = rangesOf(among.days, 1)
  for (let gap = 2; ranges.length > RANGES_MAX; gap *= 2) ranges = rangesOf(among.days, gap)
  const conditions = ranges.map(([first, last]) =>
    first === last ? `_day = ${date(first)}` : `_day BETWEEN ${date(first)} AND ${date(last)}`,
  )
  if (among.isUndated) conditions.push('_day IS NULL')
  return conditions.join(' OR ') || 'false'
}

/** Ranges of days that are at most `gap` days apart. */
function rangesOf(days: readonly Day[], gap: number): readonly (readonly [Day, Day])[] {
  const ranges: [Day, Day][] = []
  for (const day of days.toSorted()) {
    const last = ranges.at(-1)
    if (last !== undefined && addDays(last[1], gap) >= day) last[1] = day
    else ranges.push([day, day])
  }
  return ranges
}

function date(day: Day): string {
  return `DATE ${quoteText(day)}`
}
