import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS, columnsOf, LEDGER_TABLES, type LedgerTable, LOADS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, type LedgerRow, loadOf, loadRow } from '../../lib/destination/ledger-row.ts'
import { ledgerStatements } from '../../lib/destination/ledger-tables.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'

/** Where the ledger is. */
export interface LedgerPlace {
  readonly catalog: string
  readonly schema: string
}

/** Creates the schema and the ledger's tables, and adds columns that these lack. */
export async function makeLedger(connection: EngineConnection, place: LedgerPlace): Promise<void> {
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quotePath(place.catalog, place.schema)}`)
  const existing = new Map<string, ReadonlySet<string>>()
  for (const { name } of LEDGER_TABLES) {
    const columns = await columnNames(connection, place, name)
    if (columns.length > 0) existing.set(name, new Set(columns))
  }
  const path = (table: string) => pathOf(place, table)
  for (const statement of ledgerStatements(existing, { typeNames: ENGINE_TYPES, path, primaryKeys: false })) {
    await connection.run(statement)
  }
}

/** The loads of the ledger: all of them, or those of a stream. */
export async function readLoads(
  connection: EngineConnection,
  place: LedgerPlace,
  stream: string | undefined,
): Promise<readonly LoadRecord[]> {
  return (await readRows(connection, place, LOADS, LOADS.columns.stream.name, stream)).map(loadOf)
}

/** The columns of a table that mixload made and that still exist, in the table's order. */
export async function readColumns(
  connection: EngineConnection,
  place: LedgerPlace,
  table: string,
): Promise<readonly KnownColumn[]> {
  const noted = await readRows(connection, place, COLUMNS, COLUMNS.columns.table.name, table)
  const known = new Map(noted.map(columnOf).map(({ column }) => [column.name, column]))
  return (await columnNames(connection, place, table)).flatMap((name) => known.get(name) ?? [])
}

/** Writes the row of a load. */
export async function writeLedgerRow(
  connection: EngineConnection,
  place: LedgerPlace,
  record: LoadRecord,
): Promise<void> {
  await insert(connection, place, LOADS, [loadRow(record)])
}

/** Notes the columns that a table gets. */
export async function noteColumns(
  connection: EngineConnection,
  place: LedgerPlace,
  table: string,
  columns: readonly KnownColumn[],
): Promise<void> {
  const names = columns.map(({ name }) => quoteText(name)).join(', ')
  // A column that somebody dropped by hand still has its first note.
  await connection.run(
    `DELETE FROM ${pathOf(place, COLUMNS.name)}
     WHERE ${COLUMNS.columns.table.name} = ${quoteText(table)} AND ${COLUMNS.columns.name.name} IN (${names})`,
  )
  const rows = columns.map((column) => columnRow({ ...column, table }))
  await insert(connection, place, COLUMNS, rows)
}

/** The names of a table's columns, in its order; none if there is no such table. */
export async function columnNames(
  connection: EngineConnection,
  { catalog, schema }: LedgerPlace,
  table: string,
): Promise<readonly string[]> {
  const rows = await connection.all(
    `SELECT column_name FROM duckdb_columns()
     WHERE database_name = $1 AND schema_name = $2 AND table_name = $3 ORDER BY column_index`,
    [catalog, schema, table],
  )
  return rows.map(({ column_name }) => String(column_name))
}

/** The rows of a ledger table: all of them, or those that have a value in a column. */
async function readRows(
  connection: EngineConnection,
  place: LedgerPlace,
  { name }: Pick<LedgerTable, 'name'>,
  column: string,
  value: string | undefined,
): Promise<readonly LedgerRow[]> {
  const condition = value === undefined ? 'true' : `${quoteName(column)} = ${quoteText(value)}`
  const rows = await connection.all(
    // As JSON, because the driver drops a byte order mark at the start of a text, and property
    // names may have one.
    `SELECT CAST(to_json(known) AS VARCHAR) AS json FROM (
       SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${pathOf(place, name)} WHERE ${condition}
     ) AS known`,
  )
  return rows.map(({ json }) => JSON.parse(String(json)) as LedgerRow)
}

async function insert<R>(
  connection: EngineConnection,
  place: LedgerPlace,
  table: LedgerTable<R>,
  rows: readonly LedgerRow[],
): Promise<void> {
  const columns = columnsOf(table)
  const values = rows.map((row) => {
    const cells = columns.map(({ name, type }) => {
      const value = row[name] ?? null
      return value === null ? 'NULL' : `CAST(${quoteText(value)} AS ${ENGINE_TYPES[type]})`
    })
    return `(${cells.join(', ')})`
  })
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  await connection.run(`INSERT INTO ${pathOf(place, table.name)} (${names}) VALUES ${values.join(', ')}`)
}

function pathOf({ catalog, schema }: LedgerPlace, table: string): string {
  return quotePath(catalog, schema, table)
}
