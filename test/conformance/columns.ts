import { describe, expect, it } from 'vitest'
import { COLUMN_TYPES, type Column } from '../../lib/columns/column.ts'
import { failureOf } from './failures.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import {
  COLUMNS,
  load,
  makeTable,
  newColumns,
  OWN_COLUMNS,
  property,
  relationOf,
  TABLE,
  thing,
  values,
} from './rows.ts'

/**
 * The most columns that a case creates, if the destination allows more: enough for anybody, and
 * fast.
 */
const MANY_COLUMNS = 2000

function manyColumns(count: number): readonly Column[] {
  return Array.from({ length: count }, (_, at) => property(`column_${at}`))
}

export function columns(harness: DestinationHarness): void {
  describe('columns', () => {
    it('are created with their table, in the given order', async () => {
      await using store = await openStore(harness)
      const given = ['zeta', 'alpha', 'mid', '_x', 'beta'].map((name) => property(name))
      await store.destination.addColumns(TABLE, newColumns(given))
      expect((await store.destination.columns(TABLE)).map(({ name }) => name)).toEqual(given.map(({ name }) => name))
    })

    it('keep type, role, property, owner and first load', async () => {
      await using store = await openStore(harness)
      const given: readonly Column[] = [
        ...COLUMN_TYPES.map(
          (type) => ({ name: `${type}_one`, type, role: 'property', property: `$${type} "One"\n` }) as const,
        ),
        { name: '_own', type: 'text', role: 'fixed', property: null },
        { name: 'double_one__text', type: 'text', role: 'companion', property: '$double "One"\n', owner: 'double_one' },
        { name: '_more', type: 'json', role: 'overflow', property: null },
        { name: 'empty', type: 'text', role: 'property', property: '' },
      ]
      const before = Date.now()
      await store.destination.addColumns(TABLE, newColumns(given, 'load-7'))
      const known = await store.destination.columns(TABLE)
      expect(known.map(({ firstSeenAt, ...column }) => column)).toEqual(newColumns(given, 'load-7'))
      for (const { firstSeenAt } of known) {
        expect(firstSeenAt).toBeInstanceOf(Date)
        expect(Math.abs(firstSeenAt.getTime() - before)).toBeLessThan(86_400_000)
      }
    })

    it('can be added again without a change', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const first = await store.destination.columns(TABLE)
      await makeTable(store.destination)
      expect(await store.destination.columns(TABLE)).toEqual(first)
    })

    it('never change once they exist', async () => {
      await using store = await openStore(harness)
      const plan: Column = { name: 'plan', type: 'text', role: 'property', property: 'Plan' }
      await store.destination.addColumns(TABLE, newColumns([plan], 'load-1'))
      const first = await store.destination.columns(TABLE)
      await store.destination.addColumns(
        TABLE,
        newColumns([{ name: 'plan', type: 'double', role: 'companion', property: 'other', owner: 'x' }], 'load-2'),
      )
      expect(await store.destination.columns(TABLE)).toEqual(first)
      await store.destination.addColumns(TABLE, newColumns(OWN_COLUMNS))
      await load(store.destination, 'load-1', relationOf([plan], [{ plan: 'pro' }]))
      expect(values(await store.readRows(TABLE))).toEqual([{ plan: 'pro' }])
    })

    it('are added after the existing ones, whatever the order requested', async () => {
      await using store = await openStore(harness)
      await store.destination.addColumns(TABLE, newColumns([property('b'), property('d')], 'load-1'))
      await store.destination.addColumns(
        TABLE,
        newColumns([property('e'), property('d'), property('a'), property('b')], 'load-2'),
      )
      const known = await store.destination.columns(TABLE)
      expect(known.map(({ name, firstLoadId }) => [name, firstLoadId])).toEqual([
        ['b', 'load-1'],
        ['d', 'load-1'],
        ['e', 'load-2'],
        ['a', 'load-2'],
      ])
    })

    it('are null in rows that are older than they are', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const later = property('later', 'json')
      await store.destination.addColumns(TABLE, newColumns([later]))
      expect(values(await store.readRows(TABLE))).toEqual([{ ...thing('a'), later: null }])
      await load(store.destination, 'load-2', relationOf([...COLUMNS, later], [{ ...thing('b'), later: '[1]' }]))
      expect(values(await store.readRows(TABLE))).toEqual([
        { ...thing('a'), later: null },
        { ...thing('b'), later: '[1]' },
      ])
    })

    it('belong to one table only', async () => {
      await using store = await openStore(harness)
      await store.destination.addColumns('one', newColumns([property('a')]))
      await store.destination.addColumns('two', newColumns([property('b'), property('a', 'double')]))
      expect((await store.destination.columns('one')).map(({ name, type }) => [name, type])).toEqual([['a', 'text']])
      expect((await store.destination.columns('two')).map(({ name, type }) => [name, type])).toEqual([
        ['b', 'text'],
        ['a', 'double'],
      ])
    })

    it('may be added as an empty list, which changes nothing', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const before = await store.destination.columns(TABLE)
      await store.destination.addColumns(TABLE, [])
      expect(await store.destination.columns(TABLE)).toEqual(before)
    })

    it('may be as many as the destination promises', async () => {
      await using store = await openStore(harness)
      const { columnsMax, valuesPerRowMax } = store.destination.capabilities
      const count = Math.min(columnsMax, MANY_COLUMNS)
      const given = manyColumns(count - OWN_COLUMNS.length)
      const half = given.slice(0, given.length / 2)
      const empty = Object.fromEntries(given.map(({ name }) => [name, null]))
      const full = Object.fromEntries(given.map(({ name }) => [name, `value of ${name}`]))
      // Each row has as many values as promised, and between them they reach every column.
      const step = Math.min(given.length, valuesPerRowMax - OWN_COLUMNS.length)
      const rows: StoredRow[] = []
      for (let from = 0; from < given.length; from += step) {
        const filled = given.slice(from, from + step).map(({ name }) => [name, full[name] ?? null])
        rows.push({ ...empty, ...Object.fromEntries(filled) })
      }
      await makeTable(store.destination, half)
      await makeTable(store.destination, given)
      await load(store.destination, 'load-1', relationOf(given, rows))
      expect(await store.destination.columns(TABLE)).toHaveLength(count)
      expect(values(await store.readRows(TABLE))).toEqual(values(rows))
    })

    it('may have wide values in as many of them as one row may fill', async () => {
      await using store = await openStore(harness)
      const { valuesPerRowMax, columnsMax } = store.destination.capabilities
      const given = manyColumns(Math.min(valuesPerRowMax, columnsMax, 1000) - OWN_COLUMNS.length)
      const row = Object.fromEntries(given.map(({ name }, at) => [name, `${at} `.repeat(at % 3 === 0 ? 300 : 9)]))
      await makeTable(store.destination, given)
      await load(store.destination, 'load-1', relationOf(given, [row]))
      expect(values(await store.readRows(TABLE))).toEqual([row])
    })

    it('are all created or all refused if they are one more than promised, and the table still works', async () => {
      await using store = await openStore(harness)
      const { columnsMax } = store.destination.capabilities
      const count = columnsMax <= MANY_COLUMNS ? columnsMax : 50
      const given = manyColumns(count - OWN_COLUMNS.length)
      await makeTable(store.destination, given)
      const adding = store.destination.addColumns(TABLE, newColumns([property('one_more')]))
      const accepted = await adding.then(
        () => true,
        (error: unknown) => failureOf(Promise.reject(error)).then(() => false),
      )
      await load(store.destination, 'load-1', relationOf(given.slice(0, 1), [{ [given[0]?.name ?? '']: 'a' }]))
      expect(await store.readRows(TABLE)).toHaveLength(1)
      const made = (await store.destination.columns(TABLE)).length
      expect(made).toBe(accepted ? count + 1 : count)
    })
  })
}
