import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { type Database, newDatabase } from '../postgres/shared.ts'

const DAY = '2026-03-01'
const SPAN = ['--timezone', 'UTC', '--from', DAY, '--to', DAY]
const HUGE = 'p'.repeat(1024 * 1024)

let place: Workplace
let database: Database
beforeAll(async () => {
  place = await Workplace.create()
  database = await newDatabase()
  await place.simulator.ingest(eventsOf(DAY, 3, { [HUGE]: 1, [`${HUGE}2`]: 'x', nested: { [HUGE]: 1 } }))
  await place.simulator.ingest(eventsOf(DAY, 1).map((event) => ({ ...event, event: HUGE })))
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

it.each(['DuckDB', 'Parquet', 'Postgres'])('names of a megabyte are loaded into %s', async (kind) => {
  const urls: Readonly<Record<string, string>> = { DuckDB: 'duckdb:w.duckdb', Parquet: 'parquet:lake' }
  const more = { MIXLOAD_DESTINATION: urls[kind] ?? database.url }
  const { code, stdout, stderr } = await place.run(['backfill', ...SPAN], more)
  expect([code, stdout, stderr.length < 20_000]).toEqual([0, expect.stringContaining('export: 4 rows'), true])
  expect((await place.run(['status'], more)).stdout.length).toBeLessThan(1000)
})
