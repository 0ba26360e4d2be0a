import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { LOADS, SCHEMAS } from '../../destinations/bigquery/ledger.ts'
import { createDuckDbDestination } from '../../destinations/duckdb/index.ts'
import { createParquetDestination } from '../../destinations/parquet/index.ts'
import type { Destination } from '../../lib/destination/contract.ts'
import { load, relationOf, TABLE, unaborted } from '../conformance/rows.ts'
import { DATASET, fakePlace } from './bigquery-fakes.ts'
import { newEngine } from './engine.ts'
import { PostgresPlace } from './postgres-place.ts'

const NOTHING = relationOf([], [])
const COUNTED = { dayRows: { '2026-08-03': 5 } }

/** A warehouse whose ledger was made before there was a column `day_rows`. */
interface OldWarehouse {
  open(): Promise<Destination> | Destination
  /** Takes the column away. */
  age(): Promise<void>
}

async function goesOn({ open, age }: OldWarehouse): Promise<void> {
  {
    await using first = await open()
    await first.open(unaborted())
    await load(first, 'old', NOTHING, { record: COUNTED })
  }
  await age()
  {
    await using reader = await open()
    await reader.openToRead(unaborted())
    expect(await reader.ledger(TABLE)).toMatchObject([{ loadId: 'old', dayRows: null }])
  }
  await using writer = await open()
  await writer.open(unaborted())
  await load(writer, 'new', NOTHING, { record: COUNTED })
  expect(await writer.ledger(TABLE)).toMatchObject([
    { loadId: 'old', dayRows: null },
    { loadId: 'new', ...COUNTED },
  ])
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe('a ledger without day_rows is read, and gets the column before the next load', () => {
  it('in DuckDB', () =>
    inDirectory(async (directory) => {
      const path = join(directory, 'warehouse.duckdb')
      await using engine = await newEngine(directory)
      await goesOn({
        open: () => createDuckDbDestination({ path, schema: 'mixpanel', engine }),
        async age() {
          const instance = await DuckDBInstance.create(path)
          const connection = await instance.connect()
          await connection.run('ALTER TABLE mixpanel._mixload_loads DROP COLUMN day_rows')
          instance.closeSync()
        },
      })
    }))

  it('in Postgres', async () => {
    await using place = await PostgresPlace.create()
    await goesOn({
      open: () => place.destination(),
      age: async () => {
        await place.query('ALTER TABLE mixpanel._mixload_loads DROP COLUMN day_rows')
      },
    })
  })

  it('in Parquet', () =>
    inDirectory(async (directory) => {
      const lake = join(directory, 'lake')
      await using engine = await newEngine(directory)
      await goesOn({
        open: () => createParquetDestination({ directory: lake, engine, warn: () => {} }),
        async age() {
          const loads = join(lake, '_mixload', 'loads')
          for (const name of await readdir(loads)) {
            const { day_rows, ...old } = JSON.parse(await readFile(join(loads, name), 'utf8'))
            await writeFile(join(loads, name), `${JSON.stringify(old)}\n`)
          }
        },
      })
    }))

  it('in BigQuery', async () => {
    await using place = await fakePlace()
    let runs = 0
    await goesOn({
      open: () => place.client(`run-${++runs}`),
      async age() {
        const table = place.fake.store.datasets.get(DATASET)?.tables.get(LOADS)
        if (table === undefined) throw new Error('there is no ledger')
        const fields = SCHEMAS[LOADS].filter(({ name }) => name !== 'day_rows')
        table.resource = { ...table.resource, schema: { fields } }
        table.rows = table.rows.map(({ day_rows, ...row }) => row)
      },
    })
  })
})
