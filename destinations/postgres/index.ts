import { setTimeout as sleep } from 'node:timers/promises'
import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName, quotePath, quoteText } from '../../lib/core/sql.ts'
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
import { copyRows } from './copy.ts'
import { CsvOutlet } from './csv-feed.ts'
import { SUPPORTS } from './dialect.ts'
import { sqlStateOf, statementFailure } from './failures.ts'
import { makeLedger, nextMoment, readLoads, writeLoad } from './ledger.ts'
import { queryRows } from './query.ts'
import { assertRunLock, end, releaseRunLock, takeRunLock } from './run-lock.ts'
import { type Backend, placeOf, Session } from './session.ts'
import { addMissing, assertFits, deleteDays, knownColumns } from './tables.ts'
import { type PostgresAddress, parseUrl } from './url.ts'
import { replaceViews } from './views.ts'

export interface PostgresOptions extends Pick<DestinationOptions, 'url' | 'schema' | 'engine' | 'workDirectory'> {
  readonly warn?: DestinationOptions['warn']
  /** How long a table is waited for at a time, milliseconds: for so long at most others queue up behind. */
  readonly lockTimeoutMs?: number
  /** For how long that is tried again and again, and how long a load waits for locks of others, milliseconds. */
  readonly lockPatienceMs?: number
  /** Whether rows go through a named pipe where there are any. */
  readonly hasPipes?: boolean
}

const LOCK_TIMEOUT_MS = 3000
const LOCK_PATIENCE_MS = 120_000
/** How long the server is asked, at most, to end what an aborted load has left running there. */
const CLEAN_UP_MS = 3000

const LOCK_NOT_AVAILABLE = '55P03'
const UNDEFINED_TABLE = '42P01'
const INSUFFICIENT_PRIVILEGE = '42501'

/** The destination of a URL `postgres://…`. */
export function fromOptions(options: DestinationOptions): Destination {
  return createPostgresDestination(options)
}

/** Loads into a Postgres database by COPY. An advisory lock is the run lock. */
export function createPostgresDestination(options: PostgresOptions): Destination {
  return inTurns(new PostgresDestination(options))
}

class PostgresDestination implements Destination {
  readonly supports = SUPPORTS
  readonly description: string
  readonly #options: PostgresOptions
  readonly #address: PostgresAddress
  /** What it was opened for. */
  #access: 'write' | 'read' | undefined
  #session: Session | undefined
  /** The last session that had the run lock, and was lost with it. */
  #lostHolder: Backend | undefined
  #outlet: CsvOutlet | undefined
  #isClosed = false

  constructor(options: PostgresOptions) {
    if (Buffer.byteLength(options.schema) > SUPPORTS.identifierBytesMax) {
      throw new MixloadError('CONFIG_INVALID', `--schema: at most ${SUPPORTS.identifierBytesMax} bytes.`)
    }
    this.#options = options
    this.#address = parseUrl(options.url)
    this.description = placeOf(this.#address)
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#openFor('write', signal, async (session) => {
      await this.#step('cannot make the ledger tables', session, () => makeLedger(session, this.#options.schema))
      const { engine, workDirectory, hasPipes } = this.#options
      this.#outlet ??= await CsvOutlet.open(engine, workDirectory, hasPipes)
    })
  }

  async openToRead(signal: AbortSignal): Promise<void> {
    await this.#openFor('read', signal, async () => {})
  }

  async #openFor(
    access: 'write' | 'read',
    signal: AbortSignal,
    prepare: (session: Session) => Promise<void>,
  ): Promise<void> {
    this.#assertUsable()
    signal.throwIfAborted()
    if (this.#access !== undefined && this.#access !== access) await this.#hangUp()
    const isFirst = this.#access === undefined
    this.#access = access
    try {
      const session = await this.#connected(signal)
      await session.unlessAborted(signal, () => prepare(session))
      if (isFirst && session.isExposed) {
        this.#options.warn?.(
          `${this.description} is not encrypted. Add ?sslmode=verify-full, or disable if it need not be.`,
        )
      }
    } catch (error) {
      await this.#hangUp()
      this.#access = undefined
      throw error
    }
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    return this.#read(`cannot read the columns of ${table}`, (session) =>
      knownColumns(session, this.#options.schema, table),
    )
  }

  async ledger(stream: string): Promise<readonly LoadRecord[]> {
    return this.#read('cannot read the ledger', (session) => readLoads(session, this.#options.schema, stream))
  }

  async addColumns(table: string, columns: readonly NewColumn[]): Promise<void> {
    this.#assertWritable()
    const there = new Set((await this.columns(table)).map(({ name }) => name))
    const missing = columns.filter(({ name }) => !there.has(name))
    if (missing.length === 0) return
    for (const name of [table, ...missing.map((column) => column.name)]) assertFits('name', name)
    await this.#soonLocked(`cannot add columns to ${table}`, (session) =>
      addMissing(session, this.#options.schema, table, missing),
    )
  }

  async putViews(views: readonly View[]): Promise<void> {
    this.#assertWritable()
    for (const { name } of views) assertFits('name', name)
    await this.#soonLocked('cannot make the views', (session) => replaceViews(session, this.#options.schema, views))
  }

  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    this.#assertWritable()
    const what = `load ${record.loadId} was not committed`
    return this.#transaction(what, signal, async (session) => {
      await session.run(`SET LOCAL lock_timeout = ${this.#options.lockPatienceMs ?? LOCK_PATIENCE_MS}`)
      const loadedAt = await nextMoment(session, this.#options.schema, record)
      const loaded: LoadRecord = { ...record, loadedAt }
      await this.#deleteReplaced(session, target)
      await this.#copy(session, target.table, relation, signal, {
        _loaded_at: `TIMESTAMPTZ ${quoteText(loadedAt.toISOString())}`,
        _load_id: quoteText(record.loadId),
      })
      if (target.rejects !== undefined) {
        const owner = Object.entries(rejectOwner(record)).map(([name, value]) => [name, quoteText(value)])
        await this.#copy(session, REJECTS.name, target.rejects, signal, Object.fromEntries(owner))
      }
      await writeLoad(session, this.#options.schema, loaded)
      return loaded
    })
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    const session = await this.#connected(signal)
    const what = 'cannot run the query'
    return session.unlessAborted(signal, () =>
      this.#step(what, session, async () => {
        try {
          return await queryRows(session, sql, take)
        } catch (error) {
          await session.rollBack()
          if (this.#access === 'read' && sqlStateOf(error) === UNDEFINED_TABLE && !(await this.#isMade(session)))
            return 0
          throw error
        }
      }),
    )
  }

  /** Whether there is a ledger. */
  async #isMade(session: Session): Promise<boolean> {
    const [found] = await session.rows('SELECT to_regclass($1) IS NOT NULL AS made', [this.#path(LOADS.name)])
    return found?.made === 't'
  }

  async #deleteReplaced(session: Session, { table, mode }: LoadTarget): Promise<void> {
    if (mode.kind === 'replace-table') await session.run(`DELETE FROM ${this.#path(table)}`)
    if (mode.kind === 'replace-days') {
      await deleteDays(session, this.#options.schema, table, mode.firstDay, mode.lastDay)
    }
  }

  async #copy(
    session: Session,
    table: string,
    relation: Relation,
    signal: AbortSignal,
    added: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (this.#outlet === undefined) throw this.#notOpen()
    await copyRows(session, this.#outlet, { relation, table, path: this.#path(table), added }, signal)
  }

  pathInViews(table: string): string {
    return this.#path(table)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#hangUp()
    await this.#outlet?.[Symbol.asyncDispose]()
    this.#outlet = undefined
  }

  async #hangUp(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    if (this.#access === 'write') await releaseRunLock(session, this.#options.schema).catch(() => {})
    await session.close()
  }

  #assertUsable(): void {
    if (this.#isClosed) throw new MixloadError('CLOSED', `${this.description} has been closed.`)
  }

  #assertWritable(): void {
    this.#assertUsable()
    if (this.#access === undefined) throw this.#notOpen()
    if (this.#access === 'write') return
    throw new MixloadError('DESTINATION_FAILED', `${this.description} is open to read only.`)
  }

  #notOpen(): MixloadError {
    return new MixloadError('DESTINATION_FAILED', `${this.description} is not open yet.`)
  }

  #path(table: string): string {
    return quotePath(this.#options.schema, table)
  }

  /** The session, anew where the one before was lost; to write only with the run lock. */
  async #connected(signal: AbortSignal): Promise<Session> {
    this.#assertUsable()
    if (this.#access === undefined) throw this.#notOpen()
    if (this.#session?.isLost === false) return this.#session
    if (this.#access === 'write') this.#lostHolder = this.#session?.backend ?? this.#lostHolder
    this.#session = undefined
    const session = await Session.connect(this.#address, signal)
    const take = async () => {
      if (this.#access === 'read') await session.run('SET default_transaction_read_only = on')
      else await takeRunLock(session, this.#options.schema, this.description, this.#lostHolder)
    }
    try {
      await session.unlessAborted(signal, () => this.#step('cannot take the run lock', session, take))
    } catch (error) {
      await session.close()
      throw error
    }
    this.#session = session
    return session
  }

  /** A single statement that changes nothing. */
  async #read<T>(what: string, work: (session: Session) => Promise<readonly T[]>): Promise<readonly T[]> {
    const session = await this.#connected(new AbortController().signal)
    return this.#step(what, session, async () => {
      try {
        return await work(session)
      } catch (error) {
        if (this.#access === 'read' && sqlStateOf(error) === UNDEFINED_TABLE) return []
        throw error
      }
    })
  }

  /** Something in a transaction of its own that locks tables out, for so short a time that nobody has to wait long. */
  async #soonLocked(what: string, work: (session: Session) => Promise<void>): Promise<void> {
    const { lockTimeoutMs = LOCK_TIMEOUT_MS, lockPatienceMs = LOCK_PATIENCE_MS } = this.#options
    for (const deadline = performance.now() + lockPatienceMs; ; ) {
      try {
        return await this.#transaction(what, new AbortController().signal, async (session) => {
          await session.run(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
          await work(session)
        })
      } catch (error) {
        const isHeld = error instanceof MixloadError && sqlStateOf(error.cause) === LOCK_NOT_AVAILABLE
        if (!isHeld || performance.now() > deadline) throw error
        // Those who queued up meanwhile go first.
        await sleep(lockTimeoutMs * (0.5 + Math.random()))
      }
    }
  }

  /** Runs statements that are committed together. Once the commit has been sent, nothing aborts it any more. */
  async #transaction<T>(what: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#connected(signal)
    let result: T
    try {
      result = await session.unlessAborted(signal, async () => {
        await session.run('BEGIN ISOLATION LEVEL READ COMMITTED')
        await assertRunLock(session, this.#options.schema)
        return work(session)
      })
      // From here to the sending of the commit nothing is waited for.
      signal.throwIfAborted()
    } catch (error) {
      const isRolledBack = await session.rollBack()
      if (signal.aborted && !isRolledBack) await this.#endOnServer(session.backend)
      signal.throwIfAborted()
      throw this.#failure(what, error, session)
    }
    await this.#commit(what, session)
    return result
  }

  async #commit(what: string, session: Session): Promise<void> {
    if (session.isLost) throw this.#failure(what, new Error('the connection was lost'), session)
    try {
      const done = await session.run('COMMIT')
      if (done !== 'COMMIT') throw new Error(`the server answered ${done} to COMMIT`)
    } catch (error) {
      // A session that still answers has refused the commit. One that does not may have done it.
      if (await session.rollBack()) throw this.#failure(what, error, session)
      throw new MixloadError(
        'COMMIT_IN_DOUBT',
        `${this.description}: the connection was lost while committing; the ledger will tell.`,
        { cause: error },
      )
    }
  }

  /** Ends what a session that was cut off is still doing, lest a long statement holds locks after we have gone. */
  async #endOnServer(backend: Backend): Promise<void> {
    const signal = AbortSignal.timeout(CLEAN_UP_MS)
    try {
      const session = await Session.connect(this.#address, signal)
      await session.unlessAborted(signal, () => end(session, backend)).finally(() => session.close())
    } catch {
      // Then the server has to find out by itself.
    }
  }

  /** Some statements, with what they fail of told apart. */
  async #step<T>(what: string, session: Session, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#failure(what, error, session)
    }
  }

  #failure(what: string, error: unknown, session: Session): MixloadError {
    const failure = statementFailure(`${this.description}: ${what}`, error, session.isLost)
    if (sqlStateOf(error) === INSUFFICIENT_PRIVILEGE) return this.#lacksRights(failure, error)
    return failure
  }

  #lacksRights({ message }: MixloadError, cause: unknown): MixloadError {
    const schema = quoteName(this.#options.schema)
    const grant =
      this.#access === 'read'
        ? `GRANT USAGE ON SCHEMA ${schema}, GRANT SELECT ON ALL TABLES IN SCHEMA ${schema}`
        : `GRANT USAGE, CREATE ON SCHEMA ${schema}, where somebody has made it, else GRANT CREATE ON DATABASE; and the ` +
          'tables in it must be its own'
    return new MixloadError('DESTINATION_FAILED', `${message} It needs ${grant}.`, { cause })
  }
}
