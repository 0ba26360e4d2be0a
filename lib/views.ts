import type { Column } from './columns/column.ts'
import type { DestinationSupports, View } from './destination.ts'
import { quoteName } from './sql.ts'
import { sqlText } from './sql-files.ts'

/** The views over a table, by name. */
const VIEWS: Readonly<Record<string, readonly string[]>> = {
  export: ['export_latest', 'export_latest_by_time'],
}

/** The views over a table with these columns. `path` is the table's quoted path in the destination. */
export function viewsOf(
  { dialect, nameQuote }: DestinationSupports,
  table: string,
  path: string,
  columns: readonly Column[],
): readonly View[] {
  const list = columns.map(({ name }) => quoteName(name, nameQuote)).join(',\n    ')
  return (VIEWS[table] ?? []).map((name) => ({ name, query: sqlText(dialect, name, { table: path, columns: list }) }))
}
