import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { failureOf } from './failures.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import {
  COLUMNS,
  distinct,
  load,
  makeTable,
  manyRows,
  newColumns,
  OWN_COLUMNS,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
  values,
} from './rows.ts'

const DAY = '2026-08-03'

/** Calls that are made before the one before them has ended. */
export function atOnce(harness: DestinationHarness): void {
  describe('at once', () => {
    it('loads of several days and tables are all done', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      await makeTable(destination, COLUMNS, 'others')
      const loaded = await Promise.all([
        load(destination, 'load-1', manyRows(3000, DAY), { rejects: rejectsOf('x') }),
        load(destination, 'load-2', manyRows(2000, '2026-08-04')),
        load(destination, 'load-3', manyRows(1000, DAY), { table: 'others', record: { stream: 'others' } }),
        load(destination, 'load-4', relationOf([], [])),
      ])
      expect(await store.readRows(TABLE)).toHaveLength(5000)
      expect(await store.readRows('others')).toHaveLength(1000)
      expect(await store.readRows('_mixload_rejects')).toHaveLength(1)
      const ledger = [...(await destination.ledger(TABLE)), ...(await destination.ledger('others'))]
      const inOrder = (records: readonly LoadRecord[]) => records.toSorted((a, b) => (a.loadId < b.loadId ? -1 : 1))
      expect(inOrder(ledger)).toEqual(inOrder(loaded))
      expect(new Set(loaded.map(({ loadedAt }) => loadedAt.getTime())).size).toBe(loaded.length)
    })

    it('of two loads with the same id one is done', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      const outcomes = await Promise.allSettled(
        [1, 2].map(() => load(destination, 'load-1', manyRows(100, DAY), { rejects: rejectsOf('x') })),
      )
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      expect((await failureOf(Promise.reject(failed?.reason))).code).toBe('ALREADY_LOADED')
      expect(await store.readRows(TABLE)).toHaveLength(100)
      expect(await destination.ledger(TABLE)).toHaveLength(1)
      expect(await store.readRows('_mixload_rejects')).toHaveLength(1)
    })

    it('a load that fails takes none of the others with it', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      const controller = new AbortController()
      const aborted = load(destination, 'load-3', manyRows(100, DAY), { signal: controller.signal })
      const outcomes = Promise.allSettled([
        load(destination, 'load-1', manyRows(100, DAY)),
        load(destination, 'load-2', manyRows(100, DAY, 50)),
        aborted,
        load(destination, 'load-4', manyRows(100, DAY)),
      ])
      controller.abort(new Error('enough'))
      expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
      expect(distinct(await store.readRows(TABLE), '_load_id')).toEqual(['load-1', 'load-4'])
      expect((await destination.ledger(TABLE)).map(({ loadId }) => loadId).toSorted()).toEqual(['load-1', 'load-4'])
    })

    it('several calls may add the same new column', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      const later = property('later')
      await Promise.all([
        destination.addColumns(TABLE, newColumns([later, property('colour')], 'load-1')),
        destination.addColumns(TABLE, newColumns([property('weight'), later], 'load-2')),
        load(destination, 'load-3', relationOf(COLUMNS, [thing('a')])),
        destination.open(unaborted()),
      ])
      const names = (await destination.columns(TABLE)).map(({ name }) => name)
      expect(names.toSorted()).toEqual(
        [...COLUMNS, ...OWN_COLUMNS, later]
          .map(({ name }) => name)
          .concat('colour', 'weight')
          .toSorted(),
      )
      expect(values(await store.readRows(TABLE))).toEqual([{ ...thing('a'), later: null, colour: null, weight: null }])
    })

    it('existing rows can be read during a load', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      const first = await load(destination, 'load-1', manyRows(10, DAY))
      const loading = load(destination, 'load-2', manyRows(20_000, DAY))
      const ledger = await destination.ledger(TABLE)
      expect(ledger.slice(0, 1)).toEqual([first])
      expect((await destination.columns(TABLE)).length).toBe(COLUMNS.length + OWN_COLUMNS.length)
      await loading
      expect(await destination.ledger(TABLE)).toHaveLength(2)
    })

    it('closing waits for a load or ends it, and leaves nothing half done', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      const loading = Promise.allSettled([load(destination, 'load-1', manyRows(20_000, DAY))])
      await destination[Symbol.asyncDispose]()
      const [outcome] = await loading
      const expected = outcome?.status === 'fulfilled' ? 20_000 : 0
      expect(await store.readFromOutside(TABLE)).toHaveLength(expected)
    })
  })
}
