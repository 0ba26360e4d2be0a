import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import type { KnownColumn, LoadRecord, TableStorage } from '../../lib/destination/contract.ts'
import { COLUMNS, columnsOf, LEDGER_TABLES, type LedgerTable, LOADS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, type LedgerRow, loadOf, loadRow } from '../../lib/destination/ledger-row.ts'
import { ledgerStatements } from '../../lib/destination/ledger-tables.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'

/** The engine's name for the file, which is attached so that loads copy nothing. */
export const CATALOG = 'warehouse'

/** The ledger in a schema of the attached file. */
export class Ledger {
  readonly schema: string
  readonly #connection: EngineConnection

  constructor(connection: EngineConnection, schema: string) {
    this.#connection = connection
    this.schema = schema
  }

  path(table: string): string {
    return quotePath(CATALOG, this.schema, table)
  }

  /** Creates the schema and the ledger's tables, and adds columns that these lack. */
  async create(): Promise<void> {
    await this.#connection.run(`CREATE SCHEMA IF NOT EXISTS ${quotePath(CATALOG, this.schema)}`)
    const existing = new Map<string, ReadonlySet<string>>()
    for (const { name } of LEDGER_TABLES) {
      const columns = await this.columnNames(name)
      if (columns.length > 0) existing.set(name, new Set(columns))
    }
    const dialect = { typeNames: ENGINE_TYPES, path: (table: string) => this.path(table), primaryKeys: false }
    for (const statement of ledgerStatements(existing, dialect)) await this.#connection.run(statement)
  }

  /** Views name tables without the catalog, whose name depends on who opens the file. */
  async use(): Promise<void> {
    await this.#connection.run(`USE ${quotePath(CATALOG, this.schema)}`)
  }

  /** The loads: all of them, or those of a stream. */
  async loads(stream: string | undefined): Promise<readonly LoadRecord[]> {
    return (await this.#rows(LOADS.name, LOADS.columns.stream.name, stream)).map(loadOf)
  }

  /** The columns that mixload created and that still exist, in the table's order. */
  async columns(table: string): Promise<readonly KnownColumn[]> {
    const rows = await this.#rows(COLUMNS.name, COLUMNS.columns.table.name, table)
    const known = new Map(rows.map(columnOf).map(({ column }) => [column.name, column]))
    return (await this.columnNames(table)).flatMap((name) => known.get(name) ?? [])
  }

  /** The names of a table's columns, in its order; none if there is no such table. */
  async columnNames(table: string): Promise<readonly string[]> {
    const rows = await this.#connection.all(
      `SELECT column_name FROM duckdb_columns()
       WHERE database_name = $1 AND schema_name = $2 AND table_name = $3 ORDER BY column_index`,
      [CATALOG, this.schema, table],
    )
    return rows.map(({ column_name }) => String(column_name))
  }

  /** The bytes of the blocks of a table; undefined if it has none on disk. */
  async storage(table: string): Promise<TableStorage> {
    const [found] = await this.#connection.all(
      `SELECT count(DISTINCT block_id) * any_value(block_size) AS bytes
       FROM pragma_storage_info(${quoteText(this.path(table))}), pragma_database_size()
       WHERE persistent AND block_id >= 0 AND database_name = $1`,
      [CATALOG],
    )
    const bytes = Number(found?.bytes ?? 0)
    return { bytes: bytes === 0 ? undefined : bytes, scatteredDays: [] }
  }

  async addLoad(record: LoadRecord): Promise<void> {
    await this.#insert(LOADS, [loadRow(record)])
  }

  async addColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    const names = columns.map(({ name }) => quoteText(name)).join(', ')
    // A column that somebody dropped by hand is still in the ledger.
    await this.#connection.run(
      `DELETE FROM ${this.path(COLUMNS.name)}
       WHERE ${COLUMNS.columns.table.name} = ${quoteText(table)} AND ${COLUMNS.columns.name.name} IN (${names})`,
    )
    const rows = columns.map((column) => columnRow({ ...column, table }))
    await this.#insert(COLUMNS, rows)
  }

  /** The rows of a ledger table: all of them, or those that have a value in a column. */
  async #rows(table: string, column: string, value: string | undefined): Promise<readonly LedgerRow[]> {
    const condition = value === undefined ? 'true' : `${quoteName(column)} = ${quoteText(value)}`
    const rows = await this.#connection.all(
      // As JSON, because the driver drops a byte order mark at the start of a text, and property
      // names may have one.
      `SELECT CAST(to_json(known) AS VARCHAR) AS json FROM (
         SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${this.path(table)} WHERE ${condition}
       ) AS known`,
    )
    return rows.map(({ json }) => JSON.parse(String(json)) as LedgerRow)
  }

  async #insert<R>(table: LedgerTable<R>, rows: readonly LedgerRow[]): Promise<void> {
    const columns = columnsOf(table)
    const literal = (value: string | null = null) => (value === null ? 'NULL' : quoteText(value))
    const values = rows.map((row) => `(${columns.map(({ name }) => literal(row[name])).join(', ')})`)
    const names = columns.map(({ name }) => quoteName(name)).join(', ')
    await this.#connection.run(`INSERT INTO ${this.path(table.name)} (${names}) VALUES ${values.join(', ')}`)
  }
}
