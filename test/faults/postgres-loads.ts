import type pg from 'pg'
import { expect } from 'vitest'
import type { RetryPolicy } from '../../lib/core/retry.ts'
import type { ProgressEvent } from '../../lib/progress.ts'
import type { StreamSummary } from '../../lib/run/tally.ts'
import type { StoredRow } from '../conformance/harness.ts'
import type { PostgresServer } from '../postgres/server.ts'
import { asUser, connect, query, withClient } from '../postgres/shared.ts'
import { bodyOf, idsOf, sliceAt } from './day-events.ts'
import { FaultServer, whole } from './fault-server.ts'
import { Pipeline, type PostgresPlace } from './pipeline.ts'

/** How many days there are to load. */
export const DAYS = 3
export const PASSWORD = 'hush-hush'
const SLICES = Array.from({ length: DAYS }, (_, at) => sliceAt(at))

/** Waits for a server as long as one takes to come back in a test. */
export const MANY_RETRIES: RetryPolicy = {
  retries: { DESTINATION_UNAVAILABLE: 60, COMMIT_IN_DOUBT: 60 },
  firstDelayMs: 20,
  delayMaxMs: 500,
}
/** Gives up on a server soon. */
export const FEW_RETRIES: RetryPolicy = { ...MANY_RETRIES, retries: { DESTINATION_UNAVAILABLE: 2, COMMIT_IN_DOUBT: 2 } }

export interface PostgresLoadsOptions extends Pick<PostgresPlace, 'lockTimeoutMs' | 'lockPatienceMs'> {
  readonly perDay?: number
  /** Of a proxy to go through. */
  readonly port?: string
}

export interface RunOfDays {
  /** The first day's number. */
  readonly from?: number
  /** The number of the day after the last one. */
  readonly to?: number
  readonly onEvent?: (event: ProgressEvent) => void
}

/** Three days of events, and a database with a role that owns it, to load them into. */
export class PostgresLoads implements AsyncDisposable {
  /** Of the database, and of its role. */
  readonly name: string
  readonly pipeline: Pipeline
  readonly #perDay: number
  readonly #mixpanel: FaultServer
  readonly #databaseUrl: string

  private constructor(pipeline: Pipeline, name: string, perDay: number, mixpanel: FaultServer, databaseUrl: string) {
    this.pipeline = pipeline
    this.name = name
    this.#perDay = perDay
    this.#mixpanel = mixpanel
    this.#databaseUrl = databaseUrl
  }

  static async create(server: PostgresServer, options: PostgresLoadsOptions = {}): Promise<PostgresLoads> {
    const { perDay = 50, port, ...locks } = options
    const name = `loads_${crypto.randomUUID().slice(0, 8)}`
    await withClient(server.url, async (client) => {
      await client.query(`CREATE ROLE ${name} LOGIN PASSWORD '${PASSWORD}'`)
      await client.query(`CREATE DATABASE ${name} OWNER ${name}`)
    })
    const databaseUrl = server.url.replace(/[^/]*$/, name)
    const url = new URL(asUser(databaseUrl, name, PASSWORD))
    if (port !== undefined) url.port = port
    const pipeline = await Pipeline.create({
      url: url.href,
      query: (sql) => withClient(databaseUrl, (client) => query(client, sql)),
      ...locks,
    })
    const mixpanel = await FaultServer.start(({ day }) =>
      whole(bodyOf(day, perDay, { note: 'x'.repeat(1000) }), { framing: 'chunked', gzip: true }),
    )
    return new PostgresLoads(pipeline, name, perDay, mixpanel, databaseUrl)
  }

  /** A connection of the role's own. */
  connect(): Promise<pg.Client & AsyncDisposable> {
    return connect(asUser(this.#databaseUrl, this.name, PASSWORD))
  }

  /** Runs statements as the superuser. */
  query(sql: string): Promise<readonly StoredRow[]> {
    return withClient(this.#databaseUrl, (client) => query(client, sql))
  }

  /** Loads the days from one of them up to another. */
  run(destinationRetry = MANY_RETRIES, { from = 0, to = DAYS, onEvent }: RunOfDays = {}): Promise<StreamSummary> {
    return this.pipeline.run({
      url: this.#mixpanel.url,
      slices: SLICES.slice(from, to),
      destinationRetry,
      ...(onEvent === undefined ? {} : { onEvent }),
    })
  }

  /**
   * Asserts that the first days are there: each row once, each load once, and no rows of a load
   * that the ledger lacks; in the view, too.
   */
  async expectDays(days: number): Promise<void> {
    const { rows, latest, ledger } = await this.pipeline.stored()
    const slices = SLICES.slice(0, days)
    const ids = slices.flatMap(({ firstDay }) => idsOf(firstDay, this.#perDay))
    expect(rows.map((row) => row.mp_insert_id).toSorted()).toEqual(ids.toSorted())
    expect(latest ?? []).toHaveLength(ids.length)
    const loads = ledger.map(({ firstDay, rowCount }) => [firstDay, rowCount])
    expect(loads).toEqual(slices.map(({ firstDay }) => [firstDay, this.#perDay]))
    expect(new Set(rows.map((row) => row._load_id))).toEqual(new Set(ledger.map(({ loadId }) => loadId)))
  }

  /** Asserts that the first days are there and no others, and that another run loads these. */
  async expectToHeal(daysBefore: number): Promise<void> {
    await this.expectDays(daysBefore)
    await this.run(MANY_RETRIES, { from: daysBefore })
    await this.expectDays(DAYS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]()
    await this.#mixpanel[Symbol.asyncDispose]()
  }
}

/** Does something when the rows of the day with this number are about to be sent. */
export function atLoadOf(day: number, work: () => void): (event: ProgressEvent) => void {
  return (event) => {
    const isLoad = event.kind === 'slice-loading' && 'firstDay' in event.slice
    if (isLoad && event.slice.firstDay === SLICES[day]?.firstDay) work()
  }
}
