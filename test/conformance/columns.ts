import { describe, expect, it } from 'vitest'
import { COLUMN_TYPES, type Column } from '../../lib/columns/column.ts'
import { type DestinationHarness, openStore } from './harness.ts'
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

export function columns(harness: DestinationHarness): void {
  describe('columns', () => {
    it('are made with their table, in the order given', async () => {
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

    it('never change once they are there', async () => {
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

    it('are added behind those that are there, whatever the order asked for', async () => {
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

    it('are null in the rows that were there before them', async () => {
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

    it('belong to one table alone', async () => {
      await using store = await openStore(harness)
      await store.destination.addColumns('one', newColumns([property('a')]))
      await store.destination.addColumns('two', newColumns([property('b'), property('a', 'double')]))
      expect((await store.destination.columns('one')).map(({ name, type }) => [name, type])).toEqual([['a', 'text']])
      expect((await store.destination.columns('two')).map(({ name, type }) => [name, type])).toEqual([
        ['b', 'text'],
        ['a', 'double'],
      ])
    })

    it('may be asked for without any to add', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const before = await store.destination.columns(TABLE)
      await store.destination.addColumns(TABLE, [])
      expect(await store.destination.columns(TABLE)).toEqual(before)
    })

    it('may be as many as the destination promises', async () => {
      await using store = await openStore(harness)
      const { columnsMax } = store.destination.supports
      const count = columnsMax <= 2000 ? columnsMax : 1500
      const given = Array.from({ length: count - OWN_COLUMNS.length }, (_, at) => property(`column_${at}`))
      const half = given.slice(0, given.length / 2)
      const row = Object.fromEntries(given.map(({ name }) => [name, `value of ${name}`]))
      await makeTable(store.destination, half)
      await makeTable(store.destination, given)
      await load(store.destination, 'load-1', relationOf(given, [row]))
      expect(await store.destination.columns(TABLE)).toHaveLength(count)
      expect(values(await store.readRows(TABLE))).toEqual([row])
    })
  })
}
