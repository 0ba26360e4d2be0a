import { DuckDBInstance } from '@duckdb/node-api'

/** A query's answer, all of it as text. */
export interface Answer {
  readonly names: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Asks a database file that nobody writes to, or, with no file, DuckDB itself. */
export async function query(sql: string, path?: string): Promise<Answer> {
  const instance = await (path === undefined
    ? DuckDBInstance.create()
    : DuckDBInstance.create(path, { access_mode: 'READ_ONLY' }))
  const connection = await instance.connect()
  try {
    const answer = await connection.runAndReadAll(sql)
    const rows = answer.getRowsJson().map((row) => row.map((value) => (value === null ? 'NULL' : String(value))))
    return { names: answer.columnNames(), rows }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
