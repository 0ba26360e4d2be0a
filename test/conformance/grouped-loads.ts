import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { LoadRecord, Relation } from '../../lib/destination/contract.ts'
import { LOAD_NUMBER } from '../../lib/destination/grouped-rows.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { seen } from './failed-loads.ts'
import { expectFailure, failureOf } from './failures.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import {
  COLUMNS,
  distinct,
  EVENT_COLUMNS,
  LONG,
  load,
  makeTable,
  manyRows,
  newColumns,
  newLoad,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
  whenAsked,
} from './rows.ts'

const REASON = new Error('enough')
const DAYS = ['2026-08-03', '2026-08-04', '2026-08-05'] as const
const REJECTS = rejectsOf('one', 'two')

/** Loads relations in one commit: `load-a` and so on. */
function loadGroup(
  destination: Warehouse,
  relations: readonly Relation[],
  { signal = unaborted(), isReplaced = false, group = undefined as Relation | undefined } = {},
): Promise<readonly LoadRecord[]> {
  const requests = relations.map((relation, at) => {
    const day = DAYS[at] ?? DAYS[0]
    const mode = isReplaced
      ? ({ kind: 'replace-days', firstDay: day, lastDay: day } as const)
      : { kind: 'append' as const }
    const counts = { rowCount: relation.rowCount, rejectCount: REJECTS.rowCount, writeMode: mode.kind }
    const record = newLoad(`load-${'abc'[at]}`, { ...counts, firstDay: day, lastDay: day })
    return { relation, target: { table: TABLE, mode, rejects: REJECTS }, record }
  })
  return destination.loadAll(requests, signal, group)
}

/** The rows of relations in one relation, with the number of their load. */
function joined(relations: readonly Relation[]): Relation {
  const queries = relations.map(({ query }, at) => `SELECT *, ${at + 1} AS ${LOAD_NUMBER} FROM (${query})`)
  const rowCount = relations.reduce((sum, relation) => sum + relation.rowCount, 0)
  return { columns: COLUMNS, rowCount, query: queries.join(' UNION ALL ') }
}

/** Loads in one commit, where a destination can do that. */
export function groupedLoads(harness: DestinationHarness): void {
  const groups = DAYS.map((day, at) => manyRows(10 * (at + 1), day))

  /** A store with one load. Undefined if several loads are refused, which leaves nothing. */
  async function groupStore() {
    const store = await openStore(harness)
    await makeTable(store.destination)
    await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('before')]), { rejects: rejectsOf('before') })
    if (store.destination.capabilities.atomicGroups === true) return store
    const before = await seen(store)
    await failureOf(loadGroup(store.destination, groups))
    expect(await seen(store)).toEqual(before)
    await store[Symbol.asyncDispose]()
    return undefined
  }

  describe('several loads at once', () => {
    it.each([
      ['each from its own relation', undefined],
      ['from one relation', joined(groups)],
    ])('are committed together, %s, each with its own ledger row, id and growing time', async (_, group) => {
      await using store = await groupStore()
      if (store === undefined) return
      const { destination } = store
      const loaded = await loadGroup(destination, groups, { group })
      const ledger = await destination.ledger(TABLE)
      expect(ledger.slice(1)).toEqual(loaded)
      expect(loaded.map(({ loadId }) => loadId)).toEqual(['load-a', 'load-b', 'load-c'])
      const times = ledger.map(({ loadedAt }) => loadedAt.getTime())
      expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b))
      const rows = Map.groupBy(await store.readRows(TABLE), ({ _load_id }) => _load_id)
      for (const [at, { loadId, loadedAt }] of loaded.entries()) {
        const own = rows.get(loadId) ?? []
        expect(own).toHaveLength(10 * (at + 1))
        expect(distinct(own, '_loaded_at')).toEqual([loadedAt.toISOString()])
        expect(distinct(own, '_day')).toEqual([DAYS[at]])
      }
      expect(await store.readRows('_mixload_rejects')).toHaveLength(7)
      const second = (await store.reopen?.()) ?? destination
      await second.open(unaborted())
      expect(await second.ledger(TABLE)).toEqual(ledger)
    })

    it('replace each its own days', async () => {
      await using store = await groupStore()
      if (store === undefined) return
      await loadGroup(store.destination, groups, { isReplaced: true })
      expect(distinct(await store.readRows(TABLE), '_load_id')).toEqual(['load-a', 'load-b', 'load-c'])
      expect(await store.readRows(TABLE)).toHaveLength(60)
    })

    it.each([0, 1, 2])('leave nothing if number %i fails, and can be repeated without the fault', async (failing) => {
      await using store = await groupStore()
      if (store === undefined) return
      const before = await seen(store)
      const relations = groups.map((relation, at) => (at === failing ? manyRows(5000, DAYS[0], 4999) : relation))
      await failureOf(loadGroup(store.destination, relations))
      expect(await seen(store)).toEqual(before)
      const short = groups.map((relation, at) => (at === failing ? { ...relation, rowCount: 7 } : relation))
      await expectFailure(loadGroup(store.destination, short), 'COUNT_MISMATCH')
      expect(await seen(store)).toEqual(before)
      await loadGroup(store.destination, groups)
      expect(await store.readRows(TABLE)).toHaveLength(61)
    })

    it('leave nothing if their one relation has too few rows', async () => {
      await using store = await groupStore()
      if (store === undefined) return
      const before = await seen(store)
      const group = { ...joined(groups.slice(1)), rowCount: 60 }
      await expectFailure(loadGroup(store.destination, groups, { group }), 'COUNT_MISMATCH')
      expect(await seen(store)).toEqual(before)
    })

    it('are refused if one of them is in the ledger already', async () => {
      await using store = await groupStore()
      if (store === undefined) return
      await load(store.destination, 'load-b', relationOf(COLUMNS, [thing('b')]))
      const before = await seen(store)
      await expectFailure(loadGroup(store.destination, groups), 'ALREADY_LOADED')
      expect(await seen(store)).toEqual(before)
    })

    it('leave nothing if they are aborted during the last of them', async () => {
      await using store = await groupStore()
      if (store === undefined) return
      const before = await seen(store)
      const controller = new AbortController()
      const last = whenAsked(LONG, () => void setImmediate(() => controller.abort(REASON)))
      const aborted = loadGroup(store.destination, [...groups.slice(0, 2), last], { signal: controller.signal })
      await expect(aborted).rejects.toBe(REASON)
      expect(await seen(store)).toEqual(before)
      await loadGroup(store.destination, groups)
      expect(await store.readRows(TABLE)).toHaveLength(61)
    })

    it('find copies of events in each other, and in earlier loads', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      if (destination.capabilities.atomicGroups !== true || !harness.queriesViews) return
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await destination.putViews(await viewsOver(destination, 'export'))
      const record = (id: string, day: string, rowCount: number) =>
        newLoad(id, { stream: 'export', rowCount, dayRows: { [day]: rowCount } })
      const target = { table: 'export', mode: { kind: 'append' }, rejects: undefined } as const
      const request = (id: string, day: string, rows: readonly StoredRow[]) => {
        const relation = relationOf(EVENT_COLUMNS, rows)
        return { relation, target, record: record(id, day, rows.length) }
      }
      const event = (id: string, day: string, processed: bigint): StoredRow => ({
        event: 'Order',
        event_id: id,
        distinct_id: 'ann',
        time: `${day}T12:00:00.000Z`,
        _day: day,
        mp_processing_time_ms: processed,
      })
      await destination.loadAll(
        [request('load-0', DAYS[0], [event('x', DAYS[0], 1n), event('y', DAYS[0], 9n)])],
        unaborted(),
      )
      const loaded = await destination.loadAll(
        [
          request('load-a', DAYS[0], [event('x', DAYS[0], 2n), event('y', DAYS[0], 2n)]),
          request('load-b', DAYS[1], [event('z', DAYS[1], 1n)]),
          request('load-c', DAYS[2], [event('z', DAYS[2], 3n)]),
        ],
        unaborted(),
      )
      expect(loaded).toHaveLength(3)
      const latest = (await store.readRows('export_latest')).map(
        (row) => `${row.event_id} ${row.mp_processing_time_ms}`,
      )
      expect(latest.toSorted()).toEqual(['x 2', 'y 9', 'z 3'])
    })
  })
}
