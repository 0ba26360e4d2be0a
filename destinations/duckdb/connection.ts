import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type {
  Comments,
  DestinationConnection,
  KnownColumn,
  Load,
  LoadRecord,
  LoadRows,
  RowChange,
  TableStorage,
  TakeRows,
  View,
  WriteMode,
} from '../../lib/destination/contract.ts'
import { LOADS, REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { DAY_COLUMN, removeStatement, updateStatement } from '../../lib/destination/load-rules.ts'
import { OpenFile } from '../../lib/destination/open-file.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { readComments, writeComments } from './comments.ts'
import { CATALOG, Ledger } from './ledger.ts'
import { replaceViews } from './views.ts'

/** The rows of a full row group of DuckDB. */
const ROW_GROUP_ROWS = 122_880

/** A database file that is attached to the engine. */
export class DuckDbConnection implements DestinationConnection {
  readonly isLost = false
  readonly #engine: Engine
  readonly #connection: EngineConnection
  readonly #ledger: Ledger
  readonly #file: OpenFile | undefined
  /** The rows of commits that were too small to fill a row group, and of the others. */
  readonly #rows = { inSmallCommits: 0, inLargeCommits: 0 }

  /** `path`: of the file; undefined for a database in memory. */
  constructor(engine: Engine, connection: EngineConnection, schema: string, path: string | undefined) {
    this.#engine = engine
    this.#connection = connection
    this.#file = path === undefined ? undefined : new OpenFile(path)
    this.#ledger = new Ledger(connection, schema)
  }

  async createLedger(): Promise<void> {
    await this.#transaction(() => this.#ledger.create())
    await this.#ledger.use()
  }

  /** Returns false if there is no ledger to read. */
  async findLedger(): Promise<boolean> {
    const isFound = (await this.#ledger.columnNames(LOADS.name)).length > 0
    if (isFound) await this.#ledger.use()
    return isFound
  }

  readLedger(stream?: string): Promise<readonly LoadRecord[]> {
    return this.#ledger.loads(stream)
  }

  readColumns(table: string): Promise<readonly KnownColumn[]> {
    return this.#ledger.columns(table)
  }

  async createColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    await this.#transaction(async () => {
      const path = this.#ledger.path(table)
      const definitions = columns.map(({ name, type }) => `${quoteName(name)} ${ENGINE_TYPES[type]}`)
      if ((await this.#ledger.columnNames(table)).length === 0) {
        await this.#connection.run(`CREATE TABLE ${path} (${definitions.join(', ')})`)
      } else {
        for (const definition of definitions) {
          await this.#connection.run(`ALTER TABLE ${path} ADD COLUMN IF NOT EXISTS ${definition}`)
        }
      }
      await this.#ledger.addColumns(table, columns)
    })
  }

  write(load: Load, signal: AbortSignal): Promise<void> {
    return this.writeAll([load], signal)
  }

  async writeAll(loads: readonly Load[], signal: AbortSignal): Promise<void> {
    await this.#transaction(async () => {
      for (const load of loads) await this.#write(load, signal)
      // An abort between two statements stops neither. Only the commit follows.
      signal.throwIfAborted()
    }, signal)
    const rows = loads.reduce((sum, { record }) => sum + record.rowCount, 0)
    this.#rows[rows < ROW_GROUP_ROWS ? 'inSmallCommits' : 'inLargeCommits'] += rows
  }

  async #write(load: Load, signal: AbortSignal): Promise<void> {
    const { record, table, columns, mode, rows, rejects, superseded, removal } = load
    await this.#engine.makeRoomFor(columns.length, this.#connection)
    await this.#deleteReplaced(table, mode, DAY_COLUMN)
    await this.#insert(table, rows)
    if (superseded !== undefined) {
      await this.#deleteReplaced(SUPERSEDED.name, superseded.mode, SUPERSEDED.columns.day.name)
      await this.#connection.run(`INSERT INTO ${this.#ledger.path(SUPERSEDED.name)} BY NAME ${superseded.query}`)
    }
    removal?.verify(await this.#connection.run(removeStatement(this.#ledger.path(table), removal)))
    signal.throwIfAborted()
    await this.#insert(REJECTS.name, rejects)
    await this.#ledger.addLoad(record)
  }

  async #deleteReplaced(table: string, mode: WriteMode, day: string): Promise<void> {
    if (mode.kind === 'append') return
    const days =
      mode.kind === 'replace-table'
        ? 'true'
        : `${quoteName(day)} BETWEEN ${quoteText(mode.firstDay)} AND ${quoteText(mode.lastDay)}`
    await this.#connection.run(`DELETE FROM ${this.#ledger.path(table)} WHERE ${days}`)
  }

  async #insert(table: string, rows: LoadRows | undefined): Promise<void> {
    if (rows === undefined) return
    rows.verify(await this.#connection.run(`INSERT INTO ${this.#ledger.path(table)} BY NAME ${rows.query}`))
  }

  async changeRows(change: RowChange, signal: AbortSignal): Promise<void> {
    const statement = updateStatement(this.#ledger.path(change.table), change)
    await this.#transaction(() => this.#connection.run(statement), signal)
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    await this.#transaction(() => replaceViews(this.#connection, this.#ledger, views))
  }

  readComments(names: readonly string[]): Promise<readonly Comments[]> {
    return readComments(this.#connection, this.#ledger, names)
  }

  async writeComments(changes: readonly Comments[]): Promise<void> {
    await this.#transaction(() => writeComments(this.#connection, this.#ledger, changes))
  }

  readStorage(table: string): Promise<TableStorage> {
    return this.#ledger.storage(table)
  }

  async reclaimSpace(_: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#connection.run('RESET max_vacuum_tasks')
    await interruptible(this.#connection, signal, () => this.#connection.run(`CHECKPOINT ${quoteName(CATALOG)}`))
  }

  query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    return interruptible(this.#connection, signal, () => this.#connection.texts(rowsAsJson(sql), take))
  }

  async close(): Promise<void> {
    try {
      await this.#file?.assertThere()
      // Detaching writes a checkpoint. Merging row groups then pays only if most are small:
      // otherwise it would rewrite nearly full groups, which takes a third of their time. The few
      // small ones are merged by a later run.
      const { inSmallCommits, inLargeCommits } = this.#rows
      if (inSmallCommits > inLargeCommits) await this.#connection.run('RESET max_vacuum_tasks')
      await this.#connection.run('USE memory.main')
      await this.#connection.run(`DETACH ${quoteName(CATALOG)}`)
    } finally {
      this.#connection.close()
    }
  }

  /**
   * Runs work within a transaction. A signal interrupts only the work: an interrupted commit may
   * still commit, and an interrupted rollback makes the connection useless.
   */
  async #transaction(work: () => Promise<unknown>, signal?: AbortSignal): Promise<void> {
    await this.#connection.run('BEGIN')
    try {
      await (signal === undefined ? work() : interruptible(this.#connection, signal, work))
      await this.#connection.run('COMMIT')
      await this.#file?.assertThere()
    } catch (error) {
      // After some failures DuckDB has rolled back already. The first error counts.
      await this.#connection.run('ROLLBACK').catch(() => {})
      throw error
    }
  }
}
