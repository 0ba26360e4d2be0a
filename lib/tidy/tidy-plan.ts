import { sqlText } from '../core/sql-files.ts'
import { isNumbered } from '../destination/superseded.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { EVENTS_TABLE } from '../load/upgrade-events.ts'
import type { Session } from '../run/session.ts'
import type { Day } from '../time/days.ts'
import { betweenDays, removableRows, type TidiedTable } from './removable-rows.ts'

/** What is removed from a table, or would be. */
export interface TidyResult {
  readonly table: string
  /** Rows that no view shows or needs. */
  readonly rows: number
  /** About how many bytes they take; undefined if that is not known. */
  readonly bytes: number | undefined
  /** How many days have such rows, or small files to merge. */
  readonly days: number
  /** The bytes that BigQuery scans, and may bill, to remove the rows. */
  readonly scannedBytes: number | undefined
}

/** A day of a table, and how many of its rows are removed. */
export interface TidiedDay {
  /** Null for rows without a day, and in a table without days. */
  readonly day: Day | null
  readonly rows: number
}

/** What there is to do in a table. */
export interface TablePlan {
  readonly table: TidiedTable
  readonly days: readonly TidiedDay[]
  readonly result: TidyResult
}

/** Which days are tidied, and how to follow and to end the work. */
export interface TidyOptions extends Pick<Session, 'onProgress' | 'signal'> {
  readonly from?: Day | undefined
  readonly to?: Day | undefined
}

/** What there is to do in a table; undefined if there is nothing. */
export async function planTable(
  destination: Warehouse,
  name: string,
  { from, to, onProgress, signal }: TidyOptions,
): Promise<TablePlan | undefined> {
  const columns = await destination.columns(name)
  if (columns.length === 0) return undefined
  if (name === EVENTS_TABLE && !isNumbered(columns)) {
    const message = 'An earlier version of mixload loaded the events. mixload views brings them to the present form.'
    onProgress({ kind: 'warning', message })
    return undefined
  }
  const table: TidiedTable = { name, columns, pathOf: (path) => destination.pathInViews(path) }
  const removable = removableRows(destination.capabilities, table, betweenDays(from, to))
  const days = removable === undefined ? [] : await removableDays(destination, table, removable, signal)
  const rows = days.reduce((sum, day) => sum + day.rows, 0)
  const storage = await destination.storage(name, rows === 0 ? undefined : removable, signal)
  const isWithin = (day: Day | null) =>
    (from === undefined || (day !== null && day >= from)) && (to === undefined || (day !== null && day <= to))
  const scattered = (storage?.scatteredDays ?? []).filter(
    (day) => isWithin(day) && !days.some((known) => known.day === day),
  )
  const all = inOrder([...days, ...scattered.map((day) => ({ day, rows: 0 }))])
  if (all.length === 0) return undefined
  const share = rows === 0 ? 0 : rows / (await rowsOf(destination, table, signal))
  const bytes = storage?.bytes === undefined ? undefined : Math.round(storage.bytes * share)
  return {
    table,
    days: all,
    result: { table: name, rows, bytes, days: all.length, scannedBytes: storage?.scannedBytes },
  }
}

function inOrder(days: readonly TidiedDay[]): readonly TidiedDay[] {
  return days.toSorted((a, b) => `${a.day ?? ''}`.localeCompare(`${b.day ?? ''}`))
}

/** How many rows of each day can be removed. */
async function removableDays(
  destination: Warehouse,
  { name, pathOf }: TidiedTable,
  removable: string,
  signal: AbortSignal,
): Promise<readonly TidiedDay[]> {
  const sql = sqlText(destination.capabilities.dialect, 'removable_counts', { table: pathOf(name), removable })
  const rows = await countsOf(destination, sql, signal)
  return rows.map(({ day, count }) => ({ day: day ?? null, rows: Number(count) }))
}

async function rowsOf(destination: Warehouse, { name, pathOf }: TidiedTable, signal: AbortSignal): Promise<number> {
  const sql = sqlText(destination.capabilities.dialect, 'row_count', { table: pathOf(name) })
  const [found] = await countsOf(destination, sql, signal)
  return Number(found?.count)
}

/** A count, of a day or of all. Large numbers come as texts. */
interface Count {
  readonly day?: Day | null
  readonly count: number | string
}

async function countsOf(destination: Warehouse, sql: string, signal: AbortSignal): Promise<readonly Count[]> {
  const counts: Count[] = []
  const take = (rows: readonly string[]) => void counts.push(...rows.map((row) => JSON.parse(row) as Count))
  await destination.query(sql, take, signal)
  return counts
}
