import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Column } from '../../lib/columns/column.ts'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { makeDirectory } from '../../lib/core/make-directory.ts'
import { replaceFile, syncDirectory } from '../../lib/core/replace-file.ts'
import { quoteName } from '../../lib/core/sql.ts'
import { nextLoadedAt } from '../../lib/destination/commit-rules.ts'
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
import { COLUMNS, type LedgerTable, LOADS, REJECTS } from '../../lib/destination/ledger.ts'
import { inTurns } from '../../lib/destination/serialized.ts'
import { type Engine, type EngineConnection, interruptible, rowsAsJson } from '../../lib/engine/engine.ts'
import { SUPPORTS } from './dialect.ts'
import { fileFailure, isFileError, moveInto, syncFile } from './files.ts'
import { DAY_COLUMN, type Layout, layoutOf, SCHEMA_FILE, tableName } from './layout.ts'
import { RunLock } from './lock.ts'
import { PendingLoad } from './publish.ts'
import { ColumnLog, LoadLog } from './records.ts'
import { writeEmptyFile } from './rows.ts'
import { type StageOptions, stage, stageEmpty } from './stage.ts'
import { hasFiles, isDated, replacedFiles } from './tables.ts'
import {
  checkViews,
  jsonQuery,
  ledgerColumns,
  makeViews,
  parquetQuery,
  readViews,
  type ViewedTable,
  viewsSql,
  withViews,
} from './views.ts'

export interface ParquetOptions {
  readonly directory: string
  readonly engine: Engine
  readonly warn: (message: string) => void
}

/** The destination of a URL `parquet:DIR`. */
export function fromOptions({ url, engine, warn }: DestinationOptions): Destination {
  const directory = url.slice('parquet:'.length)
  if (directory === '')
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: needs a directory: parquet:DIR.')
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(directory))
    throw new MixloadError('CONFIG_INVALID', '--destination: parquet: takes a directory of this machine, not a URL.')
  return createParquetDestination({ directory, engine, warn })
}

/** Loads into a directory of Parquet files. */
export function createParquetDestination(options: ParquetOptions): Destination {
  return inTurns(new ParquetDestination(options))
}

/** What can be done with a destination once it is open. */
interface Opened {
  /** Undefined where it is open to read only. */
  readonly lock: RunLock | undefined
  readonly connection: EngineConnection
}

class ParquetDestination implements Destination {
  readonly supports = SUPPORTS
  readonly description: string
  readonly #options: ParquetOptions
  readonly #layout: Layout
  readonly #loads: LoadLog
  readonly #columns: ColumnLog
  #opened: Opened | undefined
  #isClosed = false
  /** Whether a load has left what has to be undone before the next one. */
  #isUnsettled = false

  constructor(options: ParquetOptions) {
    this.#options = options
    this.description = `parquet:${options.directory}`
    this.#layout = layoutOf(resolve(options.directory))
    this.#loads = new LoadLog(this.#layout)
    this.#columns = new ColumnLog(this.#layout)
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#assertOpenable()
    signal.throwIfAborted()
    if (this.#opened?.lock !== undefined) return
    await this.#close()
    await this.#doing('cannot be opened', async () => {
      for (const path of [this.#layout.loads, this.#layout.columns, this.#layout.pending]) await makeDirectory(path)
      const connection = await this.#options.engine.connect()
      try {
        const lock = await RunLock.take(this.#layout, connection, this.description)
        this.#opened = { lock, connection }
      } catch (error) {
        connection.close()
        throw error
      }
      try {
        await PendingLoad.settleAll(this.#layout)
        await this.#putSchema(connection, REJECTS.name, ledgerColumns(REJECTS))
        await this.#writeViews()
      } catch (error) {
        await this.#close()
        throw error
      }
    })
  }

  async openToRead(signal: AbortSignal): Promise<void> {
    this.#assertOpenable()
    signal.throwIfAborted()
    if (this.#opened !== undefined) return
    await this.#doing('cannot be opened to read', async () => {
      // A path that is no directory must not read as an empty one.
      await this.#loads.isEmpty()
      this.#opened = { lock: undefined, connection: await this.#options.engine.connect() }
    })
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    this.#assertOpen()
    return this.#doing('cannot read columns', () => this.#columns.of(table))
  }

  async addColumns(table: string, columns: readonly NewColumn[]): Promise<void> {
    const { connection } = this.#writable()
    await this.#doing('cannot add columns', async () => {
      const there = await this.#columns.of(table)
      const missing = columns.filter(({ name }) => !there.some((column) => column.name === name))
      if (missing.length === 0) return
      const addsDays = missing.some(({ name }) => name === DAY_COLUMN)
      if (addsDays && (await hasFiles(this.#layout, table, false)))
        throw new MixloadError('DESTINATION_FAILED', `${table} has files without days, so it can't have ${DAY_COLUMN}.`)
      const firstSeenAt = new Date()
      const all = [...there, ...missing.map((column) => ({ ...column, firstSeenAt }))]
      // A column that only the schema file has is as good as none, so that comes first.
      await this.#putSchema(connection, table, all)
      await this.#columns.put(table, all)
      await this.#writeViews()
    })
  }

  async ledger(stream: string): Promise<readonly LoadRecord[]> {
    this.#assertOpen()
    return this.#doing('cannot read the ledger', async () =>
      (await this.#loads.records()).filter((record) => record.stream === stream),
    )
  }

  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    const { connection } = this.#writable()
    return interruptible(connection, signal, () =>
      this.#doing(`load ${record.loadId} was not committed`, async () => {
        if (this.#isUnsettled) await PendingLoad.settleAll(this.#layout)
        this.#isUnsettled = false
        const { path, after } = await this.#loads.next(record.loadId)
        const loaded = { ...record, loadedAt: nextLoadedAt(after) }
        const columns = await this.#columns.of(target.table)
        await this.#options.engine.makeRoomFor(columns.length, connection)
        const pending = await PendingLoad.create(this.#layout, record.loadId)
        const { directory } = pending
        const given = { connection, relation, target, record: loaded, columns, signal, directory }
        const removed = await this.#commit(pending, path, given)
        await this.#tidy(pending, removed)
        return loaded
      }),
    )
  }

  /** Writes a load's files and commits them. Gives the paths of those that they replace. */
  async #commit(pending: PendingLoad, commitPath: string, given: StageOptions): Promise<readonly string[]> {
    const { target, columns, record, signal } = given
    try {
      const files = [...(await stage(given))]
      const replaced = await replacedFiles(this.#layout, target, columns)
      const last = replaced.files.at(-1)
      if (replaced.isAll && last !== undefined && !files.some(({ table }) => table === target.table))
        files.push(await stageEmpty(given, last))
      const removed = replaced.files.map(({ path }) => path)
      // An abort between two statements stops neither; after this there is only the commit.
      signal.throwIfAborted()
      await pending.publish(record, files, removed, commitPath)
      return removed
    } catch (error) {
      await this.#settle(pending)
      // The last renaming may be done although its answer was lost, as on a network's file system.
      if (existsSync(commitPath)) return []
      throw error
    }
  }

  async #settle(pending: PendingLoad): Promise<void> {
    try {
      await pending.settle()
    } catch (error) {
      this.#isUnsettled = true
      this.#options.warn(`${this.description}: a load that failed could not be undone yet: ${messageOf(error)}`)
    }
  }

  /** What is left to do when a load is committed. If it fails, the load is done all the same, and this is done later. */
  async #tidy(pending: PendingLoad, removed: readonly string[]): Promise<void> {
    try {
      await pending.clear(removed)
      await this.#writeViews()
    } catch (error) {
      this.#isUnsettled = true
      this.#options.warn(`${this.description}: could not tidy up after a load yet: ${messageOf(error)}`)
    }
  }

  async putViews(views: readonly View[]): Promise<void> {
    const { connection } = this.#writable()
    await this.#doing('cannot make the views', async () => {
      const all = withViews(await readViews(this.#layout), views)
      await checkViews(connection, await this.#tables(), all)
      await replaceFile(this.#layout.views, JSON.stringify(all, undefined, 2), { isDurable: true })
      await this.#writeViews()
    })
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    this.#assertOpen()
    return this.#doing('cannot run the query', async () => {
      const connection = await this.#options.engine.connect()
      try {
        await makeViews(connection, await this.#tables(), await readViews(this.#layout))
        return await interruptible(connection, signal, () => connection.texts(rowsAsJson(sql), take))
      } finally {
        connection.close()
      }
    })
  }

  pathInViews(table: string): string {
    // Without a schema: the views are made in whichever one the reader of views.sql uses.
    return quoteName(table)
  }

  /** All tables, the ledger's included, as their views show them. */
  async #tables(): Promise<readonly ViewedTable[]> {
    const { loads, columns: columnFiles } = this.#layout
    const tables: ViewedTable[] = []
    const names = await this.#columns.tables()
    const addLedger = (table: LedgerTable, directory: string, isEmpty: boolean) => {
      const columns = ledgerColumns(table)
      tables.push({ name: table.name, columns, query: isEmpty ? undefined : jsonQuery(directory, columns) })
    }
    addLedger(LOADS, loads, await this.#loads.isEmpty())
    addLedger(COLUMNS, columnFiles, names.length === 0)
    const add = async (name: string, columns: ViewedTable['columns'], isParted: boolean) => {
      const isFilled = await hasFiles(this.#layout, name, isParted)
      const query = isFilled ? parquetQuery(this.#layout, name, columns, isParted) : undefined
      tables.push({ name, columns, query })
    }
    await add(REJECTS.name, ledgerColumns(REJECTS), false)
    for (const name of names) {
      const columns = await this.#columns.of(name)
      await add(name, columns, isDated(columns))
    }
    return tables
  }

  async #writeViews(): Promise<void> {
    const text = viewsSql(this.#layout, await this.#tables(), await readViews(this.#layout))
    const { viewsSql: path } = this.#layout
    const before = await readFile(path, 'utf8').catch(() => '')
    if (text !== before) await replaceFile(path, text, { isDurable: true })
  }

  /** Writes a table's schema as a file without rows, for readers that take the columns from one file. */
  async #putSchema(connection: EngineConnection, table: string, columns: readonly Column[]): Promise<void> {
    const aside = join(this.#layout.state, 'schema.new')
    await writeEmptyFile(connection, columns, aside)
    await syncFile(aside)
    const path = join(this.#layout.directory, tableName(table), SCHEMA_FILE)
    await moveInto(aside, path)
    await syncDirectory(dirname(path))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#close()
  }

  async #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    try {
      await opened?.lock?.release()
    } finally {
      opened?.connection.close()
    }
  }

  #assertOpenable(): void {
    if (this.#isClosed) throw new MixloadError('CLOSED', `${this.description} has been closed.`)
  }

  #assertOpen(): Opened {
    this.#assertOpenable()
    if (this.#opened !== undefined) return this.#opened
    throw new MixloadError('DESTINATION_FAILED', `${this.description} is not open yet.`)
  }

  #writable(): Opened {
    const opened = this.#assertOpen()
    if (opened.lock !== undefined) return opened
    throw new MixloadError('DESTINATION_FAILED', `${this.description} is open to read only.`)
  }

  /** The one place where failures of the file system and of the engine become the destination's. */
  async #doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isFileError(error)) throw fileFailure(`${this.description}: ${what}`, error)
      if (!(error instanceof MixloadError) || error.code !== 'ENGINE_FAILED') throw error
      throw new MixloadError('DESTINATION_FAILED', `${this.description}: ${what}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}
