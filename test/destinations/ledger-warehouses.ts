import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import { LOADS } from '../../lib/destination/ledger.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { DATASET, fakePlace } from './bigquery-fakes.ts'
import { newEngine } from './engine.ts'
import { PostgresPlace } from './postgres-place.ts'

/** A warehouse whose ledger can be made like that of an earlier version. */
export interface LedgerWarehouse extends AsyncDisposable {
  /** A warehouse of its own for each run. */
  open(): Warehouse
  /** Removes a column of `_mixload_loads`, with its values. No destination may be open. */
  dropColumn(name: string): Promise<void>
}

/** The warehouses that keep their ledger in tables or files. */
export const WAREHOUSES: Readonly<Record<string, () => Promise<LedgerWarehouse>>> = {
  async DuckDB() {
    const { directory, engine, close } = await workplace()
    const path = join(directory, 'warehouse.duckdb')
    return {
      open: () => new Warehouse(new DuckDbDriver({ path, schema: 'mixpanel', engine }), { engine }),
      async dropColumn(name) {
        const instance = await DuckDBInstance.create(path)
        const connection = await instance.connect()
        await connection.run(`ALTER TABLE mixpanel.${LOADS.name} DROP COLUMN ${name}`)
        instance.closeSync()
      },
      [Symbol.asyncDispose]: close,
    }
  },

  async Postgres() {
    const place = await PostgresPlace.create()
    return {
      open: () => place.destination(),
      async dropColumn(name) {
        await place.query(`ALTER TABLE mixpanel.${LOADS.name} DROP COLUMN ${name}`)
      },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    }
  },

  async Parquet() {
    const { directory, engine, close } = await workplace()
    const lake = join(directory, 'lake')
    return {
      open: () => new Warehouse(new ParquetDriver({ directory: lake, engine, warn: () => {} }), { engine }),
      async dropColumn(name) {
        const loads = join(lake, '_mixload', 'loads')
        for (const file of await readdir(loads)) {
          const { [name]: _, ...old } = JSON.parse(await readFile(join(loads, file), 'utf8'))
          await writeFile(join(loads, file), `${JSON.stringify(old)}\n`)
        }
      },
      [Symbol.asyncDispose]: close,
    }
  },

  async BigQuery() {
    const place = await fakePlace()
    let runs = 0
    return {
      open: () => place.client(`run-${++runs}`),
      async dropColumn(name) {
        const table = place.fake.store.datasets.get(DATASET)?.tables.get(LOADS.name)
        if (table === undefined) throw new Error('there is no ledger')
        const { fields } = table.resource.schema as { readonly fields: readonly { readonly name: string }[] }
        table.resource = { ...table.resource, schema: { fields: fields.filter((field) => field.name !== name) } }
        table.rows = table.rows.map(({ [name]: _, ...row }) => row)
      },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    }
  },
}

async function workplace() {
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  const engine = await newEngine(directory)
  const close = async () => {
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
  return { directory, engine, close }
}
