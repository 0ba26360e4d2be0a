import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { columnsOf, LEDGER_TABLES, type LedgerTable, LOADS } from '../../lib/destination/ledger.ts'
import { type LedgerRow, loadOf, loadRow } from '../../lib/destination/ledger-row.ts'
import { ledgerStatements } from '../../lib/destination/ledger-tables.ts'
import { TYPE_NAMES } from './dialect.ts'
import type { Session } from './session/session.ts'

/**
 * Creates the schema and the ledger's tables, and adds columns that these lack. Runs only what is
 * needed, so that a role whose schema somebody else created needs no further rights.
 */
export async function makeLedger(session: Session, schema: string): Promise<void> {
  const [found] = await session.rows('SELECT to_regnamespace($1) IS NOT NULL AS made', [quoteName(schema)])
  if (found?.made !== 't') await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`)
  const rows = await session.rows(
    `SELECT relation.relname AS table, attribute.attname AS column
     FROM pg_class AS relation JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
     WHERE relation.relnamespace = to_regnamespace($1) AND relation.relname = ANY ($2::text[])
       AND attribute.attnum > 0 AND NOT attribute.attisdropped`,
    [quoteName(schema), LEDGER_TABLES.map(({ name }) => name)],
  )
  const existing = new Map<string, Set<string>>()
  for (const { table, column } of rows) {
    const names = existing.get(`${table}`) ?? new Set<string>()
    existing.set(`${table}`, names.add(`${column}`))
  }
  const path = (table: string) => quotePath(schema, table)
  for (const statement of ledgerStatements(existing, { typeNames: TYPE_NAMES, path, primaryKeys: true })) {
    await session.run(statement)
  }
}

/**
 * Whether a schema has a ledger. A schema that may not be used counts, because it must not read as
 * empty.
 */
export async function hasLedger(session: Session, schema: string): Promise<boolean> {
  const found = await session.rows(
    `SELECT FROM pg_namespace AS schema LEFT JOIN pg_class ON relnamespace = schema.oid AND relname = $2
     WHERE nspname = $1 AND (relname IS NOT NULL OR NOT has_schema_privilege(schema.oid, 'USAGE'))`,
    [schema, LOADS.name],
  )
  return found.length > 0
}

/** The loads of the ledger: all of them, or those of a stream. */
export async function readLoads(
  session: Session,
  schema: string,
  stream: string | undefined,
): Promise<readonly LoadRecord[]> {
  const loads = quotePath(schema, LOADS.name)
  const rows =
    stream === undefined
      ? await session.rows(`SELECT * FROM ${loads}`)
      : await session.rows(`SELECT * FROM ${loads} WHERE stream = $1`, [stream])
  return rows.map(loadOf)
}

/** Writes the row of a load, within its transaction. */
export async function writeLedgerRow(session: Session, schema: string, record: LoadRecord): Promise<void> {
  await insertRows(session, schema, LOADS, [loadRow(record)])
}

/** Adds rows to a table of the ledger. The server reads each text as the type of its column. */
export async function insertRows<R>(
  session: Session,
  schema: string,
  table: LedgerTable<R>,
  rows: readonly LedgerRow[],
): Promise<void> {
  const path = quotePath(schema, table.name)
  const names = columnsOf(table)
    .map(({ name }) => quoteName(name))
    .join(', ')
  await session.run(
    `INSERT INTO ${path} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${path}, $1::json)`,
    [JSON.stringify(rows)],
  )
}
