import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03']
const SPAN = ['--timezone', 'UTC', '--from', '2026-03-01', '--to', '2026-03-03', '--slice-days', '1']

let place: Workplace
beforeEach(async () => {
  place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, 10))
})
afterEach(() => place[Symbol.asyncDispose]())

const destinations = [
  ['DuckDB file', 'duckdb:warehouse.duckdb', 'warehouse.duckdb'],
  ['Parquet directory', 'parquet:lake', 'lake'],
] as const

it.each(destinations)('a %s that is moved away under a run is never taken for loaded', async (_, destination, name) => {
  let requests = 0
  place.simulator.onRequest(() => {
    // The last day is requested when the first one may or may not be committed.
    if (++requests === 3) void rename(join(place.directory, name), join(place.directory, 'gone'))
  })
  const { code, stderr } = await place.run(['backfill', ...SPAN], { MIXLOAD_DESTINATION: destination })
  expect(stderr).toContain(name)
  expect(code).toBe(1)
  // Run again, it loads everything.
  const again = await place.run(['backfill', ...SPAN], { MIXLOAD_DESTINATION: destination })
  expect(again.code).toBe(0)
  expect((await place.run(['status', '--json'], { MIXLOAD_DESTINATION: destination })).stdout).toContain(
    '"rows_loaded":30',
  )
})

it('a DuckDB file that is replaced under a run is never taken for loaded', async () => {
  const file = join(place.directory, 'warehouse.duckdb')
  let requests = 0
  place.simulator.onRequest(() => {
    if (++requests === 3) void rm(file).then(() => writeFile(file, 'another file'))
  })
  const { code, stderr } = await place.run(['backfill', ...SPAN])
  expect([code, stderr]).toEqual([1, expect.stringContaining('was replaced while it was open')])
})
