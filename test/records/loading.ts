import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDuckDbDestination } from '../../destinations/duckdb/index.ts'
import type { Destination } from '../../lib/destination.ts'
import { Engine } from '../../lib/engine.ts'
import type { RunEvent } from '../../lib/events.ts'
import { RequestBudget } from '../../lib/mixpanel/budget.ts'
import { type Credentials, MixpanelClient } from '../../lib/mixpanel/client.ts'
import { apiHosts } from '../../lib/mixpanel/regions.ts'
import { type RecordRunOptions, type RecordRunSummary, runRecordStream } from '../../lib/records/run.ts'
import { type RawSettings, resolveSettings } from '../../lib/settings.ts'
import type { Slice } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import type { RecordBatch, RecordStream } from '../../lib/streams/stream.ts'

/** What runs of streams need, and the warehouse that they load. */
export interface Workshop extends AsyncDisposable {
  readonly directory: string
  readonly spool: SpoolDirectory
  readonly engine: Engine
  readonly destination: Destination
  readonly told: RunEvent[]
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
  const destination = createDuckDbDestination({ path: ':memory:', schema: 'mixpanel', engine })
  await destination.open(new AbortController().signal)
  const told: RunEvent[] = []
  return {
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
        firstByteTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
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
