import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ColumnRole, ColumnType } from '../../lib/columns/column.ts'
import { isFailure, MixloadError, messageOf } from '../../lib/core/errors.ts'
import { makeDirectory } from '../../lib/core/make-directory.ts'
import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
import { sqlText } from '../../lib/core/sql-files.ts'
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
  WriteMode,
} from '../../lib/destination/contract.ts'
import { inTurns } from '../../lib/destination/serialized.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { dayRowsOf, dayRowsText } from '../../lib/time/day-tally.ts'
import { openFailure, SUPPORTS } from './dialect.ts'

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
    await this.#transaction('cannot make the ledger tables', (connection) =>
      connection.run(sqlText('duckdb', 'ledger', { schema: quotePath(CATALOG, this.#options.schema) })),
    )
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
    this.#isAbsent = !(await this.#isTable(this.#connected, '_mixload_loads'))
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
    const rows = await this.#connected.all(
      // The driver drops a byte order mark that a text begins with, and a property's name may; not so within JSON.
      `SELECT known.* REPLACE (CAST(to_json(known.property) AS VARCHAR) AS property) FROM ${this.#path('_mixload_columns')} AS known
       JOIN duckdb_columns() AS there
         ON there.database_name = $1 AND there.schema_name = $2 AND there.table_name = known.table_name
        AND there.column_name = known.column_name
       WHERE known.table_name = $3 ORDER BY there.column_index`,
      [CATALOG, this.#options.schema, table],
    )
    this.#columnCounts.set(table, rows.length)
    return rows.map((row) => ({
      name: String(row.column_name),
      type: row.column_type as ColumnType,
      role: row.column_role as ColumnRole,
      property: row.property === null ? null : JSON.parse(String(row.property)),
      ...(row.owner_column === null ? {} : { owner: String(row.owner_column) }),
      firstLoadId: String(row.first_load_id),
      firstSeenAt: row.first_seen_at as Date,
    }))
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
      await this.#noteColumns(connection, table, missing)
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

  async #noteColumns(connection: EngineConnection, table: string, columns: readonly NewColumn[]): Promise<void> {
    const known = this.#path('_mixload_columns')
    const text = (value: string | null | undefined) =>
      value === null || value === undefined ? 'NULL' : quoteText(value)
    const names = columns.map(({ name }) => text(name)).join(', ')
    // A column that somebody dropped by hand is still noted from its first time.
    await connection.run(`DELETE FROM ${known} WHERE table_name = ${text(table)} AND column_name IN (${names})`)
    const rows = columns.map(
      ({ name, type, role, property, owner, firstLoadId }) =>
        `(${[table, property, name, type, role, owner, firstLoadId].map(text).join(', ')}, now())`,
    )
    await connection.run(`INSERT INTO ${known} VALUES ${rows.join(', ')}`)
  }

  async ledger(stream: string): Promise<readonly LoadRecord[]> {
    this.#assertOpenable()
    if (this.#isAbsent) return []
    const rows = await this.#connected.all(
      `SELECT * REPLACE (CAST(first_day AS VARCHAR) AS first_day, CAST(last_day AS VARCHAR) AS last_day)
       FROM ${this.#path('_mixload_loads')} WHERE stream = $1 ORDER BY loaded_at`,
      [stream],
    )
    return rows.map((row) => ({
      loadId: String(row.load_id),
      stream: String(row.stream),
      firstDay: row.first_day === null ? null : String(row.first_day),
      lastDay: row.last_day === null ? null : String(row.last_day),
      selection: String(row.selection),
      rowCount: Number(row.row_count),
      rejectCount: Number(row.reject_count),
      byteCount: Number(row.byte_count),
      requestCount: Number(row.request_count),
      startedAt: row.started_at as Date,
      loadedAt: row.loaded_at as Date,
      writeMode: row.write_mode as WriteMode['kind'],
      mixloadVersion: String(row.mixload_version),
      dayRows: dayRowsOf(row.day_rows),
    }))
  }

  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    return this.#transaction(
      `load ${record.loadId} was not committed`,
      async (connection) => {
        const loads = this.#path('_mixload_loads')
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
        await this.#insertRecord(connection, loaded)
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
    if (rejects.rowCount === 0) return assertNoRows(connection, rejects, '_mixload_rejects')
    const count = await connection.run(
      `INSERT INTO ${this.#path('_mixload_rejects')}
       SELECT ${quoteText(record.loadId)}, ${quoteText(record.stream)}, reason, line FROM (${rejects.query})`,
    )
    if (count !== rejects.rowCount) throw countMismatch(rejects.rowCount, count, '_mixload_rejects')
  }

  async #insertRecord(connection: EngineConnection, record: LoadRecord): Promise<void> {
    await connection.run(
      `INSERT INTO ${this.#path('_mixload_loads')} VALUES
       ($1, $2, CAST($3 AS DATE), CAST($4 AS DATE), $5, $6, $7, $8, $9,
        CAST($10 AS TIMESTAMPTZ), CAST($11 AS TIMESTAMPTZ), $12, $13, $14)`,
      [
        record.loadId,
        record.stream,
        record.firstDay,
        record.lastDay,
        record.selection,
        record.rowCount,
        record.rejectCount,
        record.byteCount,
        record.requestCount,
        record.startedAt.toISOString(),
        record.loadedAt.toISOString(),
        record.writeMode,
        record.mixloadVersion,
        dayRowsText(record.dayRows),
      ],
    )
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
