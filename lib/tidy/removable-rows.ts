/** Which rows only cost space, as a condition that runs in the destination. */
import { ROW_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities } from '../destination/contract.ts'
import { SUPERSEDED } from '../destination/ledger.ts'
import { DAY_COLUMN } from '../destination/load-rules.ts'
import { isNumbered } from '../destination/superseded.ts'
import type { Day } from '../time/days.ts'
import { DELETION_EVENT, deletionColumns, replacedTogether } from '../views/views.ts'

/** A condition in SQL on the column with the days. */
export type DayFilter = (column: string) => string

/** The rows of one day; `null`: those without a day. */
export function onDay(day: Day | null): DayFilter {
  return (column) => (day === null ? `${column} IS NULL` : `${column} = DATE ${quoteText(day)}`)
}

/** The rows of the days from `from` to `to`; of all days, and those without a day, by default. */
export function betweenDays(from: Day | undefined, to: Day | undefined): DayFilter {
  return (column) => {
    const bounds = [
      ...(from === undefined ? [] : [`${column} >= DATE ${quoteText(from)}`]),
      ...(to === undefined ? [] : [`${column} <= DATE ${quoteText(to)}`]),
    ]
    return bounds.join(' AND ') || 'true'
  }
}

/** A table, and how queries name it and others. */
export interface TidiedTable {
  readonly name: string
  readonly columns: readonly Column[]
  readonly pathOf: (table: string) => string
}

/**
 * The condition for rows of these days that no view shows or needs. It calls the row `__rows`.
 * Undefined if no rows of the table only cost space.
 */
export function removableRows(
  capabilities: DestinationCapabilities,
  table: TidiedTable,
  days: DayFilter,
): string | undefined {
  if (!table.columns.some(({ name }) => name === DAY_COLUMN)) return undefined
  const condition = isNumbered(table.columns)
    ? removableCopies(capabilities, table, days)
    : removableLoads(capabilities, table, days)
  return condition && `${days(`__rows.${DAY_COLUMN}`)} AND ${condition}`
}

/** Superseded rows, unless they say that another event was deleted than the shown row says. */
function removableCopies(
  { dialect, nameQuote }: DestinationCapabilities,
  { name, columns, pathOf }: TidiedTable,
  days: DayFilter,
): string {
  const deletions = ['distinct_id', ...deletionColumns(columns).map((column) => quoteName(column.name, nameQuote))]
  return sqlText(dialect, 'removable_copies', {
    table: pathOf(name),
    superseded: pathOf(SUPERSEDED.name),
    columns: [ROW_COLUMN, 'event_id', DAY_COLUMN, 'event', ...deletions].join(', '),
    days: days(DAY_COLUMN),
    deletion: quoteText(DELETION_EVENT),
    is_same: deletions.map((column) => `shown.${column} IS NOT DISTINCT FROM copies.${column}`).join(' AND '),
  }).trim()
}

/** Rows of which a later load has the same key. */
function removableLoads(
  { dialect, nameQuote }: DestinationCapabilities,
  { name, pathOf }: TidiedTable,
  days: DayFilter,
): string | undefined {
  const unit = replacedTogether(name)?.map((column) => quoteName(column, nameQuote))
  if (unit === undefined) return undefined
  return sqlText(dialect, 'removable_loads', {
    table: pathOf(name),
    unit: unit.join(', '),
    days: days(DAY_COLUMN),
    is_same: unit.map((column) => `latest.${column} = __rows.${column}`).join(' AND '),
  }).trim()
}
