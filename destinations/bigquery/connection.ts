import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  Comments,
  DestinationConnection,
  DestinationOptions,
  DestinationReader,
  KnownColumn,
  Load,
  LoadRecord,
  RowChange,
  TableStorage,
  TakeRows,
  View,
} from '../../lib/destination/contract.ts'
import { removeStatement } from '../../lib/destination/load-rules.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { queryRows, scannedBytes } from './api/query.ts'
import type { Tables } from './api/tables.ts'
import { readComments, writeComments } from './comments.ts'
import { isTableName } from './dialect.ts'
import { changeRows, withBilling } from './jobs/change-rows.ts'
import type { Jobs } from './jobs/jobs.ts'
import { type LoadPlan, planLoad } from './jobs/plan.ts'
import type { MetadataCache } from './ledger.ts'
import type { Lease } from './lock.ts'
import { addColumns } from './tables.ts'
import { replaceViews } from './views.ts'
import type { Loads } from './write.ts'

/** A dataset, and what it is used with. */
export interface BigQueryPlace extends Pick<DestinationOptions, 'engine' | 'workDirectory' | 'warn'> {
  readonly tables: Tables
  readonly jobs: Jobs
  readonly cache: MetadataCache
  readonly fileBytesMax: number
}

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

  readComments(names: readonly string[]): Promise<readonly Comments[]> {
    return readComments(this.place.cache, names)
  }

  async readStorage(table: string, where: string | undefined, signal: AbortSignal): Promise<TableStorage> {
    const { cache, tables } = this.place
    const bytes = (await cache.reloadTable(table, signal))?.bytes
    if (where === undefined) return { bytes, scatteredDays: [] }
    const statement = removeStatement(tables.path(table), { where })
    const scanned = await removing(table, () => scannedBytes(tables.client.withSignal(signal), statement))
    return { bytes, scatteredDays: [], scannedBytes: scanned }
  }

  query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    return queryRows(this.place.tables.client, sql, take, this.place.warn, signal)
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
    const { cache, workDirectory } = this.place
    const directory = join(workDirectory, `bigquery-${randomUUID()}`)
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    let plan: LoadPlan | undefined
    try {
      // A replaced table takes the schema of the job, which must have columns that others have
      // added.
      const isReplaced = load.mode.kind === 'replace-table'
      const table = await (isReplaced ? cache.reloadTable(load.table, signal) : cache.table(load.table, signal))
      plan = await planLoad({ ...this.place, connection: this.#engine, directory }, load, table, until)
      const commit = this.#loads.commit(plan, signal)
      await (load.removal === undefined ? commit : removing(load.table, () => commit))
    } finally {
      over.abort()
      await plan?.written
      await rm(directory, { recursive: true, force: true })
    }
  }

  async changeRows(change: RowChange, signal: AbortSignal): Promise<void> {
    await this.#lease.assertHeld(signal)
    await changeRows(this.place, change, signal)
  }

  async replaceViews(views: readonly View[]): Promise<void> {
    await this.#lease.assertHeld()
    await replaceViews(this.place.tables, views)
  }

  async writeComments(changes: readonly Comments[]): Promise<void> {
    await this.#lease.assertHeld()
    await writeComments(this.place, changes)
  }

  override async close(): Promise<void> {
    this.#engine.close()
    await this.#lease.release()
  }
}

function removing<T>(table: string, work: () => Promise<T>): Promise<T> {
  return withBilling(table, 'removes', '', work)
}
