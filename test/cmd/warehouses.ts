import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { emulatedBigQuery } from '../destinations/bigquery-places.ts'
import { rowsOf } from '../destinations/bigquery-rows.ts'
import { newDatabase } from '../postgres/shared.ts'

/** What matters about an event that was loaded. */
export interface LoadedEvent {
  readonly day: string
  readonly insertId: string
  readonly loadId: string
}

/** A place for the command line to load into, read by other means than mixload's. */
export interface Warehouse extends AsyncDisposable {
  /** As `--destination` takes it. */
  readonly url: string
  events(): Promise<readonly LoadedEvent[]>
  /** Rows by load id, as the ledger has it. */
  ledger(): Promise<ReadonlyMap<string, number>>
}

/** Makes an empty one; `directory` is for its files. */
export type NewWarehouse = (directory: string) => Promise<Warehouse>

const EVENTS = 'SELECT CAST(_day AS VARCHAR) AS day, mp_insert_id AS insert_id, _load_id AS load_id FROM'
const LOADS = 'SELECT load_id, CAST(row_count AS VARCHAR) AS row_count FROM'

type TextRows = readonly Readonly<Record<string, unknown>>[]

function eventsOf(rows: TextRows): readonly LoadedEvent[] {
  return rows.map(({ day, insert_id, load_id }) => ({
    day: String(day),
    insertId: String(insert_id),
    loadId: String(load_id),
  }))
}

function ledgerOf(rows: TextRows): ReadonlyMap<string, number> {
  return new Map(rows.map(({ load_id, row_count }) => [String(load_id), Number(row_count)]))
}

async function askDuckDb(path: string, sql: string): Promise<TextRows> {
  const instance = await DuckDBInstance.create(path, path === ':memory:' ? {} : { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const duckdb: NewWarehouse = async (directory) => {
  const path = join(directory, 'warehouse.duckdb')
  return {
    url: `duckdb:${path}`,
    events: async () => eventsOf(await askDuckDb(path, `${EVENTS} mixpanel.export`)),
    ledger: async () => ledgerOf(await askDuckDb(path, `${LOADS} mixpanel._mixload_loads`)),
    async [Symbol.asyncDispose]() {},
  }
}

const postgres: NewWarehouse = async () => {
  const database = await newDatabase()
  return {
    url: database.url,
    events: async () => eventsOf(await database.query(`${EVENTS} mixpanel.export`)),
    ledger: async () => ledgerOf(await database.query(`${LOADS} mixpanel._mixload_loads`)),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

const parquet: NewWarehouse = async (directory) => {
  const path = join(directory, 'parquet')
  const views = () => `${readFileSync(join(path, 'views.sql'), 'utf8')};`
  return {
    url: `parquet:${path}`,
    events: async () => eventsOf(await askDuckDb(':memory:', `${views()} ${EVENTS} export`)),
    ledger: async () => ledgerOf(await askDuckDb(':memory:', `${views()} ${LOADS} _mixload_loads`)),
    async [Symbol.asyncDispose]() {},
  }
}

const bigquery: NewWarehouse = async () => {
  const emulator = await emulatedBigQuery()
  const dataset = emulator.newDataset()
  const rows = (table: string) => rowsOf(emulator, dataset, table)
  return {
    url: `bigquery://${emulator.project}/${dataset}?endpoint=${encodeURIComponent(emulator.endpoint ?? '')}`,
    events: async () =>
      eventsOf(
        (await rows('export')).map((row) => ({ day: row._day, insert_id: row.mp_insert_id, load_id: row._load_id })),
      ),
    ledger: async () => ledgerOf(await rows('_mixload_loads')),
    [Symbol.asyncDispose]: () => emulator.stop(),
  }
}

/** By their names. */
export const WAREHOUSES: Readonly<Record<string, NewWarehouse>> = { duckdb, postgres, parquet, bigquery }
