import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { replaceFile, syncDirectory } from '../../lib/core/replace-file.ts'
import type {
  DestinationConnection,
  KnownColumn,
  Load,
  LoadRecord,
  RowChange,
  TableStorage,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import { REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { assertFormKnown, DAY_COLUMN } from '../../lib/destination/load-rules.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { moveInto, syncFile } from './files/file-system.ts'
import { type Layout, SCHEMA_FILE, tableName } from './files/layout.ts'
import { queryWithoutRows, RowWriter } from './files/partitions.ts'
import { PendingLoad } from './files/pending-load.ts'
import { Ledger } from './ledger.ts'
import type { RunLock } from './lock.ts'
import { hasFiles, replacedFiles, storageOf } from './tables.ts'
import { checkViews, ledgerColumns, makeViews, readViews, viewedTables, withViews, writeViewsSql } from './views.ts'
import { changeFiles, type StageOptions, stage, stageEmpty, stageRemoval, stageSuperseded } from './write.ts'

/** The directory of a connection, and what it works with. */
export interface ParquetPlace {
  readonly layout: Layout
  readonly description: string
  readonly engine: Engine
  readonly warn: (message: string) => void
}

/** A directory of Parquet files that is open. */
export class ParquetConnection implements DestinationConnection {
  readonly isLost = false
  readonly #place: ParquetPlace
  readonly #layout: Layout
  readonly #engine: EngineConnection
  /** Undefined if it is open to read only. */
  readonly #lock: RunLock | undefined
  readonly #ledger: Ledger
  /** Whether a load has left something to undo before the next one. */
  #isUnsettled = false

  private constructor(place: ParquetPlace, engine: EngineConnection, lock?: RunLock) {
    this.#place = place
    this.#layout = place.layout
    this.#engine = engine
    this.#lock = lock
    this.#ledger = new Ledger(place.layout)
  }

  /** Opens a directory. With the run lock, it settles what a killed run has left. */
  static async open(place: ParquetPlace, engine: EngineConnection, lock?: RunLock): Promise<ParquetConnection> {
    const connection = new ParquetConnection(place, engine, lock)
    if (lock === undefined) return connection
    try {
      // Before anything is written: a newer version may mean other things by its files.
      assertFormKnown(await connection.readLedger(), place.description)
      await PendingLoad.settleAll(place.layout)
      for (const table of [REJECTS, SUPERSEDED]) await connection.#putSchema(table.name, ledgerColumns(table))
      await connection.#writeViews()
      return connection
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  readLedger(): Promise<readonly LoadRecord[]> {
    return this.#ledger.loads()
  }

  readColumns(table: string): Promise<readonly KnownColumn[]> {
    return this.#ledger.columns(table)
  }

  async createColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    const addsDays = columns.some(({ name }) => name === DAY_COLUMN)
    if (addsDays && (await hasFiles(this.#layout, table, false)))
      throw new MixloadError(
        'DESTINATION_FAILED',
        `${table} has files without days, so it cannot get the column ${DAY_COLUMN}.`,
      )
    const all = [...(await this.#ledger.columns(table)), ...columns]
    // The schema file comes first, because a column that only it has does no harm.
    await this.#putSchema(table, all)
    await this.#ledger.putColumns(table, all)
    await this.#writeViews()
  }

  async write(load: Load, signal: AbortSignal): Promise<void> {
    await interruptible(this.#engine, signal, async () => {
      if (this.#isUnsettled) await PendingLoad.settleAll(this.#layout)
      this.#isUnsettled = false
      await this.#place.engine.makeRoomFor(load.columns.length, this.#engine)
      const pending = await PendingLoad.create(this.#layout, load.record.loadId)
      const removed = await this.#commit(pending, {
        connection: this.#engine,
        load,
        signal,
        directory: pending.directory,
      })
      await this.#orLater('could not clean up after a load yet', async () => {
        await pending.clear(removed)
        await this.#writeViews()
      })
      await this.#lock?.assertHeld()
    })
  }

  /** Writes a load's files and commits them. Returns the paths of the replaced files. */
  async #commit(pending: PendingLoad, options: StageOptions): Promise<readonly string[]> {
    const { load, signal } = options
    const commitPath = await this.#ledger.nextPath(load.record.loadId)
    try {
      const files = [...(await stage(options))]
      const replaced = await replacedFiles(this.#layout, load)
      const last = replaced.files.at(-1)
      if (replaced.isAll && last !== undefined && !files.some(({ table }) => table === load.table))
        files.push(await stageEmpty(options, last))
      const superseded = await stageSuperseded(options, this.#layout, files)
      const kept = await stageRemoval(options, this.#layout)
      files.push(...superseded.files, ...kept.files)
      const removed = [...replaced.files, ...superseded.replaced, ...kept.replaced].map(({ path }) => path)
      // An abort between two statements stops neither. Only the commit follows.
      signal.throwIfAborted()
      await pending.publish(load.record, files, removed, commitPath)
      return removed
    } catch (error) {
      await this.#orLater('a load that failed could not be undone yet', () => pending.settle())
      // On a network file system, the last rename may be done although it reported an error.
      if (existsSync(commitPath)) return []
      throw error
    }
  }

  /** Does work after a load. If it fails, it is repeated before the next load. */
  async #orLater(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#isUnsettled = true
      this.#place.warn(`${this.#place.description}: ${what}: ${messageOf(error)}`)
    }
  }

  async changeRows(change: RowChange, signal: AbortSignal): Promise<void> {
    const columns = await this.#ledger.columns(change.table)
    const place = { connection: this.#engine, layout: this.#layout }
    await interruptible(this.#engine, signal, () => changeFiles(place, columns, change, signal))
    await this.#writeViews()
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    const all = withViews(await readViews(this.#layout), views)
    await checkViews(this.#engine, await viewedTables(this.#layout, this.#ledger), all)
    await replaceFile(this.#layout.views, JSON.stringify(all, undefined, 2), { isDurable: true })
    await this.#writeViews()
  }

  async readStorage(table: string): Promise<TableStorage> {
    return storageOf(this.#layout, table, await this.#ledger.columns(table))
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    const connection = await this.#place.engine.connect()
    try {
      const tables = await viewedTables(this.#layout, this.#ledger)
      await makeViews(connection, tables, await readViews(this.#layout))
      return await interruptible(connection, signal, () => connection.texts(rowsAsJson(sql), take))
    } finally {
      connection.close()
    }
  }

  async close(): Promise<void> {
    try {
      await this.#lock?.release()
      await this.#lock?.assertHeld()
    } finally {
      this.#engine.close()
    }
  }

  async #writeViews(): Promise<void> {
    await writeViewsSql(this.#layout, await viewedTables(this.#layout, this.#ledger))
  }

  /** Writes a file without rows, for readers that take a table's columns from one file. */
  async #putSchema(table: string, columns: readonly Column[]): Promise<void> {
    const temporary = join(this.#layout.state, 'schema.new')
    await new RowWriter(this.#engine, this.#layout.state, columns.length).writeFile(
      queryWithoutRows(columns),
      'schema.new',
    )
    await syncFile(temporary)
    const path = join(this.#layout.directory, tableName(table), SCHEMA_FILE)
    await moveInto(temporary, path)
    await syncDirectory(dirname(path))
  }
}
