import pg from 'pg'
import { inject } from 'vitest'
import type { Cell, StoredRow } from '../conformance/harness.ts'
import type { PostgresVersion } from './server.ts'

/**
 * The URL of the superuser of a server that test files share. Each takes schemas or databases of
 * its own.
 */
export async function sharedPostgres(version: PostgresVersion = 18): Promise<string> {
  const response = await fetch(`${inject('postgresServers')}/${version}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}

/** A database of its own on a shared server, dropped at the end of the block. */
export async function newDatabase(version: PostgresVersion = 18): Promise<Database> {
  const server = await sharedPostgres(version)
  const name = `database_${crypto.randomUUID()}`
  await withClient(server, (client) => client.query(`CREATE DATABASE "${name}"`))
  const url = server.replace(/[^/]*$/, name)
  return {
    url,
    name,
    query: (sql) => withClient(url, (client) => query(client, sql)),
    async [Symbol.asyncDispose]() {
      await withClient(server, (client) => client.query(`DROP DATABASE "${name}" WITH (FORCE)`))
    },
  }
}

export interface Database extends AsyncDisposable {
  /** Of the superuser. */
  readonly url: string
  readonly name: string
  /** Runs statements as the superuser on their own connection. Returns the rows of the last one. */
  query(sql: string): Promise<readonly StoredRow[]>
}

/** A URL with another user in it. */
export function asUser(url: string, user: string, password = ''): string {
  const changed = new URL(url)
  changed.username = user
  changed.password = password
  return changed.href
}

export async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (text: string) => text } })
  client.on('error', () => {})
  await client.connect()
  await client.query("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'")
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  await using client = await connect(url)
  return await work(client)
}

/** The rows of the last of some statements. */
export async function query(client: pg.Client, sql: string): Promise<readonly StoredRow[]> {
  // For several statements pg returns an array of results, which its types do not say.
  const results = (await client.query(sql)) as pg.QueryResult<TextRow> | readonly pg.QueryResult<TextRow>[]
  const last = 'rows' in results ? results : results.at(-1)
  const types = new Map(last?.fields.map(({ name, dataTypeID }) => [name, dataTypeID]))
  const storedRow = (row: TextRow) =>
    Object.fromEntries(Object.entries(row).map(([name, text]) => [name, cell(types.get(name), text)]))
  return (last?.rows ?? []).map(storedRow)
}

type TextRow = Record<string, string | null>

const { BOOL, INT4, INT8, FLOAT8, TIMESTAMPTZ } = pg.types.builtins

function cell(type: number | undefined, text: string | null): Cell {
  if (text === null) return null
  if (type === BOOL) return text === 't'
  if (type === INT8) return BigInt(text)
  if (type === FLOAT8 || type === INT4) return Number(text)
  if (type === TIMESTAMPTZ) return new Date(text.replace(' ', 'T').replace(/\+00$/, 'Z')).toISOString()
  return text
}
