/** The statements that create the ledger's tables in a SQL database. */
import type { ColumnType } from '../columns/column.ts'
import { quoteName } from '../core/sql.ts'
import { columnsOf, LEDGER_TABLES, type LedgerColumn, type LedgerTable } from './ledger.ts'

/** How a database creates tables. */
export interface TableDialect {
  readonly typeNames: Readonly<Record<ColumnType, string>>
  path(table: string): string
  /** Whether a table's key is declared as its primary key. */
  readonly primaryKeys: boolean
}

/**
 * The statements that create the ledger's missing tables, and add the columns that tables of an
 * earlier version do not have. `existing` has the column names of each existing table.
 */
export function ledgerStatements(
  existing: ReadonlyMap<string, ReadonlySet<string>>,
  dialect: TableDialect,
): readonly string[] {
  return LEDGER_TABLES.flatMap((table) => {
    const names = existing.get(table.name)
    return names === undefined ? [creation(table, dialect)] : additions(table, names, dialect)
  })
}

function creation(table: LedgerTable, dialect: TableDialect): string {
  const definitions = columnsOf(table).map((column) => {
    const isPrimary = dialect.primaryKeys && column.name === table.key
    const constraint = isPrimary ? ' PRIMARY KEY' : column.nullable ? '' : ' NOT NULL'
    return `  ${definition(column, dialect)}${constraint}`
  })
  return `CREATE TABLE IF NOT EXISTS ${dialect.path(table.name)} (\n${definitions.join(',\n')}\n)`
}

/** One statement for each column, because DuckDB adds only one at a time. */
function additions(table: LedgerTable, names: ReadonlySet<string>, dialect: TableDialect): readonly string[] {
  return columnsOf(table)
    .filter(({ name }) => !names.has(name))
    .map((column) => {
      const path = dialect.path(table.name)
      return `ALTER TABLE ${path} ADD COLUMN IF NOT EXISTS ${definition(column, dialect)}`
    })
}

function definition({ name, type }: LedgerColumn, { typeNames }: TableDialect): string {
  return `${quoteName(name)} ${typeNames[type]}`
}
