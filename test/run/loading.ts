import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import type { Destination, Load } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { Engine } from '../../lib/engine/engine.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { type Credentials, MixpanelClient } from '../../lib/mixpanel/client.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import type { RunEvent } from '../../lib/progress.ts'
import { type RecordRunOptions, type RecordRunSummary, runRecordStream } from '../../lib/run/run-records.ts'
import { type RawSettings, resolveSettings } from '../../lib/settings.ts'
import type { Slice } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import type { RecordBatch, RecordStream } from '../../lib/streams/stream.ts'
import { intercepted } from '../destination/intercepted.ts'

/** What runs of streams need, and the warehouse that they load. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string
  readonly spool: SpoolDirectory
  readonly engine: Engine
  readonly destination: Destination
  readonly told: RunEvent[]
  /** Called before each load is written; what it throws is thrown by the driver. */
  beforeWrite: ((load: Load) => void) | undefined
  run(stream: RecordStream, more?: RunMore): Promise<RecordRunSummary>
  /** Rows of a table of the DuckDB destination. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>
}

export interface RunMore {
  readonly settings?: RawSettings
  readonly slices?: readonly Slice[]
  /** Where Mixpanel is; nowhere where left out. */
  readonly apiUrl?: string
  readonly credentials?: Credentials
  readonly projectId?: string
  /** Of the project; UTC where left out. */
  readonly zone?: string
  readonly destination?: Destination
  readonly signal?: AbortSignal
  readonly retry?: RecordRunOptions['retry']
}

/** Never waits long between tries. */
const QUICK: NonNullable<RecordRunOptions['retry']> = {
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
    if (call.name === 'write') workshop.beforeWrite?.(call.load)
    return work()
  })
  const destination = new Warehouse(driver, { engine })
  await destination.open(new AbortController().signal)
  const told: RunEvent[] = []
  const workshop: Workshop = {
    beforeWrite: undefined,
    directory,
    spool,
    engine,
    destination,
    told,
    async run(stream, { settings = {}, slices, apiUrl = 'http://127.0.0.1:1', signal, retry, ...more } = {}) {
      await using client = new MixpanelClient({
        hosts: apiHosts('us', apiUrl),
        credentials: more.credentials ?? { kind: 'service-account', user: 'someone', secret: 'secret' },
        projectId: more.projectId ?? '1',
        firstByteTimeoutMs: 5000,
        idleTimeoutMs: 5000,
      })
      return await runRecordStream(
        stream,
        {
          settings: resolveSettings({}, {}, settings),
          zone: more.zone ?? 'UTC',
          client,
          budget: new RequestBudget(directory, 'query', { perHour: 0, perSecond: 0 }),
          destination: more.destination ?? destination,
          engine,
          spool,
          ...(slices === undefined ? {} : { slices }),
          retry: retry ?? QUICK,
          tell: (event) => told.push(event),
        },
        signal ?? new AbortController().signal,
      )
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

/** A batch of records, each as its identity and the JSON of its members. */
export function batch(
  table: string,
  records: readonly (readonly [identity: string, properties: string])[],
): RecordBatch {
  const lines = records.map(
    ([identity, properties]) => `{"event":${JSON.stringify(identity)},"properties":${properties}}\n`,
  )
  return { table, lines: Buffer.from(lines.join('')) }
}
