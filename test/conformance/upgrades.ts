import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import { LEDGER_FORM } from '../../lib/destination/load-rules.ts'
import { findCopies, upgradeEvents } from '../../lib/load/upgrade-events.ts'
import { expectFailure } from './failures.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { EVENT_COLUMNS, load, newColumns, OWN_COLUMNS, property, relationOf, unaborted } from './rows.ts'

const MARK = property('mark')
const PERSON = { ...property('mp_preshuffle_distinct_id'), property: '$preshuffle_distinct_id' }
const GIVEN = [...EVENT_COLUMNS, MARK, PERSON]
const DAYS = ['2026-08-03', '2026-08-04', null]

/** The id that an event gets when it is loaded now. */
function idOf(second: number | '', person: string, insertId: string): string {
  return createHash('md5').update(['Order', second, person, insertId].join('\u001f')).digest('hex')
}

export function upgrades(harness: DestinationHarness): void {
  if (!harness.queriesViews) return

  const event = (mark: string, eventId: string, given: StoredRow = {}): StoredRow => ({
    event: 'Order',
    event_id: eventId,
    distinct_id: 'ann',
    time: '2026-08-03T12:00:00.602Z',
    _day: '2026-08-03',
    mp_insert_id: 'i-1',
    mp_processing_time_ms: 1000n,
    mark,
    ...given,
  })

  /** A warehouse with these loads of an earlier version. */
  async function older(...batches: readonly (readonly StoredRow[])[]) {
    const store = await openStore(harness)
    await store.destination.addColumns('export', newColumns([...GIVEN, ...OWN_COLUMNS]))
    for (const [at, rows] of batches.entries())
      await load(store.destination, `load-${at}`, relationOf(GIVEN, rows), {
        table: 'export',
        record: { stream: 'export' },
      })
    return store
  }
  const upgrade = (store: Awaited<ReturnType<typeof older>>) => upgradeEvents(store.destination, () => {}, unaborted())

  describe('events of an earlier version', () => {
    it('get the ids that they would get now, and a number for each row', async () => {
      const moved = { distinct_id: 'u-1', mp_preshuffle_distinct_id: '$device:a', mp_insert_id: 'i-2' }
      await using store = await older([
        event('a', 'old-1'),
        event('b', 'old-2', moved),
        event('c', 'line', { mp_insert_id: null }),
        event('d', 'line-2', { mp_insert_id: '', _day: null }),
        event('e', 'old-3', { mp_insert_id: 'i-3', time: null, _day: null }),
      ])
      expect(await upgrade(store)).toBe(true)
      const rows = await store.readRows('export')
      const second = Date.parse('2026-08-03T12:00:00Z') / 1000
      expect(Object.fromEntries(rows.map((row) => [row.mark, row.event_id]))).toEqual({
        a: idOf(second, 'ann', 'i-1'),
        b: idOf(second, '$device:a', 'i-2'),
        c: 'line',
        d: 'line-2',
        e: idOf('', 'ann', 'i-3'),
      })
      expect(new Set(rows.map((row) => row[ROW_COLUMN])).size).toBe(5)
      expect(rows.map((row) => row[ROW_COLUMN])).not.toContain(null)
      expect(rows.map(({ _loaded_at, _load_id }) => [typeof _loaded_at, _load_id])).toEqual(
        rows.map(() => [expect.any(String), 'load-0']),
      )
    })

    it('are once in export_latest, also those of several days and loads', async () => {
      const batch = (mark: string, time: string) =>
        DAYS.map((day, at) => event(`${mark}${at}`, `old-${mark}${at}`, { _day: day, mp_insert_id: `i-${at}`, time }))
      await using store = await older(batch('a', '2026-08-03T12:00:00.602Z'), batch('b', '2026-08-03T12:00:00.000Z'), [
        event('bob', 'old-a0', { distinct_id: 'bob', mp_insert_id: 'i-0' }),
      ])
      await upgrade(store)
      const marks = async () => (await store.readRows('export_latest')).map(({ mark }) => mark).toSorted()
      expect(await marks()).toEqual(['b0', 'b1', 'b2', 'bob'])
      expect(await store.readRows('export')).toHaveLength(7)
      await load(store.destination, 'new', relationOf(GIVEN, [event('c0', idOf(1785758400, 'ann', 'i-0'))]), {
        table: 'export',
        record: { stream: 'export', dayRows: { '2026-08-03': 1 } },
      })
      expect(await marks()).toEqual(['b1', 'b2', 'bob', 'c0'])
    })

    it('stay as they are if a property has the column that numbers rows', async () => {
      const taken = { ...property(ROW_COLUMN, 'double'), property: ROW_COLUMN }
      await using store = await openStore(harness)
      await store.destination.addColumns('export', newColumns([...GIVEN, ...OWN_COLUMNS, taken]))
      await load(
        store.destination,
        'load-0',
        relationOf([...GIVEN, taken], [event('a', 'old-1', { [ROW_COLUMN]: 5 })]),
        {
          table: 'export',
          record: { stream: 'export' },
        },
      )
      const rows = await store.readRows('export')
      expect((await expectFailure(upgrade(store), 'CONFIG_INVALID')).message).toContain(ROW_COLUMN)
      expect(await store.readRows('export')).toEqual(rows)
    })

    it('are searched for copies again if that is wanted', async () => {
      await using store = await older([event('a', 'old-1')], [event('b', 'old-2')])
      await upgrade(store)
      const found = await store.readRows('_mixload_superseded')
      expect(found).toHaveLength(1)
      await findCopies(store.destination, unaborted())
      expect(await store.readRows('_mixload_superseded')).toEqual(found)
    })

    it('are brought over once', async () => {
      await using store = await older([event('a', 'old-1')], [event('b', 'old-2')])
      expect(await upgrade(store)).toBe(true)
      const rows = await store.readRows('export')
      expect(await upgrade(store)).toBe(false)
      expect(await store.readRows('export')).toEqual(rows)
      expect((await store.destination.ledger('export')).at(-1)).toMatchObject({
        rowCount: 0,
        form: LEDGER_FORM,
        selection: { kind: 'upgrade', form: LEDGER_FORM },
      })
    })
  })
}
