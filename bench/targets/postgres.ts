import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startPostgres } from '../../test/postgres/server.ts'
import { query } from '../query.ts'
import type { TableSize } from '../table-size.ts'
import type { OpenTarget, Subject } from './target.ts'

const COPY = fileURLToPath(new URL('../copy-baseline.ts', import.meta.url))

/** A Postgres server, compared with a plain `COPY` of the same rows from a prepared CSV file. */
export const openPostgres: OpenTarget = async ({ directory, loadedRows }) => {
  // The settings of a production server.
  const server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' } })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const clear = async () => {
    await client.query('DROP SCHEMA IF EXISTS mixpanel CASCADE; DROP TABLE IF EXISTS bare; CHECKPOINT')
  }
  const sizeOf = async (table: string): Promise<TableSize> => {
    const { rows, fields } = await client.query(`SELECT *, count(*) OVER () AS rows FROM ${table} LIMIT 1`)
    return { rows: Number(rows[0]?.rows ?? 0), columns: fields.length - 1 }
  }
  return {
    destination: server.url,
    clear,
    size: () => sizeOf('mixpanel.export'),
    async baselines() {
      const { csv, table } = await prepareCsv(directory, await loadedRows())
      const bare: Subject = {
        name: 'A: plain COPY of prepared CSV',
        async prepare() {
          await clear()
          await client.query(table)
        },
        program: { script: COPY, args: [server.url, 'bare', csv], cwd: directory },
        size: () => sizeOf('bare'),
      }
      return [bare]
    },
    async [Symbol.asyncDispose]() {
      await client.end()
      await server.stop()
    },
  }
}

/** Postgres's types by DuckDB's. All others have the same name in both. */
const TYPES: Readonly<Record<string, string>> = {
  VARCHAR: 'text',
  DOUBLE: 'double precision',
  JSON: 'jsonb',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
}

/** Returns the rows of a database file as CSV, and the statement that creates a table for them. */
async function prepareCsv(directory: string, database: string): Promise<{ csv: string; table: string }> {
  const csv = join(directory, 'prepared.csv')
  if (!existsSync(csv)) await query(`COPY mixpanel.export TO '${csv}' (FORMAT csv, HEADER false)`, database)
  const { rows } = await query('SELECT column_name, column_type FROM (DESCRIBE mixpanel.export)', database)
  const columns = rows.map(([name, type = '']) => `"${name}" ${TYPES[type] ?? type}`)
  return { csv, table: `CREATE TABLE bare (${columns.join(', ')})` }
}
