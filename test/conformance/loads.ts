import { afterEach, describe, expect, it, vi } from 'vitest'
import { expectFailure } from './failures.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import {
  COLUMNS,
  distinct,
  load,
  makeTable,
  manyRows,
  newColumns,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  values,
} from './rows.ts'

export function loads(harness: DestinationHarness): void {
  describe('a load', () => {
    afterEach(() => {
      vi.useRealTimers()
    })

    it('returns the ledger row that it wrote', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const loaded = await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('b')]))
      expect(loaded).toMatchObject({ loadId: 'load-1', rowCount: 2 })
      expect(await store.destination.ledger(TABLE)).toEqual([loaded])
    })

    it('keeps the existing rows', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('b')]))
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b'), thing('c')]))
      expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b'), thing('b'), thing('c')])
    })

    it('of one day follows a load of another', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      for (const day of ['2026-08-04', '2026-08-03']) {
        await load(store.destination, `load-${day}`, relationOf(COLUMNS, [thing('a', day)]), {
          record: { firstDay: day, lastDay: day },
        })
      }
      expect(values(await store.readRows(TABLE))).toEqual([thing('a', '2026-08-03'), thing('a', '2026-08-04')])
      const ledger = await store.destination.ledger(TABLE)
      expect(ledger.map(({ firstDay }) => firstDay)).toEqual(['2026-08-04', '2026-08-03'])
    })

    it('leaves columns null that its relation does not have', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf([property('name')], [{ name: 'a' }]))
      expect(values(await store.readRows(TABLE))).toEqual([thing('a', null, null)])
    })

    it('takes the relation’s columns in any order', async () => {
      await using store = await openStore(harness)
      const columns = [property('a'), property('b'), property('c')]
      await makeTable(store.destination, columns)
      await load(store.destination, 'load-1', relationOf(columns.toReversed(), [{ a: '1', b: '2', c: '3' }]))
      expect(values(await store.readRows(TABLE))).toEqual([{ a: '1', b: '2', c: '3' }])
    })

    it('uses columns that were added after the load before', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const added = property('added', 'bigint')
      await store.destination.addColumns(TABLE, newColumns([added]))
      await load(store.destination, 'load-2', relationOf([added, property('name')], [{ added: 5n, name: 'b' }]))
      expect(values(await store.readRows(TABLE))).toEqual(
        values([
          { ...thing('a'), added: null },
          { ...thing('b', null, null), added: 5n },
        ]),
      )
    })

    it('marks all its rows with its id and one moment, the one in the ledger', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const loaded = await load(store.destination, 'load-1', manyRows(5000, '2026-08-03'))
      const rows = await store.readRows(TABLE)
      expect(rows).toHaveLength(5000)
      expect(distinct(rows, '_load_id')).toEqual(['load-1'])
      expect(distinct(rows, '_loaded_at')).toEqual([loaded.loadedAt.toISOString()])
    })

    it('comes later than every load before it, of any stream', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const moments: number[] = []
      for (const at of [1, 2, 3, 4, 5, 6]) {
        const loaded = await load(store.destination, `load-${at}`, relationOf(COLUMNS, [thing('a')]), {
          record: { stream: at % 2 === 0 ? TABLE : 'others' },
        })
        moments.push(loaded.loadedAt.getTime())
      }
      expect(moments).toEqual([...new Set(moments)].toSorted((a, b) => a - b))
      const rows = await store.readRows(TABLE)
      expect(distinct(rows, '_loaded_at')).toEqual(moments.map((moment) => new Date(moment).toISOString()))
    })

    it('comes later than the load before it, even if the clock was set back', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const first = await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      vi.useFakeTimers({ toFake: ['Date'], now: first.loadedAt.getTime() - 86_400_000 })
      const second = await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]))
      expect(second.loadedAt.getTime()).toBeGreaterThan(first.loadedAt.getTime())
      expect((await store.destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-1', 'load-2'])
    })

    it('without rows still writes its ledger row', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const bare = await load(store.destination, 'load-1', { columns: [], rowCount: 0, query: 'SELECT 1 WHERE false' })
      const typed = await load(store.destination, 'load-2', relationOf(COLUMNS, []))
      expect(await store.destination.ledger(TABLE)).toEqual([bare, typed])
      expect(await store.readRows(TABLE)).toEqual([])
    })

    it('without rows can be the first load of all', async () => {
      await using store = await openStore(harness)
      const loaded = await load(store.destination, 'load-1', relationOf([], []))
      expect(await store.destination.ledger(TABLE)).toEqual([loaded])
      expect(await store.destination.columns(TABLE)).toEqual([])
    })

    it('with the id of a committed one is refused, and duplicates nothing', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const relation = relationOf(COLUMNS, [thing('a')])
      const loaded = await load(store.destination, 'load-1', relation, { rejects: rejectsOf('x') })
      await expectFailure(
        load(store.destination, 'load-1', relation, { rejects: rejectsOf('x'), mode: { kind: 'replace-table' } }),
        'ALREADY_LOADED',
      )
      // Not even for another stream or table.
      await expectFailure(
        load(store.destination, 'load-1', relation, { record: { stream: 'others' } }),
        'ALREADY_LOADED',
      )
      expect(values(await store.readRows(TABLE))).toEqual([thing('a')])
      expect(await store.destination.ledger(TABLE)).toEqual([loaded])
      expect(await store.destination.ledger('others')).toEqual([])
      expect(await store.readRows('_mixload_rejects')).toHaveLength(1)
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]))
      expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b')])
    })

    it('goes into its own table only', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await makeTable(store.destination, COLUMNS, 'others')
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]), { table: 'others' })
      expect(await store.readRows(TABLE)).toEqual([])
      expect(values(await store.readRows('others'))).toEqual([thing('a')])
    })
  })
}
