import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { KnownColumn } from '../../lib/destination/contract.ts'
import { emulatedBigQuery } from '../destinations/bigquery-places.ts'
import { rowsOf } from '../destinations/bigquery-rows.ts'
import { newDatabase } from '../postgres/shared.ts'

export type TableRow = Readonly<Record<string, unknown>>

/** A place to load into whose tables are read whole, by other means than mixload's. */
export interface Tables extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly url: string
  rows(table: string): Promise<readonly TableRow[]>
}

async function duckdb(directory: string): Promise<Tables> {
  const path = join(directory, 'tables.duckdb')
  return {
    url: `duckdb:${path}`,
    async rows(table) {
      const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
      const connection = await instance.connect()
      try {
        await connection.run("SET TimeZone = 'UTC'")
        return (await connection.runAndReadAll(`SELECT * FROM mixpanel."${table}"`)).getRowObjectsJS()
      } finally {
        connection.closeSync()
        instance.closeSync()
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function postgres(): Promise<Tables> {
  const database = await newDatabase()
  return {
    url: database.url,
    async rows(table) {
      const columns = await database.query(
        `SELECT column_name AS name, data_type AS type FROM information_schema.columns
         WHERE table_schema = 'mixpanel' AND table_name = '${table}'`,
      )
      // As numbers, because Postgres writes years of five digits in a way of its own.
      const shown = columns.map(({ name, type }) =>
        type === 'timestamp with time zone'
          ? `(extract(epoch FROM "${name}") * 1000)::bigint AS "${name}"`
          : `"${name}"`,
      )
      return database.query(`SELECT ${shown.join()} FROM mixpanel."${table}"`)
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

async function bigquery(): Promise<Tables> {
  const emulator = await emulatedBigQuery()
  const dataset = emulator.newDataset()
  return {
    url: `bigquery://${emulator.project}/${dataset}?endpoint=${encodeURIComponent(emulator.endpoint ?? '')}`,
    rows: (table) => rowsOf(emulator, dataset, table),
    [Symbol.asyncDispose]: () => emulator.stop(),
  }
}

/** By their names. `directory` is for their files. */
export const TABLES: Readonly<Record<'duckdb' | 'postgres' | 'bigquery', (directory: string) => Promise<Tables>>> = {
  duckdb,
  postgres,
  bigquery,
}

/** The columns of the table `export` in `_mixload_columns`. */
export async function columnsOf(tables: Tables): Promise<readonly KnownColumn[]> {
  const rows = await tables.rows('_mixload_columns')
  return rows
    .filter((row) => row.table_name === 'export')
    .map((row) => ({
      name: String(row.column_name),
      type: row.column_type as KnownColumn['type'],
      role: row.column_role as KnownColumn['role'],
      property: row.property === null ? null : String(row.property),
      ...(row.owner_column === null ? {} : { owner: String(row.owner_column) }),
      firstLoadId: String(row.first_load_id),
      firstSeenAt: new Date(String(row.first_seen_at)),
    }))
}
