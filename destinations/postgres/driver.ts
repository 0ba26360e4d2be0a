import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName, quotePath } from '../../lib/core/sql.ts'
import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
  Explanation,
} from '../../lib/destination/contract.ts'
import { PostgresConnection, type PostgresPlace, PostgresReader } from './connection.ts'
import { CsvOutlet } from './copy/csv-feed.ts'
import { CAPABILITIES } from './dialect.ts'
import { explain } from './failures.ts'
import { Ledger } from './ledger.ts'
import { takeRunLock } from './lock.ts'
import { type PostgresAddress, placeOf } from './session/address.ts'
import { ConnectError, sqlStateOf } from './session/errors.ts'
import { type Backend, Session } from './session/session.ts'
import { parseUrl } from './url.ts'

export interface PostgresOptions extends Pick<DestinationOptions, 'url' | 'schema' | 'engine' | 'workDirectory'> {
  readonly warn?: DestinationOptions['warn']
  /** How long one attempt to lock a table waits, and keeps others waiting behind it. */
  readonly lockTimeoutMs?: number
  /** How long such attempts are repeated, and how long a load waits for locks of others. */
  readonly lockPatienceMs?: number
  /** Whether rows may go through a named pipe. Default: if the system has them. */
  readonly hasPipes?: boolean
}

const LOCK_TIMEOUT_MS = 3000
const LOCK_PATIENCE_MS = 120_000
const INSUFFICIENT_PRIVILEGE = '42501'

/** Loads into a Postgres database by COPY. An advisory lock is the run lock. */
export class PostgresDriver implements DestinationDriver {
  readonly capabilities = CAPABILITIES
  readonly description: string
  readonly #options: PostgresOptions
  readonly #address: PostgresAddress
  /** Whether it was last opened to read, which needs other rights. */
  #isReading = false
  /** The last session that had the run lock. */
  #lastOwner: Backend | undefined
  #hasWarned = false

  constructor(options: PostgresOptions) {
    if (Buffer.byteLength(options.schema) > CAPABILITIES.identifierBytesMax) {
      throw new MixloadError('CONFIG_INVALID', `--schema: at most ${CAPABILITIES.identifierBytesMax} bytes.`)
    }
    this.#options = options
    this.#address = parseUrl(options.url)
    this.description = placeOf(this.#address)
  }

  pathInViews(table: string): string {
    return quotePath(this.#options.schema, table)
  }

  async connect(signal: AbortSignal): Promise<DestinationConnection> {
    this.#isReading = false
    const { schema, engine, workDirectory, hasPipes } = this.#options
    return this.#connected(signal, async (session) => {
      await takeRunLock(session, schema, this.description, this.#lastOwner)
      this.#lastOwner = session.backend
      await new Ledger(session, schema).create()
      return new PostgresConnection(session, this.#place, await CsvOutlet.open(engine, workDirectory, hasPipes))
    })
  }

  async connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined> {
    this.#isReading = true
    return this.#connected(signal, async (session) => {
      await session.run('SET default_transaction_read_only = on')
      if (await new Ledger(session, this.#options.schema).exists()) return new PostgresReader(session, this.#place)
      await session.close()
      return undefined
    })
  }

  explain(error: unknown): Explanation | undefined {
    const explanation = explain(error)
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) return explanation
    const schema = quoteName(this.#options.schema)
    const role = this.#address.user === undefined ? 'the user' : quoteName(this.#address.user)
    const grants = this.#isReading
      ? `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role};`
      : `CREATE SCHEMA IF NOT EXISTS ${schema}; GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role};`
    const owned = this.#isReading ? '' : ` The tables in it must be owned by ${role}.`
    return { ...explanation, advice: `As an owner of the database, run: ${grants}${owned}` }
  }

  async #connected<T>(signal: AbortSignal, prepare: (session: Session) => Promise<T>): Promise<T> {
    const session = await Session.connect(this.#address, signal)
    try {
      const connection = await session.unlessAborted(signal, () => prepare(session))
      this.#warnIfExposed(session)
      return connection
    } catch (error) {
      const isCut = session.isLost && !(error instanceof MixloadError)
      await session.close()
      throw isCut ? new ConnectError(error, undefined, true) : error
    }
  }

  get #place(): PostgresPlace {
    const { schema, lockTimeoutMs = LOCK_TIMEOUT_MS, lockPatienceMs = LOCK_PATIENCE_MS } = this.#options
    return { address: this.#address, description: this.description, schema, lockTimeoutMs, lockPatienceMs }
  }

  #warnIfExposed({ isExposed }: Session): void {
    if (!isExposed || this.#hasWarned) return
    this.#hasWarned = true
    this.#options.warn?.(
      `${this.description} is not encrypted. Add ?sslmode=verify-full, or disable if it need not be.`,
    )
  }
}
