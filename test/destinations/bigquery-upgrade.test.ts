import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BigQueryDriver } from '../../destinations/bigquery/driver.ts'
import { EXPORT_COLUMNS, ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import { LOADS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import { upgradeEvents } from '../../lib/load/upgrade-events.ts'
import { EVENT_COLUMNS, load, newColumns, relationOf, unaborted } from '../conformance/rows.ts'
import { optionsFor } from './bigquery-harness.ts'
import { type BigQueryPlace, emulatedBigQuery } from './bigquery-places.ts'
import { rowsOf } from './bigquery-rows.ts'
import { newEngine } from './engine.ts'

let place: BigQueryPlace
let directory: string
beforeAll(async () => {
  place = await emulatedBigQuery()
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
  await place.stop()
})

it('events of an earlier version in BigQuery stay as they are if a run that was killed has brought them over', async () => {
  await using engine = await newEngine(directory)
  const dataset = place.newDataset()
  const open = async () => {
    const warehouse = new Warehouse(new BigQueryDriver(optionsFor(place, dataset, engine, directory)), { engine })
    await warehouse.open(unaborted())
    return warehouse
  }
  const rows = (table: string) => rowsOf(place, dataset, table)
  const sorted = async () => (await rows('export')).toSorted((a, b) => Number(a[ROW_COLUMN]) - Number(b[ROW_COLUMN]))
  const run = (query: string) => place.ask('POST', `${place.project}/queries`, { query, useLegacySql: false })
  const upgrade = (warehouse: Warehouse) => upgradeEvents(warehouse, () => {}, unaborted())
  const copy = (oldId: string, ms: string) => ({
    event: 'Order',
    event_id: oldId,
    distinct_id: 'ann',
    time: `2026-08-03T12:00:00.${ms}Z`,
    _day: '2026-08-03',
    mp_insert_id: 'i-1',
  })
  const record = { stream: 'export' }
  let before: Awaited<ReturnType<typeof sorted>>
  {
    await using first = await open()
    await first.addColumns('export', newColumns(EXPORT_COLUMNS.filter(({ name }) => name !== ROW_COLUMN)))
    const events = [copy('old-1', '000'), copy('old-2', '123')]
    await load(first, 'load-1', relationOf(EVENT_COLUMNS, events), { table: 'export', record })
    expect(await upgrade(first)).toBe(true)
    before = await sorted()
    expect(new Set(before.map(({ event_id }) => event_id)).size).toBe(1)
  }
  // The ledger as the earlier version has left it.
  await run(`DELETE FROM ${dataset}.${LOADS.name} WHERE selection LIKE '%upgrade%'`)
  await run(`UPDATE ${dataset}.${LOADS.name} SET ledger_form = 2 WHERE true`)

  await using second = await open()
  expect(await upgrade(second)).toBe(true)
  expect(await sorted()).toEqual(before)
  expect(await rows(SUPERSEDED.name)).toHaveLength(1)
  expect(await rows('export_latest')).toMatchObject([{ time: '2026-08-03T12:00:00.123Z' }])
  expect(await upgrade(second)).toBe(false)
})
