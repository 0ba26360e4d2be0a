import type { Column } from '../columns/column.ts'
import { quoteBigQueryText, quoteName, quoteText } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'

/** A table and its columns. */
export interface TableColumns {
  readonly name: string
  /** Its path in queries. */
  readonly path: string
  readonly columns: readonly Column[]
}

/** The view of the properties that lie in overflow columns. */
export const MORE_VIEW = '_mixload_more'

/** The view of companion columns. */
export const COMPANIONS_VIEW = '_mixload_companions'

/** An example is cut off after so many characters. */
const EXAMPLE_LENGTH = 100

/**
 * The views of values that are not in a column of their own: properties in `_more`, and values in
 * companion columns. They have the rows of all tables.
 */
export function strayValueViews(
  { dialect, nameQuote }: DestinationCapabilities,
  tables: readonly TableColumns[],
): readonly View[] {
  const isBigQuery = dialect === 'bigquery'
  const text = isBigQuery ? quoteBigQueryText : quoteText
  const quote = (name: string) => quoteName(name, nameQuote)
  const more = tables.flatMap(({ name, path, columns }) =>
    columns
      .filter(({ role }) => role === 'overflow')
      .map((column) =>
        sqlText(dialect, 'more_properties', { name: text(name), table: path, more: quote(column.name) }),
      ),
  )
  const companions = tables.flatMap(({ name, path, columns }) => {
    const found = columns.filter(({ role }) => role === 'companion')
    if (found.length === 0) return []
    const counts = found.map((column, at) => {
      const value = quote(column.name)
      return `count(${value}) AS count_${at}, min(left(${value}, ${EXAMPLE_LENGTH})) AS example_${at}`
    })
    const rows = found.map(({ name: companion, owner = '', property }, at) => {
      const texts = [name, owner, companion, property ?? '']
      const values = [...texts.map(text), `counts.count_${at}`, `counts.example_${at}`]
      return isBigQuery ? structOf(values) : `(${values.join(', ')})`
    })
    return [
      sqlText(dialect, 'companion_values', { table: path, counts: counts.join(',\n    '), rows: rows.join(',\n  ') }),
    ]
  })
  return [
    { name: MORE_VIEW, query: union(more, emptyQuery(isBigQuery, MORE_COLUMNS)) },
    { name: COMPANIONS_VIEW, query: union(companions, emptyQuery(isBigQuery, COMPANION_COLUMNS)) },
  ]
}

const MORE_COLUMNS = ['table_name', 'property', 'row_count']
const COMPANION_COLUMNS = ['table_name', 'column_name', 'companion_column', 'property', 'value_count', 'example']

function structOf(values: readonly string[]): string {
  return `STRUCT(${values.map((value, at) => `${value} AS ${COMPANION_COLUMNS[at]}`).join(', ')})`
}

function union(queries: readonly string[], empty: string): string {
  return queries.length === 0 ? empty : queries.map((query) => query.trimEnd()).join('\nUNION ALL\n')
}

/** A query for no rows. Counts are integers, all other columns are texts. */
function emptyQuery(isBigQuery: boolean, columns: readonly string[]): string {
  const types = isBigQuery ? { count: 'INT64', text: 'STRING' } : { count: 'BIGINT', text: 'TEXT' }
  const list = columns.map((name) => `CAST(NULL AS ${name.endsWith('_count') ? types.count : types.text}) AS ${name}`)
  return `SELECT ${list.join(', ')}\nFROM (SELECT 1 AS nothing) AS nothing\nWHERE false`
}
