import { quoteText } from '../../lib/core/sql.ts'
import type { Comments } from '../../lib/destination/contract.ts'
import { commentStatements } from '../../lib/destination/load-rules.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { CATALOG, type Ledger } from './ledger.ts'

/** Statements that are run at once. */
const STATEMENTS_AT_ONCE = 200

/** The comments on those of these tables and views that exist. */
export async function readComments(
  connection: EngineConnection,
  { schema }: Ledger,
  names: readonly string[],
): Promise<readonly Comments[]> {
  const list = names.map(quoteText).join(', ')
  const inSchema = (name: string) => `database_name = $1 AND schema_name = $2 AND ${name} IN (${list})`
  const rows = await connection.all(
    `SELECT found.name, found.kind, found.comment AS text, column_name, columns.comment
     FROM (
       SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables() WHERE ${inSchema('table_name')}
       UNION ALL
       SELECT view_name, 'view', comment FROM duckdb_views() WHERE ${inSchema('view_name')}
     ) AS found
     JOIN duckdb_columns() AS columns ON columns.table_name = found.name
     WHERE ${inSchema('table_name')}`,
    [CATALOG, schema],
  )
  const textOf = (value: unknown) => (value === null ? null : String(value))
  return [...Map.groupBy(rows, ({ name }) => String(name))].map(([name, columns]) => ({
    name,
    kind: columns[0]?.kind === 'view' ? 'view' : 'table',
    text: textOf(columns[0]?.text),
    columns: new Map(columns.map(({ column_name, comment }) => [String(column_name), textOf(comment)])),
  }))
}

/** Writes comments within the transaction of the connection. */
export async function writeComments(
  connection: EngineConnection,
  ledger: Ledger,
  changes: readonly Comments[],
): Promise<void> {
  const statements = changes.flatMap((comments) => commentStatements(ledger.path(comments.name), comments))
  for (let at = 0; at < statements.length; at += STATEMENTS_AT_ONCE) {
    await connection.run(statements.slice(at, at + STATEMENTS_AT_ONCE).join(';\n'))
  }
}
