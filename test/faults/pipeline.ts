import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDestination } from '../../destinations/index.ts'
import { createMemoryDestination, type MemoryDestination } from '../../destinations/memory/index.ts'
import { ColumnRegistry, type ColumnRules } from '../../lib/columns/registry.ts'
import type { Destination, KnownColumn, LoadRecord } from '../../lib/destination.ts'
import { Engine } from '../../lib/engine.ts'
import type { RunEvent } from '../../lib/events.ts'
import { Extractor } from '../../lib/extract.ts'
import { Loader } from '../../lib/load.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { MixpanelClient } from '../../lib/mixpanel/client.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import { patientDestination } from '../../lib/patient-destination.ts'
import { DEFAULT_RETRIES, type RetryPolicy } from '../../lib/retry.ts'
import { type RunSummary, runSlices } from '../../lib/run.ts'
import type { Slice } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool.ts'
import { exportColumns } from '../../lib/streams/export.ts'

const RULES: ColumnRules = { columnsMax: 1000, newProperties: 'capture', typeOf: () => undefined, isWanted: () => true }

/** As patient as a real run, in less time. */
export const HURRIED: RetryPolicy = { ...DEFAULT_RETRIES, firstDelayMs: 1, delayMaxMs: 2 }

export interface RunOptions {
  /** Of the server that stands for Mixpanel. */
  readonly url: string
  readonly slices: readonly Slice[]
  readonly write?: 'append' | 'replace'
  readonly retry?: RetryPolicy
  readonly destinationRetry?: RetryPolicy
  readonly idleTimeoutMs?: number
  readonly rules?: Partial<ColumnRules>
  readonly signal?: AbortSignal
  /** Puts something around the destination. */
  readonly around?: (destination: Destination) => Destination
  readonly onEvent?: (event: RunEvent) => void
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

/** The whole pipeline of the event export, put together as the command line does, in this process. */
export class Pipeline implements AsyncDisposable {
  readonly directory: string
  readonly events: RunEvent[] = []
  /** Where rows go to memory: what outlives the runs. */
  readonly #memory: { readonly destination: MemoryDestination; readonly engine: Engine } | undefined

  private constructor(directory: string, memory: { destination: MemoryDestination; engine: Engine } | undefined) {
    this.directory = directory
    this.#memory = memory
  }

  static async create(into: 'duckdb' | 'memory' = 'duckdb'): Promise<Pipeline> {
    const directory = await mkdtemp(join(tmpdir(), 'mixload-faults-'))
    if (into === 'duckdb') return new Pipeline(directory, undefined)
    const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
    return new Pipeline(directory, { destination: createMemoryDestination({ engine }), engine })
  }

  /** A run of its own, as a new process would make it. */
  async run(options: RunOptions): Promise<RunSummary> {
    const { url, slices, retry = HURRIED, signal = new AbortController().signal } = options
    const tell = (event: RunEvent) => {
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
    await using made = await this.#destination(engine)
    const inner = options.around?.(made) ?? made
    const destination = patientDestination(inner, { policy: options.destinationRetry ?? HURRIED, tell, signal })
    await destination.open(signal)
    const there = await destination.columns('export')
    const fixed = exportColumns(false).filter(({ name }) => !there.some((column) => column.name === name))
    const registry = new ColumnRegistry([...there, ...fixed], { ...RULES, ...options.rules })
    const loader = new Loader(
      {
        destination,
        engine,
        spool,
        registry,
        table: 'export',
        write: options.write ?? 'append',
        localZone: undefined,
        tell,
      },
      there,
    )
    await loader.putViews()
    const budget = new RequestBudget(join(this.directory, 'budget'), 'export', { perHour: 0, perSecond: 0 })
    const { valuesPerRowMax } = destination.supports
    const extractor = new Extractor({
      client,
      budget,
      retry,
      spool,
      registry,
      events: undefined,
      valuesPerRowMax,
      tell,
    })
    return await runSlices(slices, extractor, loader, tell, signal)
  }

  /** What is committed, in the order of `time`. */
  async stored(): Promise<Stored> {
    await using spool = await SpoolDirectory.create(join(this.directory, 'spool'))
    await using engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(spool.path, 'engine') })
    await using destination = await this.#destination(engine)
    await destination.open(new AbortController().signal)
    const columns = await destination.columns('export')
    const ledger = await destination.ledger('export')
    if (this.#memory !== undefined) {
      const rows = (table: string) => this.#memory?.destination.peek(table)?.rows ?? []
      return { rows: rows('export'), rejects: rows('_mixload_rejects'), latest: undefined, columns, ledger }
    }
    const connection = await engine.connect()
    // A run that was killed right after it made the table leaves it without rows and views.
    const views = await connection.all(
      `SELECT 1 FROM duckdb_views() WHERE database_name = 'warehouse' AND view_name = 'export_latest'`,
    )
    const all = (table: string) => connection.all(`SELECT * FROM warehouse.mixpanel.${table}`)
    return {
      rows: columns.length > 0 ? await all('export ORDER BY time, event_id, distinct_id, mp_processing_time_ms') : [],
      rejects: await all('_mixload_rejects'),
      latest: views.length > 0 ? await all('export_latest ORDER BY time, event_id, distinct_id') : [],
      columns,
      ledger,
    }
  }

  async #destination(engine: Engine): Promise<Destination> {
    if (this.#memory !== undefined) return { ...this.#memory.destination, async [Symbol.asyncDispose]() {} }
    return createDestination({
      url: `duckdb:${join(this.directory, 'warehouse.duckdb')}`,
      schema: 'mixpanel',
      engine,
      workDirectory: this.directory,
      warn: () => {},
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory?.destination[Symbol.asyncDispose]()
    await this.#memory?.engine[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
