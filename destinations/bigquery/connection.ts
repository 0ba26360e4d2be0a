import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  DestinationConnection,
  DestinationReader,
  KnownColumn,
  Load,
  LoadRecord,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import type { Engine, EngineConnection } from '../../lib/engine/engine.ts'
import type { BigQueryClient } from './client.ts'
import { addColumns } from './columns.ts'
import { isTableName } from './dialect.ts'
import type { Jobs } from './jobs.ts'
import type { Lease } from './lease.ts'
import type { LoadPlan, Loads } from './loads.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { planLoad } from './plan.ts'
import { queryRows } from './query.ts'
import type { Tables } from './tables.ts'
import { replaceViews } from './views.ts'

/** A dataset, and what it is used with. */
export interface BigQueryPlace {
  readonly client: BigQueryClient
  readonly tables: Tables
  readonly jobs: Jobs
  readonly cache: MetadataCache
  readonly location: string | undefined
  readonly engine: Engine
  readonly workDirectory: string
  readonly warn: (message: string) => void
  readonly fileBytesMax: number
}

/** How long the release of the lease may delay the end of a run. */
const RELEASE_MS = 15_000

/** A dataset that is open to read. */
export class BigQueryReader implements DestinationReader {
  /** There is no connection to lose: each request makes its own. */
  readonly isLost = false
  protected readonly place: BigQueryPlace

  constructor(place: BigQueryPlace) {
    this.place = place
  }

  readLedger(): Promise<readonly LoadRecord[]> {
    return this.place.cache.loads()
  }

  async readColumns(table: string): Promise<readonly KnownColumn[]> {
    return isTableName(table) ? this.place.cache.columns(table) : []
  }

  query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    return queryRows(this.place, sql, take, signal)
  }

  async close(): Promise<void> {}
}

/** A dataset that is open to load, under the lease. */
export class BigQueryConnection extends BigQueryReader implements DestinationConnection {
  readonly #lease: Lease
  readonly #loads: Loads
  readonly #engine: EngineConnection

  constructor(place: BigQueryPlace, lease: Lease, loads: Loads, engine: EngineConnection) {
    super(place)
    this.#lease = lease
    this.#loads = loads
    this.#engine = engine
  }

  override async readLedger(): Promise<readonly LoadRecord[]> {
    await this.#loads.settleDoubt()
    return super.readLedger()
  }

  async createColumns(table: string, columns: readonly KnownColumn[]): Promise<void> {
    await this.#lease.assertHeld()
    await addColumns(this.place, table, columns)
  }

  async write(load: Load, signal: AbortSignal): Promise<void> {
    const directory = join(this.place.workDirectory, `bigquery-${randomUUID()}`)
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    let plan: LoadPlan | undefined
    try {
      plan = await planLoad({ ...this.place, connection: this.#engine, directory }, load, until)
      await this.#loads.commit(plan, signal)
    } finally {
      over.abort()
      await plan?.written
      await rm(directory, { recursive: true, force: true })
    }
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    await this.#lease.assertHeld()
    await replaceViews(this.place, views)
  }

  override async close(): Promise<void> {
    this.#engine.close()
    // If it cannot be released now, it expires.
    await this.#lease.release(AbortSignal.timeout(RELEASE_MS)).catch(() => {})
  }
}
