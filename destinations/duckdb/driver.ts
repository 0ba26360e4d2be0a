import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isUrlLike } from '../../lib/core/addresses.ts'
import { makeDirectory } from '../../lib/core/directories.ts'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
  Explanation,
} from '../../lib/destination/contract.ts'
import { lockOwner } from '../../lib/engine/engine.ts'
import { DuckDbConnection } from './connection.ts'
import { CATALOG } from './ledger.ts'

export interface DuckDbOptions extends Pick<DestinationOptions, 'schema' | 'engine'> {
  /** A file, or `:memory:`. */
  readonly path: string
}

/**
 * The format of new files: the smallest for wide tables, and readable by every DuckDB since 1.2.0.
 * See decision 0023.
 */
const STORAGE_VERSION = 'v1.2.0'

/** The driver of a URL `duckdb:PATH`. */
export function createDriver({ url, schema, engine }: DestinationOptions): DestinationDriver {
  const path = url.slice('duckdb:'.length)
  if (path === '') throw new MixloadError('CONFIG_INVALID', '--destination: duckdb: needs a file: duckdb:PATH.')
  if (path !== ':memory:' && isUrlLike(path)) {
    // The path may hold a token, so it is not shown.
    throw new MixloadError(
      'CONFIG_INVALID',
      '--destination: duckdb: takes a file of this machine, not a URL. If the file has such a name, write duckdb:./NAME.',
    )
  }
  return new DuckDbDriver({ path, schema, engine })
}

/** Loads into a DuckDB database file. The file's own lock is the run lock. */
export class DuckDbDriver implements DestinationDriver {
  readonly capabilities = {
    ...ENGINE_CAPABILITIES,
    atomicReplace: true,
    atomicLedger: true,
    atomicGroups: true,
    // While a process has the file open for writing, no other process can read it.
    readersDuringLoad: false,
    queries: true,
    removesRows: true,
  }
  readonly description: string
  readonly #options: DuckDbOptions

  constructor(options: DuckDbOptions) {
    this.#options = options
    this.description = `duckdb:${options.path}`
  }

  pathInViews(table: string): string {
    // Without the schema, which is that of the view. Its name would be ambiguous if the file had
    // the same name.
    return quoteName(table)
  }

  explain(error: unknown): Explanation | undefined {
    if (/not a valid DuckDB database file/.test(messageOf(error))) {
      const reason = 'the file exists, but it is not a DuckDB database'
      return { code: 'DESTINATION_FAILED', reason, advice: 'Name another file, or move this one away.' }
    }
    const owner = lockOwner(error)
    if (owner === undefined) return undefined
    const advice = 'Wait for it to end, or close it, and run again.'
    return { code: 'DESTINATION_BUSY', reason: `it is held by ${owner}`, advice }
  }

  async connect(): Promise<DestinationConnection> {
    const connection = await this.#attach('READ_WRITE')
    try {
      await connection.createLedger()
      return connection
    } catch (error) {
      await connection.close().catch(() => {})
      throw error
    }
  }

  async connectToRead(): Promise<DestinationReader | undefined> {
    if (!this.#isFile || !existsSync(this.#options.path)) return undefined
    const connection = await this.#attach('READ_ONLY')
    if (await connection.findLedger()) return connection
    await connection.close()
    return undefined
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
      // Without its type DuckDB guesses it from the file, and would use an extension for SQLite's.
      // An existing file keeps its format.
      const isNew = this.#isFile && mode === 'READ_WRITE' && !existsSync(path)
      const format = isNew ? `, STORAGE_VERSION ${quoteText(STORAGE_VERSION)}` : ''
      await connection.run(`ATTACH ${quoteText(path)} AS ${quoteName(CATALOG)} (TYPE duckdb, ${mode}${format})`)
      // A checkpoint after nearly every day of a backfill would take half of its time.
      await connection.run(`SET checkpoint_threshold = '512MB'`)
      await connection.run('SET max_vacuum_tasks = 0')
      return new DuckDbConnection(engine, connection, schema, this.#isFile && mode === 'READ_WRITE' ? path : undefined)
    } catch (error) {
      connection.close()
      throw error
    }
  }
}
