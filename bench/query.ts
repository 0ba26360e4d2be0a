import { DuckDBInstance } from '@duckdb/node-api'

/** The result of a query, as text. */
export interface QueryResult {
  readonly names: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Runs a query on a database file that is not being written, or without a file. */
export async function query(sql: string, path?: string): Promise<QueryResult> {
  const instance = await (path === undefined
    ? DuckDBInstance.create()
    : DuckDBInstance.create(path, { access_mode: 'READ_ONLY' }))
  const connection = await instance.connect()
  try {
    const result = await connection.runAndReadAll(sql)
    const rows = result.getRowsJson().map((row) => row.map((value) => (value === null ? 'NULL' : String(value))))
    return { names: result.columnNames(), rows }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
