import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { makeDirectory } from '../../lib/core/make-directory.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type { DestinationConnection, DestinationDriver, DestinationReader } from '../../lib/destination/contract.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { CATALOG, DuckDbConnection } from './connection.ts'
import { CAPABILITIES } from './dialect.ts'
import { explain } from './failures.ts'

export interface DuckDbOptions {
  /** A file, or `:memory:`. */
  readonly path: string
  readonly schema: string
  readonly engine: Engine
}

/** Loads into a DuckDB database file. The file's own lock is the run lock. */
export class DuckDbDriver implements DestinationDriver {
  readonly capabilities = CAPABILITIES
  readonly description: string
  readonly explain = explain
  readonly #options: DuckDbOptions

  constructor(options: DuckDbOptions) {
    this.#options = options
    this.description = `duckdb:${options.path}`
  }

  pathInViews(table: string): string {
    // Without its schema, which the view's own stands for: a file of the schema's name would make
    // that ambiguous.
    return quoteName(table)
  }

  async connect(): Promise<DestinationConnection> {
    const connection = await this.#attach('READ_WRITE')
    try {
      await connection.createLedger()
      await connection.useSchema()
      return connection
    } catch (error) {
      await connection.close().catch(() => {})
      throw error
    }
  }

  async connectToRead(): Promise<DestinationReader | undefined> {
    if (!this.#isFile || !existsSync(this.#options.path)) return undefined
    const connection = await this.#attach('READ_ONLY')
    if (!(await connection.isTable('_mixload_loads'))) {
      await connection.close()
      return undefined
    }
    await connection.useSchema()
    return connection
  }

  get #isFile(): boolean {
    return this.#options.path !== ':memory:'
  }

  async #attach(mode: 'READ_WRITE' | 'READ_ONLY'): Promise<DuckDbConnection> {
    const { schema, engine } = this.#options
    const path = this.#isFile ? resolve(this.#options.path) : this.#options.path
    if (this.#isFile && mode === 'READ_WRITE') await makeDirectory(dirname(path))
    const connection = await engine.connect()
    try {
      await connection.run(`ATTACH ${quoteText(path)} AS ${quoteName(CATALOG)} (${mode})`)
      // A checkpoint after nearly every day of a backfill would take half of its time.
      await connection.run(`SET checkpoint_threshold = '512MB'`)
      await connection.run('SET max_vacuum_tasks = 0')
      return new DuckDbConnection(engine, connection, schema)
    } catch (error) {
      connection.close()
      throw error
    }
  }
}
