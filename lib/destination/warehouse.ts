import { MixloadError } from '../core/errors.ts'
import { retrying } from '../core/retry.ts'
import { withoutSecrets } from '../core/secrets.ts'
import type { Engine } from '../engine/engine.ts'
import type {
  Comments,
  DestinationCapabilities,
  DestinationConnection,
  DestinationDriver,
  KnownColumn,
  Load,
  LoadRecord,
  LoadTarget,
  NewColumn,
  NewLoad,
  Relation,
  RowChange,
  TableStorage,
  TakeRows,
  View,
} from './contract.ts'
import { driverFailure, isInDoubt, maskedFailure } from './failures.ts'
import { LoadBuilder, type LoadRequest } from './load-builder.ts'
import { decideLoad, LEDGER_FORM, missingColumns } from './load-rules.ts'
import { OpenConnection } from './open-connection.ts'
import { queryOnce } from './query-once.ts'
import type { Retries } from './retries.ts'

/** What a warehouse needs besides its driver. */
export interface WarehouseOptions {
  /** The transform engine, on which the queries of relations run. */
  readonly engine: Engine
  /** Without retries, a transient failure is thrown at once. */
  readonly retries?: Retries | undefined
  /** What no message may show. */
  readonly secrets?: readonly string[] | undefined
}

type Access = 'write' | 'read'

const NO_IDS: ReadonlySet<string> = new Set()

/** The signal of calls that have none. */
const NEVER_ABORTED = new AbortController().signal

/**
 * A warehouse of any kind, as the pipeline uses it: a driver with these guarantees.
 *
 * - Every failure is a MixloadError that names the warehouse. The driver's error is its cause.
 * - After an abort, calls reject with the signal's reason, and nothing is left. If the ledger is
 *   not part of the commit (`atomicLedger`), a load that was nearly done may be committed
 *   nevertheless, which the ledger shows.
 * - Transient failures are retried, lost connections are made again, and the ledger settles commits
 *   in doubt.
 * - Calls may overlap. They are executed one after the other.
 * - After disposal every call rejects with CLOSED; disposing twice does nothing.
 */
export class Warehouse implements AsyncDisposable {
  readonly #driver: DestinationDriver
  readonly #options: WarehouseOptions
  /** What it was opened for; undefined before that. */
  #access: Access | undefined
  /** Undefined also after a connection was lost. */
  #open: OpenConnection | undefined
  #isClosed = false
  /** The ids of the last loads whose commit is in doubt. */
  #inDoubt: ReadonlySet<string> = NO_IDS
  readonly #builder: LoadBuilder
  #lastCall: Promise<unknown> = Promise.resolve()

  constructor(driver: DestinationDriver, options: WarehouseOptions) {
    this.#driver = driver
    this.#options = options
    this.#builder = new LoadBuilder(driver, options.engine)
  }

  get capabilities(): DestinationCapabilities {
    return this.#driver.capabilities
  }

  /** Where it is, without secrets, for messages. */
  get description(): string {
    return withoutSecrets(this.#driver.description, this.#secrets)
  }

  /**
   * Opens it to load: creates what is missing and takes the run lock. Does nothing if it is already
   * open to load.
   * @throws MixloadError DESTINATION_BUSY naming its owner, if another run has the lock.
   */
  open(signal: AbortSignal): Promise<void> {
    return this.#openFor('write', signal)
  }

  /** Opens it only to read: creates nothing, refuses writes. What does not exist reads as empty. */
  openToRead(signal: AbortSignal): Promise<void> {
    return this.#openFor('read', signal)
  }

  /** The table's columns in the order they were created; none if there is no such table. */
  columns(table: string): Promise<readonly KnownColumn[]> {
    return this.#read(`cannot read the columns of ${table}`, this.#ownSignal, (open) => open.columns(table))
  }

  /** Creates missing columns, and the table itself. Never drops, renames or retypes. */
  addColumns(table: string, columns: readonly NewColumn[]): Promise<void> {
    return this.#write(`cannot add columns to ${table}`, this.#ownSignal, async (connection, open) => {
      const existing = await open.columns(table)
      const missing = missingColumns(existing, columns, new Date())
      if (missing.length === 0) return
      await connection.createColumns(table, missing)
      open.hasColumns(table, [...existing, ...missing])
    })
  }

  /** The loads of a stream in the order of their commits. */
  ledger(stream: string): Promise<readonly LoadRecord[]> {
    return this.#read('cannot read the ledger', this.#ownSignal, async (open) => {
      const loads = await open.loadsOf(stream)
      this.#inDoubt = NO_IDS
      return loads
    })
  }

  /** The loads of all streams in the order of their commits. */
  allLoads(): Promise<readonly LoadRecord[]> {
    return this.#read('cannot read the ledger', this.#ownSignal, (open) => open.loads())
  }

  /**
   * Commits rows, rejects and ledger row together, or none of them. Columns that the relation lacks
   * become null. Sets `_loaded_at` and `_load_id`. Returns the ledger row.
   * @throws MixloadError ALREADY_LOADED; COUNT_MISMATCH; DESTINATION_UNAVAILABLE if nothing was
   *   committed and the same load may be retried; COMMIT_IN_DOUBT if only the ledger shows whether
   *   it was committed.
   */
  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    const [loaded] = await this.loadAll([{ relation, target, record }], signal)
    if (loaded === undefined) throw new TypeError('A load has one ledger row.')
    return loaded
  }

  /**
   * Loads several at once: all of them in one commit, or none. Each has its own ledger row and its
   * own `_loaded_at`. Only with the capability `atomicGroups`. `group`: the rows of all of them in
   * one relation: see `grouped-rows.ts`. @throws MixloadError like `load`.
   */
  loadAll(requests: readonly LoadRequest[], signal: AbortSignal, group?: Relation): Promise<readonly LoadRecord[]> {
    const ids = new Set(requests.map(({ record }) => record.loadId))
    let wasInDoubt = false
    return this.#write(`${namesOf(ids)} not committed`, signal, async (connection, open) => {
      const existing = await open.loads()
      const added: LoadRequest<LoadRecord>[] = []
      const records = requests.map(({ record, ...request }) => {
        const before = [...existing, ...added.map((load) => load.record)]
        const decision = decideLoad(before, record.loadId, wasInDoubt || this.#inDoubt.has(record.loadId))
        if (decision.kind === 'settled') return decision.record
        const loaded: LoadRecord = { ...record, loadedAt: decision.loadedAt, form: LEDGER_FORM }
        added.push({ ...request, record: loaded })
        return loaded
      })
      if (added.length === 0) {
        this.#inDoubt = NO_IDS
        return records
      }
      const loads = await this.#builder.loads(added, group, (table) => open.knownColumns(table), signal)
      try {
        await writeLoads(connection, loads, signal)
      } catch (error) {
        open.forgetLoads()
        wasInDoubt = isInDoubt(error)
        if (wasInDoubt) this.#inDoubt = ids
        throw error
      }
      for (const { record } of added) open.committed(record)
      return records
    })
  }

  /** How a query names a table or view: quoted, with its schema. */
  pathInViews(table: string): string {
    return this.#driver.pathInViews(table)
  }

  /** Gives columns of existing rows new values. Does nothing in a warehouse without views. */
  changeRows(change: RowChange, signal: AbortSignal): Promise<void> {
    return this.#write(`cannot change rows of ${change.table}`, signal, async (connection) =>
      connection.changeRows?.(change, signal),
    )
  }

  /** What is known about the storage of a table, from which the rows with `where` are removed. */
  storage(table: string, where: string | undefined, signal: AbortSignal): Promise<TableStorage | undefined> {
    const what = `cannot read the size of ${table}`
    return this.#read(what, signal, async ({ reader }) => reader.readStorage?.(table, where, signal))
  }

  /** Makes the space of removed rows usable again. */
  reclaimSpace(tables: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#write('cannot reclaim space', signal, async (open) => open.reclaimSpace?.(tables, signal))
  }

  /** Creates or replaces the views. */
  putViews(views: readonly View[]): Promise<void> {
    return this.#write('cannot make the views', this.#ownSignal, async (connection) => connection.replaceViews?.(views))
  }

  /** The comments on tables and views that exist; none in a warehouse without comments. */
  comments(names: readonly string[]): Promise<readonly Comments[]> {
    return this.#read('cannot read the comments', this.#ownSignal, async ({ reader }) => {
      return (await reader.readComments?.(names)) ?? []
    })
  }

  /** Changes comments. Does nothing in a warehouse without comments. */
  putComments(changes: readonly Comments[]): Promise<void> {
    return this.#write('cannot write the comments', this.#ownSignal, async (connection) =>
      connection.writeComments?.(changes),
    )
  }

  /**
   * Runs a query that changes nothing, in the destination's dialect, with the names of tables and
   * views from `pathInViews`. Passes its rows to `take` in batches as they arrive. Each row is the
   * text of a JSON object by column name, in which times have their offset and numbers all digits.
   * `take` must not call the warehouse. Returns the number of rows; 0 if there is nothing to read.
   * @throws MixloadError CONFIG_INVALID if it cannot run queries; what `take` throws; the signal's
   *   reason.
   */
  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    const what = 'cannot run the query'
    const outcome = await this.#read(what, signal, async ({ reader }) => {
      if (!this.capabilities.queries || reader.query === undefined) {
        const advice = 'Load into DuckDB, Postgres, BigQuery or Parquet for that.'
        throw new MixloadError('CONFIG_INVALID', `${this.description} cannot be queried with SQL. ${advice}`)
      }
      return queryOnce(reader, sql, take, signal, (error) => this.#failure(what, error))
    })
    if ('rows' in outcome) return outcome.rows
    signal.throwIfAborted()
    throw outcome.error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#afterOthers(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      await this.#step('cannot be closed', NEVER_ABORTED, async () => {
        try {
          await this.#disconnect()
        } finally {
          this.#builder.close()
          await this.#driver.close?.()
        }
      })
    })
  }

  #openFor(access: Access, signal: AbortSignal): Promise<void> {
    return this.#attempts(signal, async () => {
      this.#assertNotClosed()
      await this.#step('cannot be opened', signal, async () => {
        if (this.#access === access && this.#open?.isUsable === true) return
        await this.#disconnect()
        try {
          await this.#connect(access, signal)
          this.#access = access
        } catch (error) {
          this.#access = undefined
          throw error
        }
      })
    })
  }

  #write<T>(
    what: string,
    signal: AbortSignal,
    work: (connection: DestinationConnection, open: OpenConnection) => Promise<T>,
  ): Promise<T> {
    return this.#read(what, signal, (open) => {
      if (open.writer !== undefined) return work(open.writer, open)
      throw new MixloadError('DESTINATION_FAILED', `${this.description} is open to read only.`)
    })
  }

  /** Runs a call on the open warehouse. Connects again if the connection was lost. */
  #read<T>(what: string, signal: AbortSignal, work: (open: OpenConnection) => Promise<T>): Promise<T> {
    return this.#attempts(signal, async () => {
      this.#assertNotClosed()
      const access = this.#access
      if (access === undefined) throw new MixloadError('DESTINATION_FAILED', `${this.description} is not open yet.`)
      return this.#step(what, signal, async () => {
        if (this.#open?.reader.isLost === true) await this.#disconnect()
        return work(this.#open ?? (await this.#connect(access, signal)))
      })
    })
  }

  /** Retries an attempt. Other calls may be executed between two attempts. */
  async #attempts<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const { retries } = this.#options
    const inTurn = () => this.#afterOthers(attempt)
    if (retries === undefined) return inTurn()
    try {
      return await retrying(retries.policy, signal, inTurn, retries.onRetry)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }

  #afterOthers<T>(work: () => Promise<T>): Promise<T> {
    const call = this.#lastCall.then(work)
    this.#lastCall = call.catch(() => {})
    return call
  }

  async #step<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      const failure = this.#failure(what, error)
      if (this.#open !== undefined) this.#open.isTakenOver ||= failure.code === 'DESTINATION_BUSY'
      throw failure
    }
  }

  #failure(what: string, error: unknown): MixloadError {
    return this.#failureOf(`${this.description}: ${what}`, error)
  }

  #failureOf(what: string, error: unknown): MixloadError {
    const failure = driverFailure(what, error, this.#driver.explain?.(error), this.#open?.reader.isLost)
    return maskedFailure(failure, this.#secrets)
  }

  async #connect(access: Access, signal: AbortSignal): Promise<OpenConnection> {
    try {
      const writer = access === 'write' ? await this.#driver.connect(signal) : undefined
      const reader = writer ?? (await this.#driver.connectToRead(signal))
      this.#open = new OpenConnection(reader, writer, this.description)
      return this.#open
    } catch (error) {
      throw this.#failureOf(`Cannot open ${this.description}`, error)
    }
  }

  async #disconnect(): Promise<void> {
    const reader = this.#open?.reader
    this.#open = undefined
    try {
      await reader?.close()
    } catch (error) {
      if (reader?.isLost !== true) throw error
    }
  }

  get #ownSignal(): AbortSignal {
    return this.#options.retries?.signal ?? NEVER_ABORTED
  }

  get #secrets(): readonly string[] {
    return this.#options.secrets ?? []
  }

  #assertNotClosed(): void {
    if (this.#isClosed) throw new MixloadError('CLOSED', `${this.description} has been closed.`)
  }
}

/** Loads in a sentence: `load 1 was`, or `2 loads from load 1 on were`. */
function namesOf(ids: ReadonlySet<string>): string {
  const [first] = ids
  return ids.size === 1 ? `load ${first} was` : `${ids.size} loads from load ${first} on were`
}

async function writeLoads(connection: DestinationConnection, loads: readonly Load[], signal: AbortSignal) {
  const [load] = loads
  if (load !== undefined && loads.length === 1) return connection.write(load, signal)
  if (connection.writeAll !== undefined) return connection.writeAll(loads, signal)
  throw new TypeError('Only a destination with the capability atomicGroups takes several loads at once.')
}
