import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
} from '../../lib/destination/contract.ts'
import { LOADS } from '../../lib/destination/ledger.ts'
import { BigQueryClient } from './api/client.ts'
import { credentialsFor } from './api/credentials.ts'
import { textOf } from './api/json.ts'
import { Tables } from './api/tables.ts'
import { TIMING, type Timing } from './api/timing.ts'
import { BigQueryConnection, type BigQueryPlace, BigQueryReader } from './connection.ts'
import { CAPABILITIES } from './dialect.ts'
import { explain } from './failures.ts'
import { Jobs } from './jobs/jobs.ts'
import { newLeaseOwner, retireLeaseOwner } from './lease/lease-owner.ts'
import { ensureLedger, MetadataCache } from './ledger.ts'
import { Lease } from './lock.ts'
import { ensureDataset } from './tables.ts'
import { type BigQueryAddress, endpointOf, parseUrl, placeOf } from './url.ts'
import { Loads } from './write.ts'

export interface BigQueryOptions extends DestinationOptions {
  readonly timing?: Partial<Timing>
  /** The most bytes of rows, before compression, in one file. */
  readonly fileBytesMax?: number
}

/** "Maximum file size, compressed: 4 GB", docs.cloud.google.com/bigquery/quotas. */
const FILE_BYTES_MAX = 3_900_000_000

/** Loads into a BigQuery dataset by load jobs. The run lock is a lease that the dataset keeps. */
export class BigQueryDriver implements DestinationDriver {
  readonly capabilities = CAPABILITIES
  readonly description: string
  readonly explain = explain
  readonly #options: BigQueryOptions
  readonly #address: BigQueryAddress
  readonly #tables: Tables
  readonly #jobs: Jobs
  /** The same for life, so that it recognizes its own lease if a release went unanswered. */
  readonly #owner = newLeaseOwner()

  constructor(options: BigQueryOptions) {
    this.#options = options
    this.#address = parseUrl(options)
    this.description = placeOf(this.#address)
    const { project, dataset } = this.#address
    const credentials = credentialsFor(this.#address)
    const timing = { ...TIMING, ...options.timing }
    const client = new BigQueryClient({ endpoint: endpointOf(this.#address), project, credentials, timing })
    this.#tables = new Tables(client, dataset)
    this.#jobs = new Jobs(this.#tables)
  }

  pathInViews(table: string): string {
    return this.#tables.path(table)
  }

  async connect(signal: AbortSignal): Promise<DestinationConnection> {
    const isNew = await ensureDataset(this.#tables, this.#address, signal)
    const lease = new Lease(this.#tables, this.description, this.#owner)
    try {
      // Every run creates the same ledger, so it need not wait for the lease.
      const [pending] = await Promise.all([lease.take(signal), ensureLedger(this.#tables, isNew, signal)])
      const place = this.#place(true)
      const loads = new Loads({ ...place, lease })
      if (pending.length > 0) {
        await loads.settle(pending, signal)
        await lease.note([], signal)
      }
      return new BigQueryConnection(place, lease, loads, await place.engine.connect())
    } catch (error) {
      await lease.release()
      throw error
    }
  }

  async connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined> {
    // Fails now, not later, if the dataset may not be read.
    const dataset = await this.#tables.getDataset(signal)
    if (dataset === undefined || (await this.#tables.get(LOADS.name, signal)) === undefined) return undefined
    this.#tables.client.location = textOf(dataset.location)
    return new BigQueryReader(this.#place(false))
  }

  async close(): Promise<void> {
    retireLeaseOwner(this.#owner)
    await this.#tables.client.close()
  }

  #place(isWriter: boolean): BigQueryPlace {
    const { engine, workDirectory, warn, fileBytesMax = FILE_BYTES_MAX } = this.#options
    const cache = new MetadataCache(this.#tables, isWriter)
    return { tables: this.#tables, jobs: this.#jobs, cache, engine, workDirectory, warn, fileBytesMax }
  }
}
