import { afterAll, expect, it } from 'vitest'
import { VALUE_EXAMPLES } from '../../docs/generate/value-examples.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { strayValueViews } from '../../lib/views/stray-values.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { type DestinationHarness, openStore, type StoredRow } from '../conformance/harness.ts'
import { EVENT_COLUMNS, load, newColumns, property, relationOf, unaborted } from '../conformance/rows.ts'
import { bigqueryHarness } from './bigquery-harness.ts'
import { emulatedBigQuery } from './bigquery-places.ts'
import { DUCKDB } from './duckdb-harness.ts'
import { postgresHarness } from './postgres-harness.ts'

const COLUMNS: readonly Column[] = [
  property('price', 'double'),
  { name: 'price__text', type: 'text', role: 'companion', property: 'price', owner: 'price' },
  property('plan'),
  { ...property('plan_2'), property: 'Plan' },
  { ...property('plan_3'), property: 'PLAN' },
  property('address', 'json'),
  property('tags', 'json'),
  { name: '_more', type: 'json', role: 'overflow', property: null },
]

const event = (id: string, more: StoredRow): StoredRow => ({
  event: 'E',
  event_id: id,
  time: '2026-08-03T12:00:00Z',
  _day: '2026-08-03',
  ...more,
})

const EVENTS = [
  event('1', { price: 1.5, plan: 'pro', address: '{"city":"Bonn"}', tags: '["a","b"]' }),
  event('2', { price__text: '12.5', plan_2: 'free', _more: '{"coupon":"x"}' }),
  event('3', { price__text: 'none', plan_3: 'team', _more: '{"coupon":"y","other":1}' }),
]

const started: Awaited<ReturnType<typeof emulatedBigQuery>>[] = []
const emulator = async () => {
  const place = started[0] ?? (await emulatedBigQuery())
  if (started.length === 0) started.push(place)
  return place
}

afterAll(() => started[0]?.stop())

it.each([
  ['DuckDB', DUCKDB],
  ['Postgres', postgresHarness(18)],
  ['BigQuery', bigqueryHarness(emulator, 'bigquery')],
] as const)('the examples of docs/columns.md find the values in %s', async (name, harness: DestinationHarness) => {
  await using store = await openStore(harness)
  const { destination } = store
  await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, ...COLUMNS]))
  await load(destination, 'load-1', relationOf([...EVENT_COLUMNS, ...COLUMNS], EVENTS), { table: 'export' })
  await destination.putViews(await viewsOver(destination, 'export'))
  const table = {
    name: 'export',
    path: destination.pathInViews('export'),
    columns: await destination.columns('export'),
  }
  await destination.putViews(strayValueViews(destination.capabilities, [table]))
  const found: unknown[] = []
  for (const { queries } of VALUE_EXAMPLES) {
    const rows: Record<string, unknown>[] = []
    const sql = queries[name].replace(/mixpanel\.(\w+)/g, (_, view: string) => destination.pathInViews(view))
    await destination.query(sql, (batch) => void rows.push(...batch.map((row) => JSON.parse(row))), unaborted())
    const isById = rows.some((row) => 'event_id' in row)
    if (isById) rows.sort((a, b) => (String(a.event_id) < String(b.event_id) ? -1 : 1))
    found.push(
      rows.map(({ event_id: _, ...values }) =>
        Object.values(values).map((value) => (value === null ? null : String(value))),
      ),
    )
  }
  expect(found).toEqual([
    [['1.5'], ['12.5'], ['none']],
    [['1.5'], ['12.5'], [null]],
    [['pro'], ['free'], ['team']],
    [[null], ['x'], ['y']],
    [
      ['Bonn', 'a'],
      [null, null],
      [null, null],
    ],
    [
      ['coupon', '2'],
      ['other', '1'],
    ],
    [['export', 'price', 'price__text', '2', '12.5']],
    [['plan', '3', 'plan']],
  ])
})
