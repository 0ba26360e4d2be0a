import type { ChildProcess, ForkOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { quotePath } from '../../lib/core/sql.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { DestinationHarness, Run, StoredRow } from '../conformance/harness.ts'
import { storedRow, storedRows } from './cells.ts'
import { kill, nextMessage, startProcess } from './child-process.ts'
import { newEngine } from './engine.ts'

/** Starts a process that uses a DuckDB file: see `duckdb-child.ts`. */
export function startChild(args: readonly string[], options: ForkOptions = {}): ChildProcess {
  return startProcess('duckdb-child.ts', args, options)
}

/** What plain DuckDB reads from a file. */
export async function query(path: string, sql: string): Promise<readonly StoredRow[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
  try {
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    return storedRows(await connection.runAndReadAll(sql))
  } finally {
    instance.closeSync()
  }
}

/**
 * What is committed, as another connection of the engine sees it, by whatever name the file is
 * attached there.
 */
async function readAttached(engine: Engine, path: string, table: string): Promise<readonly StoredRow[] | undefined> {
  const connection = await engine.connect()
  try {
    const [attached] = await connection.all('SELECT database_name AS name FROM duckdb_databases() WHERE path = $1', [
      path,
    ])
    if (attached === undefined) return undefined
    const name = String(attached.name)
    const columns = await connection.all(
      `SELECT column_name AS name, data_type AS type FROM duckdb_columns()
       WHERE database_name = $1 AND schema_name = 'mixpanel' AND table_name = $2`,
      [name, table],
    )
    if (columns.length === 0) return []
    const rows = await connection.all(`SELECT * FROM ${quotePath(name, 'mixpanel', table)}`)
    const dates = new Set(columns.filter(({ type }) => type === 'DATE').map((column) => column.name))
    return rows.map((row) => storedRow(row, (column) => dates.has(column)))
  } finally {
    connection.close()
  }
}

/** A database file in a directory of its own. */
export const DUCKDB: DestinationHarness = {
  name: 'duckdb',
  queriesViews: true,
  async create() {
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    const path = join(directory, 'warehouse.duckdb')
    const children: ChildProcess[] = []
    const open = async () => {
      const engine = await newEngine(directory)
      return { engine, driver: new DuckDbDriver({ path, schema: 'mixpanel', engine }) }
    }
    let current: Run = await open()
    return {
      ...current,
      async reopen() {
        await current.engine[Symbol.asyncDispose]()
        current = await open()
        return current
      },
      async readRows(table) {
        const attached = await readAttached(current.engine, path, table)
        if (attached !== undefined) return attached
        return existsSync(path) ? query(path, `SELECT * FROM ${quotePath('mixpanel', table)}`) : []
      },
      async readFromOutside(table) {
        const child = startChild(['read', path, table])
        children.push(child)
        const message = (await nextMessage(child)) as { rows: readonly StoredRow[] } | { failed: string }
        if ('failed' in message) throw new Error(message.failed)
        return message.rows
      },
      isUntouched: async () => !existsSync(path),
      async startRival() {
        const child = startChild(['hold', path])
        children.push(child)
        const message = await nextMessage(child)
        if (message !== 'open') throw new Error(`the rival could not open: ${JSON.stringify(message)}`)
        return { name: `process ${child.pid}`, end: () => kill(child) }
      },
      async close() {
        for (const child of children) await kill(child)
        await current.engine[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
}
