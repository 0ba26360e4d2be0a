import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS, columnsOf, LEDGER_TABLES, type LedgerTable, LOADS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, type LedgerRow, loadOf, loadRow } from '../../lib/destination/ledger-row.ts'
import { ledgerStatements } from '../../lib/destination/ledger-tables.ts'
import { TYPE_NAMES } from './dialect.ts'
import type { Session } from './session/session.ts'

/** The ledger in a schema. Its changes belong to the transaction of the session. */
export class Ledger {
  readonly #session: Session
  readonly #schema: string

  constructor(session: Session, schema: string) {
    this.#session = session
    this.#schema = schema
  }

  /**
   * Creates the schema and the ledger's tables, and adds columns that these lack. Runs only what is
   * needed, so that a role whose schema somebody else created needs no further rights.
   */
  async create(): Promise<void> {
    const schema = quoteName(this.#schema)
    const [found] = await this.#session.rows('SELECT to_regnamespace($1) IS NOT NULL AS made', [schema])
    if (found?.made !== 't') await this.#session.run(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    const rows = await this.#session.rows(
      `SELECT relation.relname AS table, attribute.attname AS column
       FROM pg_class AS relation JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
       WHERE relation.relnamespace = to_regnamespace($1) AND relation.relname = ANY ($2::text[])
         AND attribute.attnum > 0 AND NOT attribute.attisdropped`,
      [schema, LEDGER_TABLES.map(({ name }) => name)],
    )
    const existing = new Map<string, Set<string>>()
    for (const { table, column } of rows) {
      const names = existing.get(`${table}`) ?? new Set<string>()
      existing.set(`${table}`, names.add(`${column}`))
    }
    const dialect = { typeNames: TYPE_NAMES, path: (table: string) => this.#path(table), primaryKeys: true }
    for (const statement of ledgerStatements(existing, dialect)) await this.#session.run(statement)
  }

  /** Whether it exists. True also if the schema may not be used: it must not read as empty. */
  async exists(): Promise<boolean> {
    const found = await this.#session.rows(
      `SELECT FROM pg_namespace AS schema LEFT JOIN pg_class ON relnamespace = schema.oid AND relname = $2
       WHERE nspname = $1 AND (relname IS NOT NULL OR NOT has_schema_privilege(schema.oid, 'USAGE'))`,
      [this.#schema, LOADS.name],
    )
    return found.length > 0
  }

  /** The loads: all of them, or those of a stream. */
  async loads(stream: string | undefined): Promise<readonly LoadRecord[]> {
    const sql = `SELECT * FROM ${this.#path(LOADS.name)} WHERE $1::text IS NULL OR stream = $1`
    return (await this.#session.rows(sql, [stream ?? null])).map(loadOf)
  }

  /** The columns that mixload created and that still exist, in the table's order. */
  async columns(table: string): Promise<readonly KnownColumn[]> {
    const rows = await this.#session.rows(
      `SELECT known.* FROM ${this.#path(COLUMNS.name)} AS known
       JOIN pg_attribute AS there
         ON there.attrelid = to_regclass($1) AND there.attname = known.column_name
        AND there.attnum > 0 AND NOT there.attisdropped
       WHERE known.table_name = $2 ORDER BY there.attnum`,
      [this.#path(table), table],
    )
    return rows.map((row) => columnOf(row).column)
  }

  async addLoad(record: LoadRecord): Promise<void> {
    await this.#insert(LOADS, [loadRow(record)])
  }

  async addColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    const names = columns.map(({ name }) => name)
    // A column that somebody dropped by hand is still in the ledger.
    const replaced = 'table_name = $1 AND column_name = ANY ($2::text[])'
    await this.#session.run(`DELETE FROM ${this.#path(COLUMNS.name)} WHERE ${replaced}`, [table, names])
    const rows = columns.map((column) => columnRow({ ...column, table }))
    await this.#insert(COLUMNS, rows)
  }

  /** The server reads each text as the type of its column. */
  async #insert<R>(table: LedgerTable<R>, rows: readonly LedgerRow[]): Promise<void> {
    const path = this.#path(table.name)
    const names = columnsOf(table)
      .map(({ name }) => quoteName(name))
      .join(', ')
    await this.#session.run(
      `INSERT INTO ${path} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${path}, $1::json)`,
      [JSON.stringify(rows)],
    )
  }

  #path(table: string): string {
    return quotePath(this.#schema, table)
  }
}
