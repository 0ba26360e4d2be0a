import { describe, expect, it } from 'vitest'
import { failureOf } from './failures.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import { COLUMNS, load, makeTable, newColumns, property, relationOf, TABLE, thing, unaborted, values } from './rows.ts'

export function views(harness: DestinationHarness): void {
  async function filled() {
    const store = await openStore(harness)
    await makeTable(store.destination)
    await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('b')]))
    return { store, path: store.destination.pathInViews(TABLE) }
  }

  describe('views', () => {
    it('show the results of their queries', async () => {
      const { store, path } = await filled()
      await using _ = store
      await store.destination.putViews([
        { name: 'all_things', query: `SELECT * FROM ${path}` },
        { name: 'things_a', query: `SELECT name FROM ${path} WHERE name = 'a'` },
      ])
      if (!harness.queriesViews) return
      expect(values(await store.readRows('all_things'))).toEqual([thing('a'), thing('b')])
      expect(await store.readRows('things_a')).toEqual([{ name: 'a' }])
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('c')]))
      expect(await store.readRows('all_things')).toHaveLength(3)
    })

    it('are replaced, and show columns added later', async () => {
      const { store, path } = await filled()
      await using _ = store
      const put = (query: string) => store.destination.putViews([{ name: 'some_things', query }])
      await put(`SELECT name, amount FROM ${path}`)
      await put(`SELECT name, amount FROM ${path}`)
      await store.destination.addColumns(TABLE, newColumns([property('later')]))
      await put(`SELECT name, amount, later FROM ${path}`)
      if (!harness.queriesViews) return
      expect(values(await store.readRows('some_things'))).toEqual([
        { name: 'a', amount: 1, later: null },
        { name: 'b', amount: 1, later: null },
      ])
    })

    it('still work after the destination is reopened', async () => {
      const { store, path } = await filled()
      await using _ = store
      await store.destination.putViews([{ name: 'all_things', query: `SELECT * FROM ${path}` }])
      const second = (await store.reopen?.()) ?? store.destination
      await second.open(unaborted())
      await load(second, 'load-2', relationOf(COLUMNS, [thing('c')]))
      await second.putViews([{ name: 'all_things', query: `SELECT * FROM ${second.pathInViews(TABLE)}` }])
      if (harness.queriesViews) expect(await store.readRows('all_things')).toHaveLength(3)
    })

    it('do not block loads, new columns or replacing', async () => {
      const { store, path } = await filled()
      await using _ = store
      await store.destination.putViews([{ name: 'all_things', query: `SELECT name, amount FROM ${path}` }])
      await makeTable(store.destination, [property('later')])
      await load(store.destination, 'load-2', relationOf([property('name')], [{ name: 'c' }]), {
        mode: { kind: 'replace-table' },
      })
      if (harness.queriesViews) expect(await store.readRows('all_things')).toEqual([{ name: 'c', amount: null }])
    })

    it('may be none', async () => {
      const { store } = await filled()
      await using _ = store
      await store.destination.putViews([])
      expect(await store.readRows(TABLE)).toHaveLength(2)
    })

    it('that cannot be created leave the earlier ones unchanged', async () => {
      const { store, path } = await filled()
      await using _ = store
      const good = { name: 'good', query: `SELECT name FROM ${path}` }
      await store.destination.putViews([good])
      if (!harness.queriesViews) return
      const failure = await failureOf(
        store.destination.putViews([
          { name: 'good', query: `SELECT amount FROM ${path}` },
          { name: 'bad', query: `SELECT nothing FROM ${path}` },
        ]),
      )
      expect(failure.cause).toBeInstanceOf(Error)
      expect(values(await store.readRows('good'))).toEqual([{ name: 'a' }, { name: 'b' }])
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('c')]))
      expect(await store.readRows('good')).toHaveLength(3)
    })

    it('never take the place of a table', async () => {
      const { store, path } = await filled()
      await using _ = store
      const putting = store.destination.putViews([{ name: TABLE, query: `SELECT name FROM ${path}` }])
      if (harness.queriesViews) await failureOf(putting)
      else await putting
      expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b')])
    })
  })
}
