import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams'
import { sqlText } from '../../../lib/core/sql-files.ts'
import { configOf, type PostgresAddress } from './address.ts'
import { ConnectError, endsSession } from './errors.ts'
import { watchLogin } from './login.ts'

/** Values as texts of the server, because pg reads dates and times in the local zone. */
export type Row = Readonly<Record<string, string | null>>

/** The server's process of one session. Ids are reused, so the start identifies it, too. */
export interface Backend {
  readonly pid: string
  readonly startedAt: string
}

/** How long an orderly end may take before the connection is cut. */
const FAREWELL_MS = 2000

/** Hosts that are on this machine. */
const LOCAL_HOST = /^(?:\/|localhost$|127\.|::1$)/

/** A session on the server. One statement at a time. Errors of pg are thrown as they are. */
export class Session {
  readonly #client: pg.Client
  readonly #socket: Socket
  #isLost = false
  /** Rejects once the connection is gone. */
  readonly lost: Promise<never>
  readonly backend: Backend
  /** Whether the connection is not encrypted, although the URL does not ask for that. */
  readonly isExposed: boolean

  private constructor(client: pg.Client, socket: Socket, backend: Backend, isPlainGiven: boolean) {
    this.#client = client
    this.#socket = socket
    this.isExposed = !client.ssl && !isPlainGiven && !LOCAL_HOST.test(client.host)
    this.backend = backend
    this.lost = new Promise((_, reject) => {
      const lose = (error: Error) => {
        this.#isLost = true
        reject(error)
      }
      client.on('error', lose)
      client.on('end', () => lose(new Error('The connection has ended')))
      if (socket.destroyed) lose(new Error('The connection has ended'))
    })
    this.lost.catch(() => {})
  }

  /**
   * Connects and logs in.
   * @throws ConnectError; the signal's reason when it is aborted.
   */
  static async connect(address: PostgresAddress, signal: AbortSignal): Promise<Session> {
    const session = await Session.#connect(address, address.tls, signal)
    if (session !== 'no TLS') return session
    return (await Session.#connect(address, false, signal)) as Session
  }

  static async #connect(
    address: PostgresAddress,
    tls: PostgresAddress['tls'],
    signal: AbortSignal,
  ): Promise<Session | 'no TLS'> {
    signal.throwIfAborted()
    const socket = new Socket()
    const client = new pg.Client({ ...configOf(address, tls), stream: () => socket })
    // PGPASSWORD from a file, as in Kubernetes, often ends with a line break.
    if (client.password) client.password = client.password.replace(/[\r\n]+$/, '')
    const login = watchLogin(client, socket, address.channelBinding === 'require')
    // The current statement, or the next one, fails with these errors.
    client.on('error', () => {})
    const stop = () => socket.destroy()
    signal.addEventListener('abort', stop)
    try {
      await client.connect()
      return new Session(client, socket, await prepare(client), address.tls === false)
    } catch (error) {
      const isCut = socket.destroyed || socket.readableEnded
      socket.destroy()
      signal.throwIfAborted()
      if (login.hasNoTls && address.isTlsOptional) return 'no TLS'
      throw new ConnectError(error, login, isCut)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Runs a statement and returns its rows. */
  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.#query(sql, values)).rows
  }

  /** Runs a statement and returns what the server says it did, such as `COMMIT`. */
  async run(sql: string, values: readonly unknown[] = []): Promise<string> {
    return (await this.#query(sql, values)).command
  }

  /** Begins a COPY from the returned stream. No other statement may run until it has ended. */
  copyFrom(sql: string): CopyStreamQuery {
    return this.#client.query(copyFrom(sql))
  }

  /** Runs statements. An aborted signal cuts the session off and rejects with its reason. */
  async unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const stop = () => this.destroy()
    signal.addEventListener('abort', stop)
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Rolls back. Returns false if the session does not answer; its connection is then cut. */
  async rollBack(): Promise<boolean> {
    try {
      await this.run('ROLLBACK')
      return true
    } catch {
      this.destroy()
      return false
    }
  }

  /** Ends the session in an orderly way. An open transaction is rolled back. */
  async close(): Promise<void> {
    if (!this.#isLost) {
      const farewell = new AbortController()
      const tooLong = sleep(FAREWELL_MS, undefined, { signal: farewell.signal }).catch(() => {})
      await Promise.race([this.#client.end().catch(() => {}), tooLong])
      farewell.abort()
    }
    this.destroy()
  }

  /** Cuts the connection. The server rolls back when it notices. */
  destroy(): void {
    this.#isLost = true
    this.#socket.destroy()
  }

  async #query(sql: string, values: readonly unknown[]): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#client.query<Row>(sql, [...values])
    } catch (error) {
      if (endsSession(error)) this.destroy()
      throw error
    }
  }
}

/** Sets the parameters that every session of mixload has. */
async function prepare(client: pg.Client): Promise<Backend> {
  await client.query(sqlText('postgres', 'session', {}))
  // If the server supports this, it soon ends a long statement of a run that was killed.
  await client.query("SET client_connection_check_interval = '10s'").catch(() => {})
  const { rows } = await client.query<Row>(
    'SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()',
  )
  return { pid: rows[0]?.pid ?? '', startedAt: rows[0]?.backend_start ?? '' }
}
