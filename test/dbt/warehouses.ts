import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { newDatabase } from '../postgres/shared.ts'

export type TextRow = Readonly<Record<string, string | null>>

/** A warehouse that both mixload and dbt use. */
export interface DbtWarehouse extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly url: string
  /** As the outputs in profiles.yml have it, but for the schema. */
  readonly profile: Readonly<Record<string, unknown>>
  /** Rows of a query, all values as texts. */
  query(sql: string): Promise<readonly TextRow[]>
}

/** Makes an empty one; `directory` is for its files. */
export type NewDbtWarehouse = (directory: string) => Promise<DbtWarehouse>

export const duckdb: NewDbtWarehouse = async (directory) => {
  const path = join(directory, 'warehouse.duckdb')
  return {
    url: `duckdb:${path}`,
    profile: { type: 'duckdb', path },
    query: async (sql) => {
      const instance = await DuckDBInstance.create(path)
      const connection = await instance.connect()
      try {
        await connection.run("SET TimeZone = 'UTC'")
        const rows = (
          await connection.runAndReadAll(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${sql})`)
        ).getRowObjects()
        return rows as TextRow[]
      } finally {
        connection.closeSync()
        instance.closeSync()
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

export const postgres: NewDbtWarehouse = async () => {
  const database = await newDatabase()
  const { hostname, port, username } = new URL(database.url)
  return {
    url: database.url,
    profile: {
      type: 'postgres',
      host: hostname,
      port: Number(port),
      user: username,
      password: 'none',
      dbname: database.name,
    },
    query: async (sql) =>
      (await database.query(sql)).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
      ),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}
