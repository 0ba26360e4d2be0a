import { describe, expect, it } from 'vitest'
import { failureOf } from './failures.ts'
import { type DestinationHarness, newStore, openStore } from './harness.ts'
import { COLUMNS, load, makeTable, property, relationOf, TABLE, thing, unaborted } from './rows.ts'

/** More than any destination hands over at once. */
const MANY = 30_000

export function queries(harness: DestinationHarness): void {
  async function filled(names: readonly string[]) {
    const store = await openStore(harness)
    await makeTable(store.destination)
    await load(
      store.destination,
      'load-1',
      relationOf(
        COLUMNS,
        names.map((name) => thing(name)),
      ),
    )
    return store
  }
  async function ask(store: Awaited<ReturnType<typeof filled>>, sql: (table: string) => string) {
    const rows: Record<string, unknown>[] = []
    const { destination } = store
    const count = await destination.query(
      sql(destination.pathInViews(TABLE)),
      (texts) => void rows.push(...texts.map((text) => JSON.parse(text))),
      unaborted(),
    )
    expect(rows).toHaveLength(count)
    return rows
  }

  describe('queries', () => {
    it('return rows as JSON, or are refused if they are not supported', async () => {
      await using store = await filled(['a', 'b "quoted"\n', 'ü🦆'])
      const answer = ask(store, (table) => `SELECT name, amount FROM ${table} ORDER BY name`)
      if (!store.destination.capabilities.queries) {
        expect((await failureOf(answer)).code).toBe('CONFIG_INVALID')
        return
      }
      const { amount } = thing('a')
      expect(await answer).toEqual(['a', 'b "quoted"\n', 'ü🦆'].map((name) => ({ name, amount })))
    })

    it('return every row of a large result, and none of an empty one', async () => {
      await using store = await filled(['a', 'b', 'c'])
      if (!store.destination.capabilities.queries) return
      const base = '(SELECT 0 AS digit UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)'
      const digits = Array.from({ length: 6 }, (_, place) => `${base} AS d${place}`).join(' CROSS JOIN ')
      const rows = await ask(store, (table) => `SELECT name FROM ${table} CROSS JOIN ${digits}`)
      expect(rows.length).toBeGreaterThan(MANY)
      expect(rows).toHaveLength(3 * 5 ** 6)
      expect(await ask(store, (table) => `SELECT name FROM ${table} WHERE name = 'z'`)).toEqual([])
    })

    it('see views, and the rows of later loads', async () => {
      await using store = await filled(['a'])
      const { destination } = store
      if (!destination.capabilities.queries) return
      const path = destination.pathInViews(TABLE)
      await destination.putViews([{ name: 'all_things', query: `SELECT name FROM ${path}` }])
      await load(destination, 'load-2', relationOf([property('name')], [{ name: 'b' }]))
      const names: string[] = []
      const view = destination.pathInViews('all_things')
      await destination.query(`SELECT name FROM ${view} ORDER BY name`, (rows) => void names.push(...rows), unaborted())
      expect(names.map((text) => JSON.parse(text))).toEqual([{ name: 'a' }, { name: 'b' }])
    })

    it('that fail leave the destination usable', async () => {
      await using store = await filled(['a'])
      if (!store.destination.capabilities.queries) return
      const failure = await failureOf(ask(store, (table) => `SELECT nothing FROM ${table}`))
      expect(failure.code).toBe('DESTINATION_FAILED')
      expect(failure.cause).toBeInstanceOf(Error)
      await expect(
        store.destination.query(
          `SELECT name FROM ${store.destination.pathInViews(TABLE)}`,
          () => {
            throw new Error('enough')
          },
          unaborted(),
        ),
      ).rejects.toThrow('enough')
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]))
      expect(await ask(store, (table) => `SELECT name FROM ${table}`)).toHaveLength(2)
    })

    it('work on a destination that is opened to read', async () => {
      await using store = await filled(['a'])
      if (!store.destination.capabilities.queries || store.reopen === undefined) return
      const reader = await store.reopen()
      await reader.openToRead(unaborted())
      const names: string[] = []
      const sql = `SELECT name FROM ${reader.pathInViews(TABLE)}`
      await reader.query(sql, (rows) => void names.push(...rows), unaborted())
      expect(names.map((text) => JSON.parse(text))).toEqual([{ name: 'a' }])
      await reader[Symbol.asyncDispose]()
    })

    it('return no rows if nothing has been created yet', async () => {
      await using store = await newStore(harness)
      const { destination } = store
      if (!destination.capabilities.queries) return
      await destination.openToRead(unaborted())
      const sql = `SELECT load_id FROM ${destination.pathInViews('_mixload_loads')}`
      expect(await destination.query(sql, () => expect.unreachable(), unaborted())).toBe(0)
    })
  })
}
