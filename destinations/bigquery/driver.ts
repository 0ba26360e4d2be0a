import { quoteName } from '../../lib/core/sql.ts'
import type {
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
} from '../../lib/destination/contract.ts'
import { BigQueryClient } from './api/client.ts'
import { credentialsFor } from './api/credentials.ts'
import { textOf } from './api/json.ts'
import { Pace } from './api/pace.ts'
import { Tables } from './api/tables.ts'
import { TIMING, type Timing } from './api/timing.ts'
import { BigQueryConnection, type BigQueryPlace, BigQueryReader } from './connection.ts'
import { CAPABILITIES } from './dialect.ts'
import { explain } from './failures.ts'
import { Jobs } from './jobs/jobs.ts'
import { newLeaseOwner, retireLeaseOwner } from './lease/lease-owner.ts'
import { ensureLedger, LOADS, MetadataCache, REJECTS } from './ledger.ts'
import { Lease } from './lock.ts'
import { ensureDataset } from './tables.ts'
import { type BigQueryAddress, endpointOf, parseUrl, placeOf } from './url.ts'
import { Loads } from './write.ts'

export interface BigQueryOptions extends DestinationOptions {
  readonly timing?: Partial<Timing>
  /** The most bytes of rows, before compression, in one file. */
  readonly fileBytesMax?: number
}

/**
 * "Maximum file size, compressed: 4 GB" (docs.cloud.google.com/bigquery/quotas); compression makes
 * it less.
 */
const FILE_BYTES_MAX = 3_900_000_000
/** How long the release of the lease may delay a failure to connect. */
const RELEASE_MS = 15_000

/**
 * Loads into a BigQuery dataset by load jobs. The run lock is a lease that is kept in the dataset.
 */
export class BigQueryDriver implements DestinationDriver {
  readonly capabilities = CAPABILITIES
  readonly description: string
  readonly explain = explain
  readonly #options: BigQueryOptions
  readonly #address: BigQueryAddress
  readonly #timing: Timing
  readonly #client: BigQueryClient
  readonly #tables: Tables
  readonly #jobs: Jobs
  /**
   * The same for its whole life, so that it recognizes its own lease if a release went unanswered.
   */
  readonly #owner = newLeaseOwner()
  #location: string | undefined

  constructor(options: BigQueryOptions) {
    this.#options = options
    this.#address = parseUrl(options)
    this.description = placeOf(this.#address)
    const { project, dataset } = this.#address
    const timing = { ...TIMING, ...options.timing }
    const pace = new Pace(timing)
    const credentials = credentialsFor(this.#address)
    this.#timing = timing
    this.#client = new BigQueryClient({ endpoint: endpointOf(this.#address), project, credentials, timing })
    this.#tables = new Tables(this.#client, pace, project, dataset)
    this.#jobs = new Jobs({
      client: this.#client,
      project,
      timing,
      pace,
      location: () => this.#location,
      placeholderTable: this.#tables.reference(REJECTS),
    })
  }

  pathInViews(table: string): string {
    const { project, dataset } = this.#address
    return [project, dataset, table].map((part) => quoteName(part, '`')).join('.')
  }

  async connect(signal: AbortSignal): Promise<DestinationConnection> {
    const dataset = await ensureDataset(this.#tables, this.#address, signal)
    this.#location = dataset.location
    const [client, tables, timing, owner] = [this.#client, this.#tables, this.#timing, this.#owner]
    const lease = new Lease({ client, tables, timing, place: this.description, owner })
    try {
      // Every run creates the same ledger, so it need not wait for the lease.
      const [pending] = await Promise.all([lease.take(signal), ensureLedger(tables, dataset.isNew, signal)])
      const cache = new MetadataCache(tables, true)
      const { warn, engine } = this.#options
      const loads = new Loads({ tables, jobs: this.#jobs, lease, cache, now: () => client.serverNow, warn })
      if (pending.length > 0) {
        await loads.settle(pending, signal)
        await lease.note([], signal)
      }
      return new BigQueryConnection(this.#place(cache), lease, loads, await engine.connect())
    } catch (error) {
      await lease.release(AbortSignal.timeout(RELEASE_MS)).catch(() => {})
      throw error
    }
  }

  async connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined> {
    // Fails now, not later, if the dataset may not be read.
    const dataset = await this.#tables.getDataset(signal)
    if (dataset === undefined || (await this.#tables.get(LOADS, signal)) === undefined) return undefined
    this.#location = textOf(dataset.location)
    return new BigQueryReader(this.#place(new MetadataCache(this.#tables, false)))
  }

  async close(): Promise<void> {
    retireLeaseOwner(this.#owner)
    await this.#client.close()
  }

  #place(cache: MetadataCache): BigQueryPlace {
    const { engine, workDirectory, warn, fileBytesMax = FILE_BYTES_MAX } = this.#options
    const [client, tables, jobs, location] = [this.#client, this.#tables, this.#jobs, this.#location]
    return { client, tables, jobs, location, cache, engine, workDirectory, warn, fileBytesMax }
  }
}
