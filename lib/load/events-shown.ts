import { sqlText } from '../core/sql-files.ts'
import { dayCondition, isNumbered } from '../destination/superseded.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Day } from '../time/days.ts'

/**
 * How many events `export_latest` has of each of these days, whether they came from Mixpanel or
 * from files. Undefined if the table has no events, or if the destination runs no queries.
 */
export async function eventsShown(
  destination: Warehouse,
  table: string,
  days: readonly Day[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Day, number> | undefined> {
  const { queries, dialect } = destination.capabilities
  if (!queries || days.length === 0 || !isNumbered(await destination.columns(table))) return undefined
  const path = destination.pathInViews('export_latest')
  const sql = sqlText(dialect, 'events_by_day', { table: path, days: dayCondition({ days, isUndated: false }) })
  const counts = new Map<Day, number>(days.map((day) => [day, 0]))
  const take = (rows: readonly string[]) => {
    for (const row of rows) {
      const { day, count } = JSON.parse(row) as { readonly day: string; readonly count: number | string }
      if (counts.has(day)) counts.set(day, Number(count))
    }
  }
  await destination.query(sql, take, signal)
  return counts
}
