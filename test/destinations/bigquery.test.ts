import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { BigQueryDriver } from '../../destinations/bigquery/driver.ts'
import type { WriteMode } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import {
  COLUMNS,
  distinct,
  load,
  makeTable,
  manyRows,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { runDestinationConformance } from '../conformance/suite.ts'
import { bigqueryHarness, optionsFor, startChild } from './bigquery-harness.ts'
import { type BigQueryPlace, emulatedBigQuery } from './bigquery-places.ts'
import { rowsOf } from './bigquery-rows.ts'
import { kill, nextMessage } from './child-process.ts'
import { newEngine } from './engine.ts'

/** How often a process is killed. */
const KILLS = Number(process.env.MIXLOAD_TEST_KILLS ?? 10)

let started: Promise<BigQueryPlace> | undefined
function emulator(): Promise<BigQueryPlace> {
  started ??= emulatedBigQuery()
  return started
}
afterAll(async () => {
  await (await started)?.stop()
})

runDestinationConformance(bigqueryHarness(emulator, 'bigquery'))

describe('on BigQuery', () => {
  it.each<WriteMode>([
    { kind: 'append' },
    { kind: 'replace-days', firstDay: '2026-08-02', lastDay: '2026-08-03' },
    { kind: 'replace-table' },
  ])('rows that need several files appear in one step ($kind)', async (mode) => {
    const place = await emulator()
    const dataset = place.newDataset()
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    await using engine = await newEngine(directory)
    await using destination = new Warehouse(
      new BigQueryDriver({
        ...optionsFor(place, dataset, engine, directory),
        fileBytesMax: 20_000,
      }),
      { engine },
    )
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('old', '2026-08-02'), thing('old', '2026-08-04')]))
    await load(destination, 'load-2', manyRows(1000, '2026-08-03'), { mode })
    const rows = await rowsOf(place, dataset, TABLE)
    expect(rows).toHaveLength({ append: 1002, 'replace-days': 1001, 'replace-table': 1000 }[mode.kind])
    expect(new Set(rows.map(({ name }) => name)).size).toBe(mode.kind === 'replace-table' ? 1000 : 1001)
    const tables = (await place.ask('GET', `${place.project}/datasets/${dataset}/tables`)) as {
      tables: readonly { readonly tableReference: { readonly tableId: string } }[]
    }
    const names = tables.tables.map(({ tableReference }) => tableReference.tableId)
    expect(names.filter((name) => name.startsWith('_mixload_stage_'))).toEqual([])
    await rm(directory, { recursive: true, force: true })
  })

  it('a run that is killed at any moment leaves each load whole, and the next one need not wait', async () => {
    const place = await emulator()
    const dataset = place.newDataset()
    const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
    await using engine = await newEngine(directory)
    const open = async () => {
      const destination = new Warehouse(new BigQueryDriver(optionsFor(place, dataset, engine, directory)), { engine })
      await destination.open(unaborted())
      return destination
    }
    const first = await open()
    await makeTable(first)
    const begin = performance.now()
    await load(first, 'load-0', manyRows(100, '2026-08-03'), { rejects: rejectsOf('x') })
    const usualMs = performance.now() - begin
    await first[Symbol.asyncDispose]()
    for (let count = 0; count < KILLS; count++) {
      const child = startChild('load', place, dataset, directory)
      expect(await nextMessage(child)).toBe('open')
      await sleep((usualMs * 1.2 * count) / KILLS)
      await kill(child)
      await using destination = await open()
      const ledger = (await destination.ledger(TABLE)).map(({ loadId }) => loadId)
      const rows = await rowsOf(place, dataset, TABLE)
      expect(distinct(rows, '_load_id')).toEqual(ledger.toSorted())
      expect(rows).toHaveLength(100 * ledger.length)
      expect(await rowsOf(place, dataset, '_mixload_rejects')).toHaveLength(ledger.length)
      expect(await rowsOf(place, dataset, '_mixload_loads')).toHaveLength(ledger.length)
    }
    await rm(directory, { recursive: true, force: true })
  })
})
