import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { MemoryDriver } from '../../destinations/memory/driver.ts'
import { PostgresDriver, type PostgresOptions } from '../../destinations/postgres/driver.ts'
import { DEFAULT_RETRIES, type RetryPolicy } from '../../lib/core/retry.ts'
import type { DestinationDriver, KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { MixpanelClient } from '../../lib/mixpanel/client.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import type { ProgressEvent } from '../../lib/progress.ts'
import { type LoadOptions, loadStream } from '../../lib/run/load-stream.ts'
import { type StreamSummary, StreamTally } from '../../lib/run/tally.ts'
import { type RawSettings, resolveSettings } from '../../lib/settings.ts'
import type { Slice } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { exportStream } from '../../lib/streams/export.ts'
import { planOf } from '../run/loading.ts'

/** Retries as often as a real run, in less time. */
const HURRIED: RetryPolicy = { ...DEFAULT_RETRIES, firstDelayMs: 1, delayMaxMs: 2 }

export interface RunOptions {
  /** Of the server in place of Mixpanel. */
  readonly url: string
  readonly slices: readonly Slice[]
  readonly write?: 'append' | 'replace'
  readonly settings?: RawSettings
  readonly retry?: RetryPolicy
  readonly destinationRetry?: RetryPolicy
  readonly idleTimeoutMs?: number
  readonly signal?: AbortSignal
  /** Puts something around the driver. */
  readonly around?: (driver: DestinationDriver) => DestinationDriver
  readonly onEvent?: (event: ProgressEvent) => void
}

/** What is in a warehouse. */
export interface Stored {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly rejects: readonly Readonly<Record<string, unknown>>[]
  /** What the view `export_latest` shows; undefined where there are no views. */
  readonly latest: readonly Readonly<Record<string, unknown>>[] | undefined
  readonly columns: readonly KnownColumn[]
  readonly ledger: readonly LoadRecord[]
}

interface Memory {
  readonly driver: MemoryDriver
  readonly engine: Engine
}

/** A database of Postgres: how the pipeline gets there, and another way to look at it. */
export interface PostgresPlace extends Pick<PostgresOptions, 'lockTimeoutMs' | 'lockPatienceMs'> {
  readonly url: string
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
}

/**
 * The whole pipeline of the event export, put together as the command line does, in this process.
 */
export class Pipeline implements AsyncDisposable {
  readonly directory: string
  readonly events: ProgressEvent[] = []
  /** Where rows go to memory: what outlives the runs. */
  readonly #memory: Memory | undefined
  readonly #postgres: PostgresPlace | undefined

  private constructor(directory: string, place: { memory?: Memory; postgres?: PostgresPlace }) {
    this.directory = directory
    this.#memory = place.memory
    this.#postgres = place.postgres
  }

  static async create(into: 'duckdb' | 'memory' | PostgresPlace = 'duckdb'): Promise<Pipeline> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-faults-'))
    if (into === 'duckdb') return new Pipeline(directory, {})
    if (into !== 'memory') return new Pipeline(directory, { postgres: into })
    const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
    return new Pipeline(directory, { memory: { driver: new MemoryDriver(engine), engine } })
  }

  /** A run of its own, as a new process would make it. */
  async run(options: RunOptions): Promise<StreamSummary> {
    const { url, slices, retry = HURRIED, signal = new AbortController().signal } = options
    const onProgress = (event: ProgressEvent) => {
      this.events.push(event)
      options.onEvent?.(event)
    }
    await using spool = await SpoolDirectory.create(join(this.directory, 'spool'))
    await using engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(spool.path, 'engine') })
    await using client = new MixpanelClient({
      hosts: apiHosts('us', url),
      credentials: { kind: 'service-account', user: 'user', secret: 'hush-hush' },
      projectId: '1000',
      firstByteTimeoutMs: options.idleTimeoutMs ?? 60_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    })
    const driver = this.#driver(engine)
    await using destination = new Warehouse(options.around?.(driver) ?? driver, {
      engine,
      retries: {
        policy: options.destinationRetry ?? HURRIED,
        onRetry: (error, delayMs) => onProgress({ kind: 'retry', error, delayMs }),
        signal,
      },
    })
    await destination.open(signal)
    const budget = new RequestBudget(join(this.directory, 'budget'), 'export', { perHour: 0, perSecond: 0 })
    const settings = resolveSettings({}, {}, { write: options.write ?? 'append', ...options.settings })
    const stream = exportStream(settings)
    const tally = new StreamTally(stream)
    const budgets = { data: budget, app: budget }
    const place = { destination, engine, spool }
    const given: LoadOptions = { ...place, settings, zone: 'UTC', client, budgets, retry, onProgress, signal }
    await loadStream(planOf(stream, slices), given, tally)
    return tally.summary()
  }

  /** What is committed, in the order of `time`. */
  async stored(): Promise<Stored> {
    await using spool = await SpoolDirectory.create(join(this.directory, 'spool'))
    await using engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(spool.path, 'engine') })
    await using destination = new Warehouse(this.#driver(engine), { engine })
    await destination.open(new AbortController().signal)
    const columns = await destination.columns('export')
    const ledger = await destination.ledger('export')
    if (this.#memory !== undefined) {
      const rows = (table: string) => this.#memory?.driver.peek(table)?.rows ?? []
      return { rows: rows('export'), rejects: rows('_mixload_rejects'), latest: undefined, columns, ledger }
    }
    const ask = await this.#reader(engine, columns)
    // A run that was killed right after it made the table leaves it without rows and views.
    const views = await ask(
      `SELECT 1 FROM information_schema.views WHERE table_schema = 'mixpanel' AND table_name = 'export_latest'`,
    )
    const all = (table: string) => ask(`SELECT * FROM mixpanel.${table}`)
    return {
      rows: columns.length > 0 ? await all('export ORDER BY time, event_id, distinct_id, mp_processing_time_ms') : [],
      rejects: await all('_mixload_rejects'),
      latest: views.length > 0 ? await all('export_latest ORDER BY time, event_id, distinct_id') : [],
      columns,
      ledger,
    }
  }

  /** Reads what is there by other means than the destination. Moments are dates. */
  async #reader(engine: Engine, columns: readonly KnownColumn[]): Promise<PostgresPlace['query']> {
    const postgres = this.#postgres
    if (postgres === undefined) {
      const connection = await engine.connect()
      await connection.run('USE warehouse')
      return (sql) => connection.all(sql)
    }
    const moments = columns.filter(({ type }) => type === 'timestamptz').map(({ name }) => name)
    const withDates = (row: Readonly<Record<string, unknown>>) => ({
      ...row,
      ...Object.fromEntries(
        moments.filter((name) => row[name] != null).map((name) => [name, new Date(`${row[name]}`)]),
      ),
    })
    return async (sql) => (await postgres.query(sql)).map(withDates)
  }

  #driver(engine: Engine): DestinationDriver {
    if (this.#memory !== undefined) return this.#memory.driver
    if (this.#postgres !== undefined) {
      const { query: _, ...options } = this.#postgres
      return new PostgresDriver({ ...options, schema: 'mixpanel', engine, workDirectory: this.directory })
    }
    return new DuckDbDriver({ path: join(this.directory, 'warehouse.duckdb'), schema: 'mixpanel', engine })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory?.engine[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
