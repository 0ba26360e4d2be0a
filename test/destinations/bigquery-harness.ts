import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Timing } from '../../destinations/bigquery/api/timing.ts'
import { BigQueryDriver, type BigQueryOptions } from '../../destinations/bigquery/driver.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { DestinationHarness } from '../conformance/harness.ts'
import type { BigQueryPlace } from './bigquery-places.ts'
import { rowsOf } from './bigquery-rows.ts'
import { kill, nextMessage, startProcess } from './child-process.ts'
import { newEngine } from './engine.ts'

/** For a local server without quotas. */
export const QUICK: Partial<Timing> = {
  retryDelayMs: 20,
  pollMs: 10,
  updatesPerTenSeconds: Number.POSITIVE_INFINITY,
  partitionedUpdatesPerTenSeconds: Number.POSITIVE_INFINITY,
}

export function optionsFor(
  { project, endpoint }: Pick<BigQueryPlace, 'project' | 'endpoint'>,
  dataset: string,
  engine: Engine,
  directory: string,
): BigQueryOptions {
  return {
    url: `bigquery://${project}/${dataset}`,
    bigqueryEndpoint: endpoint,
    schema: 'mixpanel',
    engine,
    workDirectory: directory,
    warn: () => {},
    ...(endpoint === undefined ? {} : { timing: QUICK }),
  }
}

/** Starts a process that opens a dataset, and with `load` loads into it: see bigquery-child.ts. */
export function startChild(
  mode: 'hold' | 'load',
  { project, endpoint }: Pick<BigQueryPlace, 'project' | 'endpoint'>,
  dataset: string,
  directory: string,
): ChildProcess {
  return startProcess('bigquery-child.ts', [mode, project, endpoint ?? '', dataset, directory])
}

/** Creates a dataset for each store. */
export function bigqueryHarness(place: () => Promise<BigQueryPlace>, name: string): DestinationHarness {
  return {
    name,
    queriesViews: true,
    async create() {
      const bigquery = await place()
      const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
      const dataset = bigquery.newDataset()
      const engine = await newEngine(directory)
      const children: ChildProcess[] = []
      const open = () => ({ engine, driver: new BigQueryDriver(optionsFor(bigquery, dataset, engine, directory)) })
      return {
        ...open(),
        reopen: async () => open(),
        readRows: (table) => rowsOf(bigquery, dataset, table),
        readFromOutside: (table) => rowsOf(bigquery, dataset, table),
        isUntouched: async () => (await bigquery.ask('GET', `${bigquery.project}/datasets/${dataset}`)) === undefined,
        async startRival() {
          const child = startChild('hold', bigquery, dataset, directory)
          children.push(child)
          const message = await nextMessage(child)
          if (message !== 'open') throw new Error(`the rival could not open: ${JSON.stringify(message)}`)
          return { name: `process ${child.pid}@${hostname()}`, end: () => kill(child) }
        },
        async close() {
          for (const child of children) await kill(child)
          await engine[Symbol.asyncDispose]()
          await bigquery.ask('DELETE', `${bigquery.project}/datasets/${dataset}?deleteContents=true`)
          await rm(directory, { recursive: true, force: true })
        },
      }
    },
  }
}
