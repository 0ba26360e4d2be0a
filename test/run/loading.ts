import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import type { Load } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { MixpanelClient } from '../../lib/mixpanel/client.ts'
import type { Credentials } from '../../lib/mixpanel/credentials.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import type { ProgressEvent } from '../../lib/progress.ts'
import { type LoadOptions, loadStream } from '../../lib/run/load-stream.ts'
import type { StreamPlan } from '../../lib/run/stream-plan.ts'
import { type StreamSummary, StreamTally } from '../../lib/run/tally.ts'
import { type RawSettings, resolveSettings } from '../../lib/settings.ts'
import { type Slice, type StreamSlice, WHOLE_TABLE } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import type { LineBatch, Stream } from '../../lib/streams/stream.ts'
import { intercepted } from '../destination/intercepted.ts'

/** What runs of streams need, and the warehouse that they load. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string
  readonly spool: SpoolDirectory
  readonly engine: Engine
  readonly destination: Warehouse
  readonly progress: ProgressEvent[]
  /** Called before each load is written; what it throws is thrown by the driver. */
  beforeWrite: ((load: Load) => void | Promise<void>) | undefined
  run(stream: Stream, more?: RunMore): Promise<StreamSummary>
  /** Rows of a table of the DuckDB destination. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>
}

export interface RunMore {
  readonly settings?: RawSettings
  readonly slices?: readonly Slice[]
  /** Mixpanel's address; none by default. */
  readonly apiUrl?: string
  readonly credentials?: Credentials
  readonly projectId?: string
  /** Of the project; UTC by default. */
  readonly zone?: string
  readonly destination?: Warehouse
  readonly signal?: AbortSignal
  readonly retry?: LoadOptions['retry']
}

/** Never waits long between attempts. */
const QUICK: NonNullable<LoadOptions['retry']> = {
  retries: { NETWORK_FAILED: 2, SERVER_FAILED: 2, RATE_LIMITED: 2 },
  firstDelayMs: 1,
  delayMaxMs: 5,
}

/** A DuckDB database in memory, an engine and a spool, closed and deleted together. */
export async function openWorkshop(): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  const spool = await SpoolDirectory.create(directory)
  const engine = await Engine.create({ memoryLimit: '500MB', temporaryDirectory: join(directory, 'engine') })
  const driver = intercepted(new DuckDbDriver({ path: ':memory:', schema: 'mixpanel', engine }), async (call, work) => {
    if (call.name === 'write') await workshop.beforeWrite?.(call.load)
    return work()
  })
  const destination = new Warehouse(driver, { engine })
  await destination.open(new AbortController().signal)
  const progress: ProgressEvent[] = []
  const workshop: Workshop = {
    beforeWrite: undefined,
    directory,
    spool,
    engine,
    destination,
    progress,
    async run(stream, { settings = {}, slices, apiUrl = 'http://127.0.0.1:1', signal, retry, ...more } = {}) {
      await using client = new MixpanelClient({
        hosts: apiHosts('us', apiUrl),
        credentials: more.credentials ?? { kind: 'service-account', user: 'someone', secret: 'secret' },
        projectId: more.projectId ?? '1',
        firstByteTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
      })
      const budget = new RequestBudget(directory, 'query', { perHour: 0, perSecond: 0 })
      const tally = new StreamTally(stream)
      const options: LoadOptions = {
        settings: resolveSettings({}, {}, settings),
        zone: more.zone ?? 'UTC',
        client,
        budgets: { data: budget, app: budget },
        destination: more.destination ?? destination,
        engine,
        spool,
        retry: retry ?? QUICK,
        onProgress: (event) => progress.push(event),
        signal: signal ?? new AbortController().signal,
      }
      await loadStream(planOf(stream, slices), options, tally)
      return tally.summary()
    },
    async rows(sql) {
      const connection = await engine.connect()
      try {
        await connection.run('USE warehouse.mixpanel')
        return await connection.all(sql)
      } finally {
        connection.close()
      }
    },
    async [Symbol.asyncDispose]() {
      await destination[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
  return workshop
}

/** A plan for these days, or for the whole table. */
export function planOf(stream: Stream, days: readonly Slice[] = []): StreamPlan {
  const slices: readonly StreamSlice[] = stream.replication === 'full-table' ? [WHOLE_TABLE] : days
  const clock = { zone: 'UTC', daysAreLocal: false }
  return { stream, ledger: [], clock, days: undefined, slices, lateSlices: [], requests: undefined }
}

/**
 * A batch of records, each as its identity, empty if it has none, and the JSON of its properties.
 */
export function batch(table: string, records: readonly (readonly [identity: string, properties: string])[]): LineBatch {
  const lines = records.map(([identity, properties]) =>
    identity === ''
      ? `{"properties":${properties}}\n`
      : `{"$distinct_id":${JSON.stringify(identity)},"$properties":${properties}}\n`,
  )
  return { table, lines: Buffer.from(lines.join('')) }
}
