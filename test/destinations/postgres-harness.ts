import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresDriver, type PostgresOptions } from '../../destinations/postgres/driver.ts'
import { quotePath, quoteText } from '../../lib/core/sql.ts'
import type { DestinationHarness } from '../conformance/harness.ts'
import type { PostgresVersion } from '../postgres/server.ts'
import { connect, query, sharedPostgres } from '../postgres/shared.ts'
import { kill, nextMessage, startProcess } from './child-process.ts'
import { newEngine } from './engine.ts'

/** Starts a process that uses a Postgres destination: see `postgres-child.ts`. */
export function startChild(
  ...args: readonly ['hold' | 'load' | 'load-group', url: string, schema: string, directory: string]
) {
  return startProcess('postgres-child.ts', args)
}

/** A schema of its own on a server of a version. */
export function postgresHarness(
  version: PostgresVersion,
  options: Partial<Pick<PostgresOptions, 'hasPipes'>> = {},
): DestinationHarness {
  return {
    name: `postgres ${version}`,
    queriesViews: true,
    async create() {
      const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
      const url = await sharedPostgres(version)
      const reader = await connect(url)
      const schema = `store_${crypto.randomUUID()}`
      const engine = await newEngine(directory)
      const open = () => ({
        engine,
        driver: new PostgresDriver({ url, schema, engine, workDirectory: directory, ...options }),
      })
      const children: ChildProcess[] = []
      const read = async (client: typeof reader, table: string) => {
        const path = quotePath(schema, table)
        const [found] = await query(client, `SELECT to_regclass(${quoteText(path)}) AS oid`)
        return found?.oid === null ? [] : query(client, `SELECT * FROM ${path}`)
      }
      return {
        ...open(),
        reopen: async () => open(),
        readRows: (table) => read(reader, table),
        async readFromOutside(table) {
          await using client = await connect(url)
          return await read(client, table)
        },
        isUntouched: async () =>
          (await query(reader, `SELECT oid FROM pg_namespace WHERE nspname = ${quoteText(schema)}`)).length === 0,
        async startRival() {
          const child = startChild('hold', url, schema, directory)
          children.push(child)
          const message = await nextMessage(child)
          if (message !== 'open') throw new Error(`the rival could not open: ${JSON.stringify(message)}`)
          return { name: `mixload ${child.pid}@`, end: () => kill(child) }
        },
        async close() {
          for (const child of children) await kill(child)
          await reader.end()
          await engine[Symbol.asyncDispose]()
          await rm(directory, { recursive: true, force: true })
        },
      }
    },
  }
}
