import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { emulatedBigQuery } from '../destinations/bigquery-places.ts'
import { newDatabase } from '../postgres/shared.ts'

export type TextRow = Readonly<Record<string, string | null>>

/** A warehouse that both mixload and dbt use. */
export interface DbtWarehouse extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly url: string
  /** As in the outputs of profiles.yml, without the schema. */
  readonly profile: Readonly<Record<string, unknown>>
  /** Of the environment of dbt. */
  readonly environment?: Readonly<Record<string, string>>
  /** Milliseconds since 1970 of a moment without a zone, in its SQL. */
  milliseconds(moment: string): string
  /** Rows of a query, all values as texts. */
  query(sql: string): Promise<readonly TextRow[]>
}

/** Makes an empty one; `directory` is for its files. */
export type NewDbtWarehouse = (directory: string) => Promise<DbtWarehouse>

const epochMilliseconds = (moment: string) => `CAST(round(extract(epoch FROM ${moment}) * 1000) AS bigint)`

export const duckdb: NewDbtWarehouse = async (directory) => {
  const path = join(directory, 'warehouse.duckdb')
  return {
    url: `duckdb:${path}`,
    profile: { type: 'duckdb', path },
    milliseconds: epochMilliseconds,
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
    milliseconds: epochMilliseconds,
    query: async (sql) =>
      (await database.query(sql)).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
      ),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

interface QueryAnswer {
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[]
  readonly schema: { readonly fields: readonly { readonly name: string }[] }
}

export const bigquery: NewDbtWarehouse = async () => {
  const place = await emulatedBigQuery()
  const { project, endpoint } = place
  return {
    url: `bigquery://${project}/mixpanel?endpoint=${encodeURIComponent(endpoint ?? '')}`,
    profile: { type: 'bigquery', method: 'oauth-secrets', token: 'none', project, api_endpoint: endpoint },
    environment: { PYTHONPATH: fileURLToPath(new URL('bigquery', import.meta.url)) },
    milliseconds: (moment) => `UNIX_MILLIS(${moment})`,
    async query(sql) {
      const body = { query: sql, useLegacySql: false, timeoutMs: 60_000, maxResults: 100_000 }
      const { rows = [], schema } = (await place.ask('POST', `${project}/queries`, body)) as QueryAnswer
      return rows.map(({ f }) => Object.fromEntries(schema.fields.map(({ name }, at) => [name, f[at]?.v ?? null])))
    },
    [Symbol.asyncDispose]: () => place.stop(),
  }
}
