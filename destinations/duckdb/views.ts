import type { View } from '../../lib/destination/contract.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { CATALOG, type Ledger } from './ledger.ts'

/** A view is first created under this name, to see the definition that DuckDB stores. */
const TRIAL = '_mixload_trial'

/**
 * Creates or replaces views within the transaction of the connection. A view that has the wanted
 * definition already is not touched: replacing it would remove its comments.
 */
export async function replaceViews(
  connection: EngineConnection,
  ledger: Ledger,
  views: readonly View[],
): Promise<void> {
  for (const { name, query } of views) {
    await connection.run(`CREATE OR REPLACE VIEW ${ledger.path(TRIAL)} AS ${query}`)
    const definitions = await definitionsOf(connection, ledger.schema, [name, TRIAL])
    if (definitions.get(name) === definitions.get(TRIAL)) continue
    await connection.run(`CREATE OR REPLACE VIEW ${ledger.path(name)} AS ${query}`)
  }
  if (views.length > 0) await connection.run(`DROP VIEW ${ledger.path(TRIAL)}`)
}

/** By view: its query, and its columns with their types. */
async function definitionsOf(
  connection: EngineConnection,
  schema: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.all(
    `SELECT view_name, sql, (
       SELECT CAST(to_json(list({name: column_name, type: data_type} ORDER BY column_index)) AS VARCHAR)
       FROM duckdb_columns()
       WHERE database_name = $1 AND schema_name = $2 AND table_name = view_name
     ) AS columns
     FROM duckdb_views() WHERE database_name = $1 AND schema_name = $2 AND view_name IN ($3, $4)`,
    [CATALOG, schema, ...names],
  )
  // The statement begins with the name. From a file, DuckDB reads lambdas in another notation.
  const bodyOf = (sql: string) =>
    sql
      .slice(sql.indexOf(' AS '))
      .replaceAll(/\("row"\(([\w, ]+)\) -> /g, '(lambda $1: ')
      .replaceAll(/\((\w+) -> /g, '(lambda $1: ')
  return new Map(rows.map(({ view_name: name, sql, columns }) => [String(name), `${bodyOf(String(sql))}${columns}`]))
}
