import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Timing } from '../../destinations/bigquery/api/timing.ts'
import { BigQueryDriver, type BigQueryOptions } from '../../destinations/bigquery/driver.ts'
import { ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import type { Retries } from '../../lib/destination/retries.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { type FakeBigQuery, type ReceivedRequest, startFakeBigQuery } from '../bigquery-fake/server.ts'
import type { Limits, Row } from '../bigquery-fake/store.ts'
import { COLUMNS } from '../conformance/rows.ts'
import { newEngine } from './engine.ts'

export const UNLIMITED: Partial<Limits> = {
  updatesPerTenSeconds: Number.POSITIVE_INFINITY,
  partitionedUpdatesPerTenSeconds: Number.POSITIVE_INFINITY,
}

/** Short waits and few attempts. */
export const SHORT: Partial<Timing> = {
  retries: 2,
  retryDelayMs: 1,
  pollMs: 1,
  jobAttempts: 3,
  updatesPerTenSeconds: Number.POSITIVE_INFINITY,
  partitionedUpdatesPerTenSeconds: Number.POSITIVE_INFINITY,
}

export const DATASET = 'mixpanel'

/** A fake BigQuery with its clients, each of which is a separate run. */
export interface FakePlace extends AsyncDisposable {
  readonly fake: FakeBigQuery
  readonly engine: Engine
  readonly warnings: readonly string[]
  /** A run. A client can have several, one after the other. */
  client(name: string, options?: Partial<BigQueryOptions>, retries?: Retries): Warehouse
  rows(table: string): readonly Row[]
  /** The jobs that were sent, without placeholders. */
  jobsSent(client?: string): readonly SentJob[]
  stages(): readonly string[]
}

/** Columns of a table that numbers its rows, like `export`. */
export const NUMBERED: readonly Column[] = [
  ...COLUMNS,
  { name: ROW_COLUMN, type: 'bigint', role: 'fixed', property: null },
]

export interface SentJob {
  readonly id: string
  readonly purpose: string
  readonly kind: 'load' | 'copy' | 'query'
  readonly target: string
  readonly disposition: string | undefined
}

export async function fakePlace(limits: Partial<Limits> = UNLIMITED): Promise<FakePlace> {
  const fake = await startFakeBigQuery(limits)
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  const engine = await newEngine(directory)
  const opened: Warehouse[] = []
  const warnings: string[] = []
  return {
    fake,
    engine,
    warnings,
    client(name, options = {}, retries = undefined) {
      const destination = new Warehouse(
        new BigQueryDriver({
          url: `bigquery://proj/${DATASET}`,
          bigqueryEndpoint: fake.url(name),
          schema: 'mixpanel',
          engine,
          workDirectory: directory,
          warn: (message) => warnings.push(message),
          ...options,
          timing: { ...SHORT, ...options.timing },
        }),
        { engine, retries },
      )
      opened.push(destination)
      return destination
    },
    rows: (table) => fake.store.datasets.get(DATASET)?.tables.get(table)?.rows ?? [],
    jobsSent: (client) =>
      fake.requests.filter((request) => client === undefined || request.client === client).flatMap(sentJobIn),
    stages: () =>
      [...(fake.store.datasets.get(DATASET)?.tables.keys() ?? [])].filter((name) => name.startsWith('_mixload_stage_')),
    async [Symbol.asyncDispose]() {
      fake.fault = () => undefined
      for (const destination of opened) await destination[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await fake.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function sentJobIn({ job }: ReceivedRequest): readonly SentJob[] {
  if (job === undefined || job.configuration.labels?.mixload === 'burnt') return []
  const { load, copy, query, labels = {} } = job.configuration
  const transfer = load ?? copy ?? query
  return [
    {
      id: job.id,
      purpose: labels.mixload ?? '',
      kind: load !== undefined ? 'load' : copy !== undefined ? 'copy' : 'query',
      target: transfer?.destinationTable?.tableId ?? '',
      disposition: transfer?.writeDisposition,
    },
  ]
}
