import { describe, expect, it } from 'vitest'
import type { WriteMode } from '../../lib/destination/contract.ts'
import { expectFailure, failureOf } from './failures.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { COLUMNS, load, makeTable, manyRows, rejectsOf, relationOf, TABLE, thing, values, whenAsked } from './rows.ts'

const OLD: readonly StoredRow[] = [
  thing('old', '2026-07-31'),
  thing('old', '2026-08-01'),
  thing('old', '2026-08-02'),
  thing('old', '2026-08-03'),
  thing('old', '2026-08-04'),
  thing('undated', null),
]
const NEW = [thing('new', '2026-08-01'), thing('new', '2026-08-03')]
const TWO_DAYS: WriteMode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-03' }
const ONE_DAY: WriteMode = { kind: 'replace-days', firstDay: '2026-08-02', lastDay: '2026-08-02' }
const ALL: WriteMode = { kind: 'replace-table' }

const outside = (rows: readonly StoredRow[], first: string, last: string) =>
  rows.filter(({ _day }) => _day === null || String(_day) < first || String(_day) > last)

export function replacing(harness: DestinationHarness): void {
  async function filled() {
    const store = await openStore(harness)
    await makeTable(store.destination)
    await load(store.destination, 'load-1', relationOf(COLUMNS, OLD), { rejects: rejectsOf('old') })
    return store
  }

  describe('replacing days', () => {
    it('removes the rows of these days, the first and the last included, and no others', async () => {
      await using store = await filled()
      const loaded = await load(store.destination, 'load-2', relationOf(COLUMNS, NEW), { mode: TWO_DAYS })
      expect(values(await store.readRows(TABLE))).toEqual(values([...outside(OLD, '2026-08-01', '2026-08-03'), ...NEW]))
      expect(loaded.writeMode).toBe('replace-days')
    })

    it('can be of a single day', async () => {
      await using store = await filled()
      const rows = [thing('new', '2026-08-02')]
      await load(store.destination, 'load-2', relationOf(COLUMNS, rows), { mode: ONE_DAY })
      expect(values(await store.readRows(TABLE))).toEqual(
        values([...outside(OLD, '2026-08-02', '2026-08-02'), ...rows]),
      )
    })

    it('empties the days if there are no new rows', async () => {
      await using store = await filled()
      const loaded = await load(store.destination, 'load-2', relationOf([], []), { mode: TWO_DAYS })
      expect(values(await store.readRows(TABLE))).toEqual(values(outside(OLD, '2026-08-01', '2026-08-03')))
      expect((await store.destination.ledger(TABLE)).at(-1)).toEqual(loaded)
    })

    it('works across the end of a year and for days without rows', async () => {
      await using store = await filled()
      const mode = { kind: 'replace-days', firstDay: '2025-12-31', lastDay: '2026-01-01' } as const
      const rows = [thing('new', '2025-12-31'), thing('new', '2026-01-01')]
      await load(store.destination, 'load-2', relationOf(COLUMNS, rows), { mode })
      expect(values(await store.readRows(TABLE))).toEqual(values([...OLD, ...rows]))
    })

    it('can be repeated', async () => {
      await using store = await filled()
      for (const at of [2, 3, 4]) {
        await load(store.destination, `load-${at}`, relationOf(COLUMNS, NEW), { mode: TWO_DAYS })
      }
      expect(values(await store.readRows(TABLE))).toEqual(values([...outside(OLD, '2026-08-01', '2026-08-03'), ...NEW]))
    })

    it('keeps the rows of other tables', async () => {
      await using store = await filled()
      await makeTable(store.destination, COLUMNS, 'others')
      await load(store.destination, 'load-2', relationOf(COLUMNS, NEW), { table: 'others', mode: TWO_DAYS })
      expect(values(await store.readRows(TABLE))).toEqual(values(OLD))
    })
  })

  describe('replacing a table', () => {
    it('removes all old rows', async () => {
      await using store = await filled()
      const loaded = await load(store.destination, 'load-2', relationOf(COLUMNS, NEW), {
        mode: ALL,
        record: { firstDay: null, lastDay: null },
      })
      expect(values(await store.readRows(TABLE))).toEqual(NEW)
      expect((await store.destination.ledger(TABLE)).at(-1)).toEqual(loaded)
    })

    it('keeps the columns, the ledger and the rejects', async () => {
      await using store = await filled()
      const columns = await store.destination.columns(TABLE)
      await load(store.destination, 'load-2', relationOf(COLUMNS.slice(0, 1), [{ _day: '2026-08-01' }]), { mode: ALL })
      expect(await store.destination.columns(TABLE)).toEqual(columns)
      expect(await store.destination.ledger(TABLE)).toHaveLength(2)
      expect(await store.readRows('_mixload_rejects')).toHaveLength(1)
    })

    it('empties it if there are no new rows', async () => {
      await using store = await filled()
      await load(store.destination, 'load-2', relationOf([], []), { mode: ALL })
      expect(await store.readRows(TABLE)).toEqual([])
      expect(await store.destination.ledger(TABLE)).toHaveLength(2)
    })
  })

  describe.each([TWO_DAYS, ALL])('a failed load with $kind', (mode) => {
    const expected = mode.kind === 'replace-table' ? NEW : [...outside(OLD, '2026-08-01', '2026-08-03'), ...NEW]

    it.each([
      { what: 'at its last row', relation: manyRows(20_000, '2026-08-02', 19_999), rejects: rejectsOf('new') },
      {
        what: 'for its count',
        relation: { ...manyRows(20_000, '2026-08-02'), rowCount: 1 },
        rejects: rejectsOf('new'),
      },
      {
        what: 'for its count of rejects',
        relation: manyRows(20_000, '2026-08-02'),
        rejects: { ...rejectsOf('new'), rowCount: 5 },
      },
    ])('$what leaves the old rows, and can be repeated without the fault', async ({ relation, rejects }) => {
      await using store = await filled()
      const { destination } = store
      await failureOf(load(destination, 'load-2', relation, { mode, rejects }))
      const rows = values(await store.readRows(TABLE))
      if (destination.capabilities.atomicReplace) expect(rows).toEqual(values(OLD))
      else {
        // Old rows may be gone for now, but only those to be replaced, and no new row may be there.
        const kept = mode.kind === 'replace-table' ? [] : outside(OLD, '2026-08-01', '2026-08-03')
        expect(rows).toEqual(expect.arrayContaining([...kept]))
        for (const row of rows) expect(OLD).toContainEqual(row)
      }
      expect((await destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-1'])
      expect(await store.readRows('_mixload_rejects')).toHaveLength(1)

      await load(destination, 'load-2', relationOf(COLUMNS, NEW), { mode })
      expect(values(await store.readRows(TABLE))).toEqual(values(expected))
    })

    it('because it is already committed leaves the rows', async () => {
      await using store = await filled()
      await expectFailure(load(store.destination, 'load-1', relationOf(COLUMNS, NEW), { mode }), 'ALREADY_LOADED')
      expect(values(await store.readRows(TABLE))).toEqual(values(OLD))
    })

    it('because it was aborted leaves the rows', async () => {
      await using store = await filled()
      const controller = new AbortController()
      const relation = whenAsked(relationOf(COLUMNS, NEW), () => controller.abort(new Error('enough')))
      await expect(load(store.destination, 'load-2', relation, { mode, signal: controller.signal })).rejects.toThrow(
        'enough',
      )
      expect((await store.destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-1'])
      if (store.destination.capabilities.atomicReplace) expect(values(await store.readRows(TABLE))).toEqual(values(OLD))
      await load(store.destination, 'load-2', relationOf(COLUMNS, NEW), { mode })
      expect(values(await store.readRows(TABLE))).toEqual(values(expected))
    })
  })
}
