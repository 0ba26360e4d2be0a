import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startPostgres } from '../../test/postgres/server.ts'
import { query } from '../query.ts'
import type { TableFacts } from '../table-facts.ts'
import type { OpenPlace, Subject } from './place.ts'

const COPY = fileURLToPath(new URL('../copy-baseline.ts', import.meta.url))

/** A Postgres server of its own, beside what a bare `COPY` takes there for the same rows from a ready CSV file. */
export const openPostgres: OpenPlace = async ({ directory, readyRows }) => {
  // As a server is that must not forget.
  const server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' } })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const clear = async () => {
    await client.query('DROP SCHEMA IF EXISTS mixpanel CASCADE; DROP TABLE IF EXISTS bare; CHECKPOINT')
  }
  const factsOf = async (table: string): Promise<TableFacts> => {
    const { rows, fields } = await client.query(`SELECT *, count(*) OVER () AS rows FROM ${table} LIMIT 1`)
    return { rows: Number(rows[0]?.rows ?? 0), columns: fields.length - 1 }
  }
  return {
    destination: server.url,
    clear,
    facts: () => factsOf('mixpanel.export'),
    async baselines() {
      const { csv, table } = await readyCsv(directory, await readyRows())
      const bare: Subject = {
        name: 'A: bare COPY of ready CSV',
        async prepare() {
          await clear()
          await client.query(table)
        },
        program: { script: COPY, args: [server.url, 'bare', csv], cwd: directory },
        facts: () => factsOf('bare'),
      }
      return [bare]
    },
    async [Symbol.asyncDispose]() {
      await client.end()
      await server.stop()
    },
  }
}

/** What DuckDB calls a type, and Postgres. Others have one name in both. */
const TYPES: Readonly<Record<string, string>> = {
  VARCHAR: 'text',
  DOUBLE: 'double precision',
  JSON: 'jsonb',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
}

/** The rows of a database file as CSV, and the statement that makes a table for them. */
async function readyCsv(directory: string, database: string): Promise<{ csv: string; table: string }> {
  const csv = join(directory, 'ready.csv')
  if (!existsSync(csv)) await query(`COPY mixpanel.export TO '${csv}' (FORMAT csv, HEADER false)`, database)
  const { rows } = await query('SELECT column_name, column_type FROM (DESCRIBE mixpanel.export)', database)
  const columns = rows.map(([name, type = '']) => `"${name}" ${TYPES[type] ?? type}`)
  return { csv, table: `CREATE TABLE bare (${columns.join(', ')})` }
}
