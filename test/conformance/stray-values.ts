import { describe, expect, it } from 'vitest'
import type { Column } from '../../lib/columns/column.ts'
import { companionName } from '../../lib/columns/naming.ts'
import { OVERFLOW_COLUMN } from '../../lib/columns/registry.ts'
import { COMPANIONS_VIEW, MORE_VIEW, strayValueViews } from '../../lib/views/stray-values.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { load, makeTable, property, relationOf, sorted } from './rows.ts'

const MORE: Column = { name: OVERFLOW_COLUMN, type: 'json', role: 'overflow', property: null }

function companionOf({ name: owner, property }: Column): Column {
  return { name: companionName(owner), type: 'text', role: 'companion', property, owner }
}

export function strayValues(harness: DestinationHarness): void {
  const make = async (columns: readonly Column[], rows: readonly StoredRow[]) => {
    const store = await openStore(harness)
    const { destination } = store
    const plain = [property('name')]
    await makeTable(destination, columns, 'one')
    await makeTable(destination, plain, 'two')
    await load(destination, 'load-1', relationOf(columns, rows), { table: 'one', record: { stream: 'one' } })
    const tables = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => {
        return { name, path: destination.pathInViews(name), columns: await destination.columns(name) }
      }),
    )
    await destination.putViews(strayValueViews(destination.capabilities, tables))
    return store
  }

  describe('the views of values without a column of their own', () => {
    it('list the properties in _more with the number of their rows', async () => {
      await using store = await make(
        [property('name'), MORE],
        [
          { name: 'a', [MORE.name]: '{"Coupon code":"x","b/c":1,"größe":{"inner":2}}' },
          { name: 'b', [MORE.name]: '{"Coupon code":null,"plain":[1]}' },
          { name: 'c', [MORE.name]: null },
        ],
      )
      if (!harness.queriesViews) return
      expect(sorted(await store.readRows(MORE_VIEW))).toEqual(
        sorted(
          Object.entries({ 'Coupon code': 2n, 'b/c': 1n, größe: 1n, plain: 1n }).map(([name, count]) => ({
            table_name: 'one',
            property: name,
            row_count: count,
          })),
        ),
      )
    })

    it('list companion columns with the number of their values and an example', async () => {
      const price: Column = { name: 'price', type: 'double', role: 'property', property: "it's \\ the `price`" }
      const paid = property('paid', 'boolean')
      await using store = await make(
        [price, companionOf(price), paid, companionOf(paid)],
        [
          { price: 1, price__text: null },
          { price: null, price__text: 'free' },
          { price: null, price__text: 'gratis' },
        ],
      )
      if (!harness.queriesViews) return
      const row = (column_name: string, property: string, value_count: bigint, example: string | null) => ({
        table_name: 'one',
        column_name,
        companion_column: `${column_name}__text`,
        property,
        value_count,
        example,
      })
      expect(sorted(await store.readRows(COMPANIONS_VIEW))).toEqual(
        sorted([row('price', "it's \\ the `price`", 2n, 'free'), row('paid', 'paid', 0n, null)]),
      )
    })

    it('are empty if there are none, and can be replaced when there are some', async () => {
      await using store = await make([property('name')], [{ name: 'a' }])
      if (!harness.queriesViews) return
      expect(await store.readRows(MORE_VIEW)).toEqual([])
      expect(await store.readRows(COMPANIONS_VIEW)).toEqual([])
      const { destination } = store
      const columns = [MORE, companionOf(property('name'))]
      await makeTable(destination, columns, 'one')
      const rows = [{ [MORE.name]: '{"x":1}', name__text: '"y"' }]
      await load(destination, 'load-2', relationOf(columns, rows), { table: 'one', record: { stream: 'one' } })
      const table = { name: 'one', path: destination.pathInViews('one'), columns: await destination.columns('one') }
      await destination.putViews(strayValueViews(destination.capabilities, [table]))
      expect(await store.readRows(MORE_VIEW)).toMatchObject([{ property: 'x', row_count: 1n }])
      expect(await store.readRows(COMPANIONS_VIEW)).toMatchObject([
        { column_name: 'name', value_count: 1n, example: '"y"' },
      ])
    })
  })
}
