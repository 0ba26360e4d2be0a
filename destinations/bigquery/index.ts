import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MixloadError } from '../../lib/core/errors.ts'
import { quoteName } from '../../lib/core/sql.ts'
import { alreadyLoaded, nextLoadedAt } from '../../lib/destination/commit-rules.ts'
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
import { inTurns } from '../../lib/destination/serialized.ts'
import type { EngineConnection } from '../../lib/engine/engine.ts'
import { BigQueryClient } from './client.ts'
import { addMissingColumns } from './columns.ts'
import { credentialsFor } from './credentials.ts'
import { ensureDataset, ensureLedger } from './dataset.ts'
import { isTableName, SUPPORTS } from './dialect.ts'
import { stepFailure } from './failures.ts'
import { Jobs } from './jobs.ts'
import { textOf } from './json.ts'
import { Lease } from './lease.ts'
import { newLeaseOwner, retireLeaseOwner } from './lease-owner.ts'
import { LOADS, REJECTS } from './ledger.ts'
import { type LoadPlan, Loads } from './loads.ts'
import { MetadataCache } from './metadata-cache.ts'
import { Pace } from './pace.ts'
import { planLoad } from './plan.ts'
import { queryRows } from './query.ts'
import { Tables } from './tables.ts'
import { TIMING, type Timing } from './timing.ts'
import { type BigQueryAddress, endpointOf, parseUrl, placeOf } from './url.ts'
import { replaceViews } from './views.ts'

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
/** How long the release of the lease may delay the end of a run. */
const RELEASE_MS = 15_000

/** The destination of a URL `bigquery://PROJECT/DATASET`. */
export function fromOptions(options: DestinationOptions): Destination {
  return createBigQueryDestination(options)
}

/**
 * Loads into a BigQuery dataset by load jobs. The run lock is a lease that is kept in the dataset.
 */
export function createBigQueryDestination(options: BigQueryOptions): Destination {
  return inTurns(new BigQueryDestination(options))
}

/** What a destination has while it is open. */
interface Access {
  /** Undefined if it is open to read only. */
  readonly writing: Writing | undefined
  readonly cache: MetadataCache
}

interface Writing {
  readonly lease: Lease
  readonly loads: Loads
  readonly connection: EngineConnection
}

class BigQueryDestination implements Destination {
  readonly supports = SUPPORTS
  readonly description: string
  readonly #options: BigQueryOptions
  readonly #address: BigQueryAddress
  readonly #client: BigQueryClient
  readonly #tables: Tables
  readonly #jobs: Jobs
  /**
   * The same for its whole life, so that it recognizes its own lease if a release went unanswered.
   */
  readonly #owner = newLeaseOwner()
  #location: string | undefined
  #access: Access | undefined
  #isClosed = false

  constructor(options: BigQueryOptions) {
    this.#options = options
    this.#address = parseUrl(options)
    this.description = placeOf(this.#address)
    const { project, dataset } = this.#address
    const timing = this.#timing
    const pace = new Pace(timing)
    const credentials = credentialsFor(this.#address)
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

  get #timing(): Timing {
    return { ...TIMING, ...this.#options.timing }
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#assertUsable()
    signal.throwIfAborted()
    const held = this.#access?.writing?.lease
    if (held?.isHeld === true) return this.#step('cannot be opened', () => held.assertHeld(signal), signal)
    await this.#close()
    await this.#step('cannot be opened', () => this.#openToWrite(signal), signal)
  }

  async #openToWrite(signal: AbortSignal): Promise<void> {
    const dataset = await ensureDataset(this.#tables, this.#address, signal)
    this.#location = dataset.location
    const lease = new Lease({
      client: this.#client,
      tables: this.#tables,
      timing: this.#timing,
      place: this.description,
      owner: this.#owner,
    })
    let connection: EngineConnection | undefined
    try {
      // Every run creates the same ledger, so it need not wait for the lease.
      const [pending] = await Promise.all([lease.take(signal), ensureLedger(this.#tables, dataset.isNew, signal)])
      const cache = new MetadataCache(this.#tables, true)
      const loads = new Loads({
        tables: this.#tables,
        jobs: this.#jobs,
        lease,
        cache,
        now: () => this.#client.serverNow,
        warn: this.#options.warn,
      })
      if (pending.length > 0) {
        await loads.settle(pending, signal)
        await lease.note([], signal)
      }
      connection = await this.#options.engine.connect()
      this.#access = { writing: { lease, loads, connection }, cache }
    } catch (error) {
      connection?.close()
      await lease.release(AbortSignal.timeout(RELEASE_MS)).catch(() => {})
      throw error
    }
  }

  async openToRead(signal: AbortSignal): Promise<void> {
    this.#assertUsable()
    signal.throwIfAborted()
    await this.#close()
    await this.#step(
      'cannot be opened',
      async () => {
        // Fails now, not later, if the dataset may not be read.
        this.#location = textOf((await this.#tables.getDataset(signal))?.location)
        this.#access = { writing: undefined, cache: new MetadataCache(this.#tables, false) }
      },
      signal,
    )
  }

  async columns(table: string): Promise<readonly KnownColumn[]> {
    const { cache } = this.#opened
    if (!isTableName(table)) return []
    return this.#step('cannot be read', () => cache.columns(table))
  }

  async addColumns(table: string, columns: readonly NewColumn[]): Promise<void> {
    const { lease } = this.#writing
    const { cache } = this.#opened
    await this.#step('cannot add columns', async () => {
      await lease.assertHeld()
      await addMissingColumns({ tables: this.#tables, cache, jobs: this.#jobs }, table, columns)
    })
  }

  async ledger(stream: string): Promise<readonly LoadRecord[]> {
    const { cache, writing } = this.#opened
    return this.#step('cannot be read', async () => {
      await writing?.loads.settleDoubt()
      return (await cache.loads()).filter((load) => load.stream === stream)
    })
  }

  async load(relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> {
    const { loads } = this.#writing
    signal.throwIfAborted()
    const directory = join(this.#options.workDirectory, `bigquery-${randomUUID()}`)
    const what = `load ${record.loadId} was not committed`
    const over = new AbortController()
    let plan: LoadPlan | undefined
    try {
      const settled = await this.#step(what, () => loads.settleDoubt(signal), signal)
      // An attempt before this one was committed, which was unknown until now.
      const before = settled.find(({ loadId }) => loadId === record.loadId)
      if (before !== undefined) return before
      const until = AbortSignal.any([signal, over.signal])
      plan = await this.#step(what, () => this.#plan(directory, relation, target, record, until), signal)
      await loads.commit(plan, signal)
      return plan.pending.record
    } finally {
      over.abort()
      await plan?.written
      await rm(directory, { recursive: true, force: true })
    }
  }

  async #plan(
    directory: string,
    relation: Relation,
    target: LoadTarget,
    record: NewLoad,
    signal: AbortSignal,
  ): Promise<LoadPlan> {
    const { connection } = this.#writing
    const { cache } = this.#opened
    const committed = await cache.loads(signal)
    if (committed.some(({ loadId }) => loadId === record.loadId)) throw alreadyLoaded(record.loadId)
    const loaded: LoadRecord = { ...record, loadedAt: nextLoadedAt(committed.at(-1)?.loadedAt) }
    const { engine, warn, fileBytesMax = FILE_BYTES_MAX } = this.#options
    const options = { engine, cache, connection, directory, warn, fileBytesMax }
    return planLoad(options, relation, target, loaded, signal)
  }

  async putViews(views: readonly View[]): Promise<void> {
    const { lease } = this.#writing
    await this.#step('cannot create the views', async () => {
      await lease.assertHeld()
      await replaceViews({ client: this.#client, tables: this.#tables, location: this.#location }, views)
    })
  }

  async query(sql: string, take: TakeRows, signal: AbortSignal): Promise<number> {
    const { writing } = this.#opened
    const context = { client: this.#client, location: this.#location, warn: this.#options.warn }
    return this.#step(
      'cannot run the query',
      async () => {
        if (writing === undefined && (await this.#tables.get(LOADS, signal)) === undefined) return 0
        return queryRows(context, sql, take, signal)
      },
      signal,
    )
  }

  pathInViews(table: string): string {
    const { project, dataset } = this.#address
    return [project, dataset, table].map((part) => quoteName(part, '`')).join('.')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#close()
    retireLeaseOwner(this.#owner)
    await this.#client.close()
  }

  async #close(): Promise<void> {
    const writing = this.#access?.writing
    this.#access = undefined
    if (writing === undefined) return
    writing.connection.close()
    // If it cannot be released now, it expires.
    await writing.lease.release(AbortSignal.timeout(RELEASE_MS)).catch(() => {})
  }

  get #opened(): Access {
    this.#assertUsable()
    if (this.#access === undefined) throw new MixloadError('DESTINATION_FAILED', `${this.description} is not open yet.`)
    return this.#access
  }

  get #writing(): Writing {
    const { writing } = this.#opened
    if (writing === undefined) {
      throw new MixloadError('DESTINATION_FAILED', `${this.description} is open to read only.`)
    }
    return writing
  }

  #assertUsable(): void {
    if (this.#isClosed) throw new MixloadError('CLOSED', `${this.description} has been closed.`)
  }

  async #step<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      throw stepFailure(`${this.description}: ${what}`, error)
    }
  }
}
