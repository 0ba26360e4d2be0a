import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS, ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import type { Column, ColumnType } from '../../lib/columns/column.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { withoutNotes } from '../../lib/load/held-back.ts'
import { rowsBefore } from '../../lib/load/removed-rows.ts'
import { tidyTable } from '../../lib/tidy/tidy.ts'
import { planTable, type TidyResult } from '../../lib/tidy/tidy-plan.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { expectFailure } from './failures.ts'
import { type DestinationHarness, type OpenStore, openStore, type StoredRow } from './harness.ts'
import {
  EVENT_COLUMNS,
  load,
  newColumns,
  newLoad,
  OWN_COLUMNS,
  property,
  relationOf,
  sorted,
  unaborted,
} from './rows.ts'

const known = (name: string, of: string, type: ColumnType = 'text'): Column => ({
  ...property(name, type),
  property: of,
})
const MARK = property('mark')
const SPECIAL = [
  known('mp_is_deleted', '$is_deleted', 'boolean'),
  known('mp_preshuffle_distinct_id', '$preshuffle_distinct_id'),
  known('mp_anon_id', '$anon_id'),
  known('mp_identified_id', '$identified_id'),
  known('alias', 'alias'),
  known('mp_distinct_ids', '$distinct_ids', 'json'),
  known('mp_delete_event_name', '$delete_event_name'),
  known('mp_delete_insert_id', '$delete_insert_id'),
  known('mp_delete_inserted_before', '$delete_inserted_before', 'bigint'),
]
const GIVEN = [...EVENT_COLUMNS, MARK, ...SPECIAL]
const VIEWS = ['export_latest', 'export_latest_by_time', 'identities']
const OPTIONS = { onProgress: () => {}, signal: unaborted() }

function event(mark: string, given: StoredRow = {}): StoredRow {
  return {
    event: 'Order',
    event_id: 'e',
    distinct_id: 'ann',
    time: '2026-08-03T12:00:00.001Z',
    _day: '2026-08-03',
    mp_insert_id: 'i-1',
    mp_processing_time_ms: 1000n,
    mark,
    ...given,
  }
}

/** Plans a table and does what the plan says. */
async function tidied(destination: Warehouse, table: string): Promise<TidyResult | undefined> {
  const plan = await planTable(destination, table, OPTIONS)
  if (plan === undefined) return undefined
  await tidyTable(destination, plan, OPTIONS)
  await destination.reclaimSpace([table], unaborted())
  return plan.result
}

/** Picks values at random, and the same ones for the same seed. */
function dice(seed: number): <T>(values: readonly T[]) => T {
  let state = seed
  return (values) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return values[Math.floor((state / 2 ** 32) * values.length)] as (typeof values)[number]
  }
}

/** Events of few ids in all the ways in which their rows can differ, in several loads. */
function randomLoads(seed: number): readonly (readonly StoredRow[])[] {
  const pick = dice(seed)
  const ids = ['ann', 'bob', 'device', 'new']
  const maybe = <T>(values: readonly T[]) => (pick([0, 1, 2, 3, 4, 5, 6]) === 0 ? pick(values) : null)
  const row = () => ({
    event: pick(['Order', 'Order', '$identify', '$create_alias', '$merge', '$delete']),
    event_id: pick(['a', 'b']),
    distinct_id: pick(ids),
    _day: pick(['2026-08-03', '2026-08-03', '2026-08-04', '2026-08-09', null]),
    time: pick(['2026-08-03T12:00:00.001Z', '2026-08-03T12:00:00.002Z']),
    mp_insert_id: pick(['i-1', 'i-2']),
    mp_processing_time_ms: pick([null, 1000n, 2000n]),
    mp_distinct_id_before_identity: maybe(ids),
    mp_preshuffle_distinct_id: maybe(ids),
    mp_is_deleted: pick([null, null, null, true]),
    mp_anon_id: maybe(ids),
    mp_identified_id: maybe(ids),
    alias: maybe(ids),
    mp_distinct_ids: pick([null, '["ann","bob"]', '["device","new"]']),
    mp_delete_event_name: pick(['Order', '$identify']),
    mp_delete_insert_id: pick(['i-1', 'i-2', 'i-3']),
    mp_delete_inserted_before: pick([null, 1n, 3n]),
  })
  const made = Array.from({ length: 5 }, () => Array.from({ length: 20 }, row))
  // An id has one name: it is a part of the id.
  return made.map((rows, load) =>
    rows.map((given, at) => ({
      ...given,
      event_id: `${given.event_id}-${given.event}`,
      mark: `${load}-${at}`,
      ...(given.event === 'Order' ? { mp_anon_id: null, alias: null } : {}),
    })),
  )
}

export function tidying(harness: DestinationHarness): void {
  if (!harness.queriesViews) return

  async function withEvents(...batches: readonly (readonly StoredRow[])[]) {
    const store = await openStore(harness)
    const { destination } = store
    await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK, ...SPECIAL]))
    await destination.putViews(await viewsOver(destination, 'export'))
    for (const [at, rows] of batches.entries()) {
      const record = { stream: 'export', dayRows: null }
      await load(destination, `load-${at}`, relationOf(GIVEN, rows), { table: 'export', record })
    }
    return store
  }

  async function viewsIn(store: OpenStore, names = VIEWS) {
    const found = new Map<string, readonly StoredRow[]>()
    for (const name of names) found.set(name, sorted(await store.readRows(name)))
    return found
  }
  const marks = async (store: OpenStore, table = 'export') =>
    (await store.readRows(table)).map(({ mark }) => String(mark)).toSorted()

  describe('tidying events', () => {
    it('removes the copies of an event that another row of its day shows', async () => {
      await using store = await withEvents([event('a')], [event('b')], [event('c')])
      const views = await viewsIn(store)
      expect(await tidied(store.destination, 'export')).toMatchObject({ table: 'export', rows: 2, days: 1 })
      expect(await marks(store)).toEqual(['c'])
      expect(await viewsIn(store)).toEqual(views)
    })

    it('removes copies of several days, and of events without a day', async () => {
      const days = [null, '2026-08-03', '2026-08-05']
      const batch = (mark: string) => days.map((day, at) => event(`${mark}${at}`, { _day: day, event_id: `e${at}` }))
      await using store = await withEvents(batch('a'), batch('b'))
      expect(await tidied(store.destination, 'export')).toMatchObject({ rows: 3, days: 3 })
      expect(await marks(store)).toEqual(['b0', 'b1', 'b2'])
    })

    it('removes what an event was before it moved to another person', async () => {
      const moved = { distinct_id: 'ann-merged', mp_distinct_id_before_identity: 'ann' }
      await using store = await withEvents([event('before')], [event('after', moved)], [event('again', moved)])
      const views = await viewsIn(store)
      await tidied(store.destination, 'export')
      expect(await marks(store)).toEqual(['again'])
      expect(await viewsIn(store)).toEqual(views)
    })

    it.each<[string, StoredRow, StoredRow]>([
      [
        'another event that was deleted',
        { event: '$delete', mp_delete_event_name: 'Order', mp_delete_insert_id: 'i-9' },
        { event: '$delete', mp_delete_event_name: 'Order', mp_delete_insert_id: 'i-8' },
      ],
      ['nothing new, but the shown row is on the next day', {}, { _day: '2026-08-04' }],
    ])('keeps a copy that says %s', async (_, copy, shown) => {
      await using store = await withEvents(
        [event('target', { event_id: 't', mp_insert_id: 'i-9' })],
        [event('copy', copy)],
        [event('shown', { mp_processing_time_ms: 2000n, ...shown })],
      )
      const views = await viewsIn(store)
      expect((await tidied(store.destination, 'export'))?.rows ?? 0).toBe(0)
      expect(await marks(store)).toEqual(['copy', 'shown', 'target'])
      expect(await viewsIn(store)).toEqual(views)
    })

    it('keeps the rows that hide others', async () => {
      await using store = await withEvents(
        [event('a'), event('f', { event_id: 'f', mp_insert_id: 'i-2' })],
        [event('deleted', { mp_is_deleted: true, mp_processing_time_ms: 2000n })],
        [
          event('deletion', {
            event: '$delete',
            event_id: 'g',
            mp_delete_event_name: 'Order',
            mp_delete_insert_id: 'i-2',
          }),
        ],
      )
      await tidied(store.destination, 'export')
      expect(await marks(store)).toEqual(['deleted', 'deletion', 'f'])
      expect(await marks(store, 'export_latest')).toEqual([])
    })

    it.each([1, 2, 3])('changes no view, whatever the rows are (%i)', async (seed) => {
      const loads = randomLoads(seed)
      await using store = await withEvents(...loads)
      const views = await viewsIn(store)
      const result = await tidied(store.destination, 'export')
      expect(result?.rows).toBeGreaterThan(5)
      expect(await store.readRows('export')).toHaveLength(loads.flat().length - (result?.rows ?? 0))
      expect(await viewsIn(store)).toEqual(views)
      // The same events come again.
      await load(store.destination, 'again', relationOf(GIVEN, loads.flat()), {
        table: 'export',
        record: { stream: 'export', dayRows: null },
      })
      const again = await viewsIn(store, ['export_latest'])
      const without = (rows: readonly StoredRow[] = []) =>
        sorted(rows.map(({ _loaded_at, _load_id, [ROW_COLUMN]: _, ...row }) => row))
      expect(without(again.get('export_latest'))).toEqual(without(views.get('export_latest')))
      expect(await tidied(store.destination, 'export')).toBeDefined()
      expect(await viewsIn(store, ['export_latest'])).toEqual(again)
    })

    it('has nothing left to do after that', async () => {
      await using store = await withEvents([event('a')], [event('b')])
      await tidied(store.destination, 'export')
      const rows = await store.readRows('export')
      expect(await tidied(store.destination, 'export')).toBeUndefined()
      expect(await store.readRows('export')).toEqual(rows)
    })

    it('only counts in a plan, which knows the size if the destination does', async () => {
      await using store = await withEvents([event('a')], [event('b'), event('c', { event_id: 'f' })])
      const rows = sorted(await store.readRows('export'))
      const plan = await planTable(store.destination, 'export', OPTIONS)
      expect(plan).toMatchObject({ days: [{ day: '2026-08-03', rows: 1 }], result: { rows: 1, days: 1 } })
      expect(sorted(await store.readRows('export'))).toEqual(rows)
      expect(await store.destination.ledger('export')).toHaveLength(2)
    })

    it('leaves out days that are not wanted', async () => {
      const batch = (mark: string) =>
        ['2026-08-03', '2026-08-05'].map((day, at) => event(`${mark}${at}`, { _day: day, event_id: `e${at}` }))
      await using store = await withEvents(batch('a'), batch('b'))
      const plan = await planTable(store.destination, 'export', { ...OPTIONS, from: '2026-08-04', to: '2026-08-06' })
      expect(plan?.days).toEqual([{ day: '2026-08-05', rows: 1 }])
    })

    it('is noted in the ledger, whose loads count as before', async () => {
      await using store = await withEvents([event('a')], [event('b')])
      const { destination } = store
      const before = await destination.ledger('export')
      await tidied(destination, 'export')
      const next = (await store.reopen?.()) ?? destination
      await next.open(unaborted())
      const ledger = await next.ledger('export')
      expect(ledger.at(-1)).toMatchObject({
        firstDay: '2026-08-03',
        lastDay: '2026-08-03',
        rowCount: 0,
        selection: { kind: 'tidy', removed: 1 },
      })
      expect(withoutNotes(ledger)).toEqual(before)
      const mode = { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' } as const
      expect(rowsBefore(withoutNotes(ledger), mode, false)).toEqual(rowsBefore(before, mode, false))
    })

    it('lets days be replaced as before', async () => {
      await using store = await withEvents([event('a')], [event('b')])
      await tidied(store.destination, 'export')
      const mode = { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' } as const
      await load(store.destination, 'new', relationOf(GIVEN, [event('c')]), { table: 'export', mode })
      expect(await marks(store)).toEqual(['c'])
      expect(await marks(store, 'export_latest')).toEqual(['c'])
    })

    it('removes nothing if other rows are there than were counted, or if it is aborted', async () => {
      await using store = await withEvents([event('a')], [event('b')])
      const { destination } = store
      const rows = sorted(await store.readRows('export'))
      const remove = (rowCount: number, signal: AbortSignal) =>
        destination.load(
          relationOf([], []),
          {
            table: 'export',
            mode: { kind: 'append' },
            rejects: undefined,
            removal: { day: '2026-08-03', where: "__rows._day = DATE '2026-08-03'", rowCount },
          },
          newLoad('tidy', { stream: 'export', selection: { kind: 'tidy', removed: rowCount } }),
          signal,
        )
      await expect(remove(2, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
      // BigQuery learns the number only when the rows are gone.
      if (destination.capabilities.dialect !== 'bigquery') await expectFailure(remove(7, unaborted()), 'COUNT_MISMATCH')
      expect(sorted(await store.readRows('export'))).toEqual(rows)
      expect(await destination.ledger('export')).toHaveLength(2)
    })
  })

  describe('tidying figures by day', () => {
    it.each([
      ['revenue', ['date']],
      ['funnels', ['funnel_id', 'date']],
      ['funnel_steps', ['funnel_id', 'date']],
    ])('%s keeps the rows of the latest load of each key', async (table, unit) => {
      await using store = await openStore(harness)
      const { destination } = store
      const own: Column[] = [
        { ...property('date', 'date'), role: 'fixed' },
        { ...property('_day', 'date'), role: 'fixed' },
        ...(unit.includes('funnel_id') ? [property('funnel_id', 'bigint')] : []),
        property('count', 'bigint'),
      ]
      await destination.addColumns(table, newColumns([...own, ...OWN_COLUMNS]))
      await destination.putViews(await viewsOver(destination, table))
      const row = (day: string, funnel: bigint, count: bigint): StoredRow => ({
        date: day,
        _day: day,
        count,
        ...(unit.includes('funnel_id') ? { funnel_id: funnel } : {}),
      })
      const batches = [
        [row('2026-08-03', 1n, 1n), row('2026-08-03', 1n, 2n), row('2026-08-03', 2n, 3n), row('2026-08-04', 1n, 4n)],
        [row('2026-08-03', 1n, 5n), row('2026-08-04', 1n, 6n)],
        [row('2026-08-03', 1n, 7n), row('2026-08-03', 1n, 8n)],
      ]
      for (const [at, rows] of batches.entries())
        await load(destination, `load-${at}`, relationOf(own, rows), { table, record: { stream: table } })
      const views = await viewsIn(store, [`${table}_latest`])
      const result = await tidied(destination, table)
      const kept = sorted(await store.readRows(table))
      expect(kept).toEqual(views.get(`${table}_latest`))
      expect(result).toMatchObject({ rows: 8 - kept.length, days: 2 })
      expect(await viewsIn(store, [`${table}_latest`])).toEqual(views)
      expect(await tidied(destination, table)).toBeUndefined()
    })
  })
}
