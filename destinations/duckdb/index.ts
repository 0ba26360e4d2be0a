import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isFailure, MixloadError, messageOf } from '../../lib/core/errors.ts'
import { makeDirectory } from '../../lib/core/make-directory.ts'
import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import { alreadyLoaded, assertNoRows, countMismatch, nextLoadedAt } from '../../lib/destination/commit-rules.ts'
import type {
  Destination,
  DestinationOptions,
  KnownColumn,
  LoadRecord,
  LoadTarget,
  NewColumn,
  NewLoad,
  Relation,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import { LOADS, REJECTS } from '../../lib/destination/ledger.ts'
import { rejectOwner } from '../../lib/destination/ledger-row.ts'
import { inTurns } from '../../lib/destination/serialized.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { openFailure, SUPPORTS } from './dialect.ts'
import { type LedgerPlace, makeLedger, noteColumns, readColumns, readLoads, writeLoad } from './ledger.ts'

export interface DuckDbOptions {
  /** A file, or `:memory:`. */
  readonly path: string
  readonly schema: string
  readonly engine: Engine
}

/** Under this name the warehouse file is attached to the transform engine, so that loading copies nothing in between. */
const CATALOG = 'warehouse'

/** Rows that DuckDB keeps together. */
const ROW_GROUP_ROWS = 122_880

/** The destination of a URL `duckdb:PATH`. */
export function fromOptions({ url, schema, engine }: DestinationOptions): Destination {
  const path = url.slice('duckdb:'.length)
  if (path === '') throw new MixloadError('CONFIG_INVALID', '--destination: duckdb: needs a file: duckdb:PATH.')
  return createDuckDbDestination({ path, schema, engine })
}

/** Loads into a DuckDB database file. The file's own lock is the run lock. */
export function createDuckDbDestination(options: DuckDbOptions): Destination {
  return inTurns(new DuckDbDestination(options))
}

class DuckDbDestination implements Destination {
  readonly supports = SUPPORTS
  readonly description: string
  readonly #options: DuckDbOptions
  #connection: EngineConnection | undefined
  #isClosed = false
  /** Opened to read, and there is nothing to read. */
  #isAbsent = false
  #isReadOnly = false
  /** How many columns each table has, as far as this run has looked. */
  readonly #columnCounts = new Map<string, number>()
  /** Whether this run has committed loads that leave row groups nearly empty. */
  #hasSmallLoads = false

  constructor(options: DuckDbOptions) {
    this.#options = options
    this.description = `duckdb:${options.path}`
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#isReadOnly) await this.#detach()
    await this.#attach(signal, 'READ_WRITE')
    this.#isAbsent = false
    await this.#transaction('cannot make the ledger tables', (connection) => makeLedger(connection, this.#place))
    // So that views can name tables without the catalog, which bears another name when the file is opened by itself.
    await this.#connected.run(`USE ${quotePath(CATALOG, this.#options.schema)}`)
  }

  async openToRead(signal: AbortSignal): Promise<void> {
    this.#assertOpenable()
    signal.throwIfAborted()
    if (this.#isFile && !existsSync(this.#options.path)) {
      this.#isAbsent = true
      return
    }
    await this.#attach(signal, this.#isFile ? 'READ_ONLY' : 'READ_WRITE')
    this.#isAbsent = !(await this.#isTable(this.#connected, LOADS.name))
    if (!this.#isAbsent) await this.#connected.run(`USE ${quotePath(CATALOG, this.#options.schema)}`)
  }

  get #isFile(): boolean {
    return this.#options.path !== ':memory:'
  }

  async #attach(signal: AbortSignal, access: 'READ_WRITE' | 'READ_ONLY'): Promise<void> {
    this.#assertOpenable()
    signal.throwIfAborted()
    if (this.#connection !== undefined) return
    const { path, engine } = this.#options
    const connection = await engine.connect()
    try {
      if (this.#isFile && access === 'READ_WRITE') await makeDirectory(dirname(resolve(path)))
      const file = quoteText(this.#isFile ? resolve(path) : path)
      await connection.run(`ATTACH ${file} AS ${quoteName(CATALOG)} (${access})`)
    } catch (error) {
      connection.close()
      throw openFailure(path, error)
    }
    this.#connection = connection
    this.#isReadOnly = access === 'READ_ONLY'
    // A checkpoint after nearly every day of a backfill would take half of its time.
    await connection.run(`SET checkpoint_threshold = '512MB'`)
    await connection.run('SET max_vacuum_tasks = 0')
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    this.#assertOpenable()
    if (this.#isAbsent) return []
    const columns = await readColumns(this.#connected, this.#place, table)
    this.#columnCounts.set(table, columns.length)
    return columns
  }

  async addColumns(table: string, columns: readonly NewColumn[]): Promise<void> {
    const there = new Set((await this.columns(table)).map(({ name }) => name))
    const missing = columns.filter(({ name }) => !there.has(name))
    if (missing.length === 0) return
    await this.#transaction('cannot add columns', async (connection) => {
      const path = this.#path(table)
      const definitions = missing.map(({ name, type }) => `${quoteName(name)} ${ENGINE_TYPES[type]}`)
      if (await this.#isTable(connection, table)) {
        for (const definition of definitions) {
          await connection.run(`ALTER TABLE ${path} ADD COLUMN IF NOT EXISTS ${definition}`)
        }
      } else await connection.run(`CREATE TABLE ${path} (${definitions.join(', ')})`)
      await noteColumns(connection, this.#place, table, missing)
    })
    this.#columnCounts.set(table, there.size + missing.length)
  }

  async #isTable(connection: EngineConnection, table: string): Promise<boolean> {
    const found = await connection.all(
      'SELECT 1 FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2 AND table_name = $3',
      [CATALOG, this.#options.schema, table],
    )
    return found.length > 0
  }

  async ledger(stream: string): Promise<readonly LoadRecord[]> {
    this.#assertOpenable()
    if (this.#isAbsent) return []
    return readLoads(this.#connected, this.#place, stream)
  }

  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    return this.#transaction(
      `load ${record.loadId} was not committed`,
      async (connection) => {
        const loads = this.#path(LOADS.name)
        const [before] = await connection.all(
          `SELECT max(loaded_at) AS last, count(*) FILTER (load_id = $1) AS loaded FROM ${loads}`,
          [record.loadId],
        )
        if (Number(before?.loaded) > 0) throw alreadyLoaded(record.loadId)
        await this.#options.engine.makeRoomFor(this.#columnCounts.get(target.table) ?? 0, connection)
        const loadedAt = nextLoadedAt(before?.last instanceof Date ? before.last : undefined)
        const loaded: LoadRecord = { ...record, loadedAt }
        await this.#insertRows(connection, relation, target, loaded)
        signal.throwIfAborted()
        await this.#insertRejects(connection, target, loaded)
        await writeLoad(connection, this.#place, loaded)
        // An abort between two statements stops neither; after this there is only the commit.
        signal.throwIfAborted()
        if (loaded.rowCount < ROW_GROUP_ROWS) this.#hasSmallLoads = true
        return loaded
      },
      signal,
    )
  }

  async #insertRows(
    connection: EngineConnection,
    relation: Relation,
    target: LoadTarget,
    record: LoadRecord,
  ): Promise<void> {
    const path = this.#path(target.table)
    const { mode } = target
    if (mode.kind === 'replace-table') await connection.run(`DELETE FROM ${path}`)
    if (mode.kind === 'replace-days') {
      await connection.run(
        `DELETE FROM ${path} WHERE _day BETWEEN ${quoteText(mode.firstDay)} AND ${quoteText(mode.lastDay)}`,
      )
    }
    if (relation.rowCount === 0) return assertNoRows(connection, relation, target.table)
    const count = await connection.run(
      `INSERT INTO ${path} BY NAME SELECT *,
         TIMESTAMPTZ ${quoteText(record.loadedAt.toISOString())} AS _loaded_at,
         ${quoteText(record.loadId)} AS _load_id
       FROM (${relation.query})`,
    )
    if (count !== relation.rowCount) throw countMismatch(relation.rowCount, count, target.table)
  }

  async #insertRejects(connection: EngineConnection, target: LoadTarget, record: LoadRecord): Promise<void> {
    const rejects = target.rejects
    if (rejects === undefined) return
    if (rejects.rowCount === 0) return assertNoRows(connection, rejects, REJECTS.name)
    const owner = Object.entries(rejectOwner(record)).map(
      ([name, value]) => `${quoteText(value)} AS ${quoteName(name)}`,
    )
    const count = await connection.run(
      `INSERT INTO ${this.#path(REJECTS.name)} BY NAME SELECT ${owner.join(', ')}, * FROM (${rejects.query})`,
    )
    if (count !== rejects.rowCount) throw countMismatch(rejects.rowCount, count, REJECTS.name)
  }

  async putViews(views: readonly View[]): Promise<void> {
    await this.#transaction('cannot make the views', async (connection) => {
      for (const { name, query } of views) {
        await connection.run(`CREATE OR REPLACE VIEW ${this.#path(name)} AS ${query}`)
      }
    })
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    this.#assertOpenable()
    if (this.#isAbsent) return 0
    const connection = this.#connected
    try {
      return await interruptible(connection, signal, () => connection.texts(rowsAsJson(sql), take))
    } catch (error) {
      if (!isFailure(error, 'ENGINE_FAILED')) throw error
      throw this.#failure('cannot run the query', error)
    }
  }

  pathInViews(table: string): string {
    // Without its schema, which the view's own stands for: a file of the schema's name would make that ambiguous.
    return quoteName(table)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#detach()
  }

  async #detach(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    try {
      // Detaching writes the file's checkpoint. Merging row groups there pays after small loads; after large ones it
      // would write again, for a third of the load's time, what is nearly full already.
      if (this.#hasSmallLoads) await connection.run('RESET max_vacuum_tasks')
      await connection.run('USE memory.main')
      await connection.run(`DETACH ${quoteName(CATALOG)}`)
    } finally {
      connection.close()
    }
  }

  get #connected(): EngineConnection {
    this.#assertOpenable()
    if (this.#connection === undefined)
      throw new MixloadError('DESTINATION_FAILED', `${this.description} is not open yet.`)
    return this.#connection
  }

  #assertOpenable(): void {
    if (this.#isClosed) throw new MixloadError('CLOSED', `${this.description} has been closed.`)
  }

  get #place(): LedgerPlace {
    return { catalog: CATALOG, schema: this.#options.schema }
  }

  #path(table: string): string {
    return quotePath(CATALOG, this.#options.schema, table)
  }

  /**
   * Runs work within a transaction. A signal interrupts the work and nothing else: a commit that is interrupted may be one
   * all the same, and a rollback that is leaves the connection of no use.
   */
  async #transaction<T>(
    what: string,
    work: (connection: EngineConnection) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const connection = this.#connected
    signal?.throwIfAborted()
    await connection.run('BEGIN')
    try {
      const result = await (signal === undefined
        ? work(connection)
        : interruptible(connection, signal, () => work(connection)))
      await connection.run('COMMIT')
      return result
    } catch (error) {
      // After some failures DuckDB has rolled back by itself; what counts is the first error.
      await connection.run('ROLLBACK').catch(() => {})
      signal?.throwIfAborted()
      throw error instanceof MixloadError && error.code !== 'ENGINE_FAILED' ? error : this.#failure(what, error)
    }
  }

  #failure(what: string, error: unknown): MixloadError {
    return new MixloadError('DESTINATION_FAILED', `${this.description}: ${what}: ${messageOf(error)}`, { cause: error })
  }
}
