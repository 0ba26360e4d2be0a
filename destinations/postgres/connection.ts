import { setTimeout as sleep } from 'node:timers/promises'
import { rowAlias } from '../../lib/columns/naming.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { quotePath } from '../../lib/core/sql.ts'
import type {
  Comments,
  DestinationConnection,
  DestinationReader,
  KnownColumn,
  Load,
  LoadRecord,
  RowChange,
  TableStorage,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import { updateStatement } from '../../lib/destination/load-rules.ts'
import { readComments, writeComments } from './comments.ts'
import type { CsvOutlet } from './copy/csv-feed.ts'
import { Ledger } from './ledger.ts'
import { assertRunLock, end, releaseRunLock } from './lock.ts'
import type { PostgresAddress } from './session/address.ts'
import { sqlStateOf } from './session/errors.ts'
import { type Backend, Session } from './session/session.ts'
import { addMissing, assertFits, storageOf } from './tables.ts'
import { replaceViews } from './views.ts'
import { writeLoad } from './write.ts'

/** The schema of a connection, and how long it waits for locks. */
export interface PostgresPlace {
  readonly address: PostgresAddress
  readonly description: string
  readonly schema: string
  readonly lockTimeoutMs: number
  readonly lockPatienceMs: number
}

/** The most time to spend on ending what an aborted load has left running on the server. */
const CLEAN_UP_MS = 3000
/** Rows per fetch. */
const ROWS_AT_ONCE = 5000

const LOCK_NOT_AVAILABLE = '55P03'

/** A session on the server, to read. */
export class PostgresReader implements DestinationReader {
  protected readonly session: Session
  protected readonly place: PostgresPlace
  protected readonly ledger: Ledger

  constructor(session: Session, place: PostgresPlace) {
    this.session = session
    this.place = place
    this.ledger = new Ledger(session, place.schema)
  }

  get isLost(): boolean {
    return this.session.isLost
  }

  readLedger(stream?: string): Promise<readonly LoadRecord[]> {
    return this.ledger.loads(stream)
  }

  readColumns(table: string): Promise<readonly KnownColumn[]> {
    return this.ledger.columns(table)
  }

  readComments(names: readonly string[]): Promise<readonly Comments[]> {
    return readComments(this.session, this.place.schema, names)
  }

  readStorage(table: string): Promise<TableStorage> {
    return storageOf(this.session, this.place.schema, table)
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    return this.session.unlessAborted(signal, async () => {
      try {
        return await queryRows(this.session, sql, take)
      } catch (error) {
        await this.session.rollBack()
        throw error
      }
    })
  }

  async close(): Promise<void> {
    await this.session.close()
  }
}

/** A session on the server with the run lock, to load. */
export class PostgresConnection extends PostgresReader implements DestinationConnection {
  readonly #outlet: CsvOutlet

  constructor(session: Session, place: PostgresPlace, outlet: CsvOutlet) {
    super(session, place)
    this.#outlet = outlet
  }

  async createColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    for (const name of [table, ...columns.map((column) => column.name)]) assertFits('name', name)
    await this.#lockingBriefly(async () => {
      await addMissing(this.session, this.place.schema, table, columns)
      await this.ledger.addColumns(table, columns)
    })
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    for (const { name } of views) assertFits('name', name)
    await this.#lockingBriefly(() => replaceViews(this.session, this.place.schema, views))
  }

  async writeComments(changes: readonly Comments[]): Promise<void> {
    // Not repeated: comments are not worth waiting for.
    await this.#transaction(async () => {
      await this.session.run(`SET LOCAL lock_timeout = ${this.place.lockTimeoutMs}`)
      await writeComments(this.session, this.place.schema, changes)
    })
  }

  async changeRows(change: RowChange, signal: AbortSignal): Promise<void> {
    const statement = updateStatement(quotePath(this.place.schema, change.table), change)
    await this.#transaction(async () => void (await this.session.run(statement)), signal)
  }

  async reclaimSpace(tables: readonly string[], signal: AbortSignal): Promise<void> {
    await this.session.run(`SET lock_timeout = ${this.place.lockPatienceMs}`)
    for (const table of tables) {
      // Not in a transaction, which the server refuses. It blocks neither readers nor writers.
      const statement = `VACUUM (ANALYZE) ${quotePath(this.place.schema, table)}`
      try {
        await this.session.unlessAborted(signal, () => this.session.run(statement))
      } catch (error) {
        if (signal.aborted) await this.#endOnServer(this.session.backend)
        else await this.session.run('RESET lock_timeout')
        throw error
      }
    }
    await this.session.run('RESET lock_timeout')
  }

  write(load: Load, signal: AbortSignal): Promise<void> {
    return this.writeAll([load], signal)
  }

  async writeAll(loads: readonly Load[], signal: AbortSignal): Promise<void> {
    const { schema, lockPatienceMs } = this.place
    await this.#transaction(async () => {
      await this.session.run(`SET LOCAL lock_timeout = ${lockPatienceMs}`)
      for (const load of loads) {
        await writeLoad({ session: this.session, outlet: this.#outlet, schema, signal }, load)
        await this.ledger.addLoad(load.record)
      }
    }, signal)
  }

  override async close(): Promise<void> {
    await releaseRunLock(this.session, this.place.schema).catch(() => {})
    await super.close()
    await this.#outlet[Symbol.asyncDispose]()
  }

  /** A transaction that locks tables. It waits for the locks only briefly, so others can go on. */
  async #lockingBriefly(work: () => Promise<void>): Promise<void> {
    const { lockTimeoutMs, lockPatienceMs } = this.place
    for (const deadline = performance.now() + lockPatienceMs; ; ) {
      try {
        return await this.#transaction(async () => {
          await this.session.run(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
          await work()
        })
      } catch (error) {
        if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE || performance.now() > deadline) throw error
        // Sessions that queued up in the meantime go first.
        await sleep(lockTimeoutMs * (0.5 + Math.random()))
      }
    }
  }

  /** Commits statements together. Once the commit has been sent, nothing aborts it any more. */
  async #transaction(work: () => Promise<void>, signal: AbortSignal = new AbortController().signal): Promise<void> {
    const session = this.session
    try {
      await session.unlessAborted(signal, async () => {
        await session.run('BEGIN ISOLATION LEVEL READ COMMITTED')
        await assertRunLock(session, this.place.schema)
        await work()
      })
      // Nothing is awaited between this and the commit.
      signal.throwIfAborted()
    } catch (error) {
      const isRolledBack = await session.rollBack()
      if (signal.aborted && !isRolledBack) await this.#endOnServer(session.backend)
      throw error
    }
    await this.#commit()
  }

  async #commit(): Promise<void> {
    const session = this.session
    if (session.isLost) throw new Error('the connection was lost')
    try {
      const done = await session.run('COMMIT')
      if (done !== 'COMMIT') throw new Error(`the server answered ${done} to COMMIT`)
    } catch (error) {
      // A session that still answers has refused the commit. One that does not may have committed.
      if (await session.rollBack()) throw error
      throw new MixloadError(
        'COMMIT_IN_DOUBT',
        `${this.place.description}: the connection was lost during the commit. The ledger shows whether it was committed.`,
        { cause: error },
      )
    }
  }

  /** Ends the server's process of a lost session, so that it has no locks after the run. */
  async #endOnServer(backend: Backend): Promise<void> {
    const signal = AbortSignal.timeout(CLEAN_UP_MS)
    try {
      const session = await Session.connect(this.place.address, signal)
      await session.unlessAborted(signal, () => end(session, backend)).finally(() => session.close())
    } catch {
      // The server will notice by itself that the session is lost.
    }
  }
}

/** Runs a read-only query and passes its rows on in batches. */
async function queryRows(session: Session, sql: string, take: TakeRows): Promise<number> {
  let count = 0
  await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const alias = rowAlias(sql)
  await session.run(
    `DECLARE mixload_rows NO SCROLL CURSOR FOR SELECT row_to_json(${alias}.*) AS row FROM (${sql}\n) AS ${alias}`,
  )
  for (;;) {
    const rows = await session.rows(`FETCH ${ROWS_AT_ONCE} FROM mixload_rows`)
    if (rows.length === 0) break
    count += rows.length
    await take(rows.map(({ row }) => row ?? 'null'))
  }
  await session.run('COMMIT')
  return count
}
