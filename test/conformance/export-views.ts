import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import type { DayRows } from '../../lib/time/day-tally.ts'
import { addDays } from '../../lib/time/days.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { type Cell, type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { EVENT_COLUMNS, type LoadOptions, load, newColumns, property, relationOf, unaborted } from './rows.ts'

const MARK = property('mark')
const GIVEN = [...EVENT_COLUMNS, MARK]
const BOTH = ['export_latest', 'export_latest_by_time'] as const

/** An event as it may be exported more than once; `mark` identifies the row. */
function event(mark: string, given: StoredRow = {}): StoredRow {
  return {
    event: 'Order',
    event_id: 'e',
    distinct_id: 'ann',
    time: '2026-08-03T12:00:00.001Z',
    _day: '2026-08-03',
    mp_insert_id: 'i-1',
    mp_processing_time_ms: 1000n,
    mark,
    ...given,
  }
}

/** How many of the rows each day has: a load looks for copies on these days and those beside. */
function dayRowsOf(rows: readonly StoredRow[]): DayRows {
  const days = Map.groupBy(rows, ({ _day }) => _day)
  return Object.fromEntries([...days].flatMap(([day, { length }]) => (typeof day === 'string' ? [[day, length]] : [])))
}

async function putExportViews(destination: Warehouse): Promise<void> {
  await destination.putViews(await viewsOver(destination, 'export'))
}

export function exportViews(harness: DestinationHarness): void {
  /** Loads each list of events separately. Returns the marks of the rows in each view. */
  async function marks(...batches: readonly (readonly StoredRow[])[]) {
    await using store = await openStore(harness)
    const { destination } = store
    await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK]))
    await putExportViews(destination)
    for (const [at, rows] of batches.entries()) {
      const record = { stream: 'export', dayRows: dayRowsOf(rows) }
      await load(destination, `load-${at}`, relationOf(GIVEN, rows), { table: 'export', record })
    }
    expect(await store.readRows('export')).toHaveLength(batches.flat().length)
    if (!harness.queriesViews) return undefined
    const marksOf = async (view: string) => (await store.readRows(view)).map(({ mark }) => String(mark)).toSorted()
    return {
      export_latest: await marksOf('export_latest'),
      export_latest_by_time: await marksOf('export_latest_by_time'),
    }
  }
  /**
   * In a destination without views there is nothing to compare, but all of it must have been
   * accepted.
   */
  const same = (found: Awaited<ReturnType<typeof marks>>, expected: Readonly<Record<string, readonly string[]>>) => {
    if (found !== undefined) expect(found).toMatchObject(expected)
  }
  const inBoth = (...expected: readonly string[]) => Object.fromEntries(BOTH.map((view) => [view, expected]))

  describe('the views over events', () => {
    it('have every column of the table, including those added later', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await putExportViews(destination)
      const plan = { ...property('größe'), property: 'Größe' }
      await destination.addColumns('export', newColumns([plan, property('more', 'json')]))
      await putExportViews(destination)
      await load(destination, 'load-1', relationOf([...GIVEN.slice(0, -1), plan], [{ ...event(''), größe: 'XL' }]), {
        table: 'export',
      })
      const names = (await destination.columns('export')).map(({ name }) => name)
      if (!harness.queriesViews) return
      for (const view of BOTH) {
        const [row] = await store.readRows(view)
        expect(Object.keys(row ?? {})).toEqual(names)
        expect(row).toMatchObject({ größe: 'XL', more: null, _load_id: 'load-1' })
      }
    })

    it('have one row for an event that was exported twice', async () => {
      same(await marks([event('a')], [event('b')]), inBoth('b'))
    })

    it('have one row if two are equal in everything', async () => {
      same(await marks([event('a'), event('a')]), inBoth('a'))
    })

    it('prefer what Mixpanel processed last to what was loaded last', async () => {
      const newer: Cell = 2000n
      same(await marks([event('newer', { mp_processing_time_ms: newer })], [event('later')]), inBoth('newer'))
      same(await marks([event('earlier')], [event('newer', { mp_processing_time_ms: newer })]), inBoth('newer'))
    })

    it('prefer what was loaded last among rows that were processed at the same moment', async () => {
      same(await marks([event('first')], [event('second')], [event('third')]), inBoth('third'))
    })

    it('prefer a row that says when it was processed', async () => {
      same(await marks([event('known')], [event('unknown', { mp_processing_time_ms: null })]), inBoth('known'))
    })

    it('keep what different ids tell apart', async () => {
      const different = { event_id: 'f', mp_insert_id: 'i-2', time: '2026-08-03T12:00:00.002Z' }
      same(await marks([event('a'), event('b', different)]), inBoth('a', 'b'))
    })

    it('have one row for an event whose person was merged into another later', async () => {
      const merged = { distinct_id: 'ann-merged', mp_distinct_id_before_identity: 'ann' }
      same(await marks([event('before')], [event('after', merged)]), inBoth('after'))
      same(await marks([event('before'), event('after', merged)]), inBoth('after'))
    })

    it('have one row for an event that came with whole seconds and with milliseconds', async () => {
      const seconds = { time: '2026-08-03T12:00:00.000Z', mp_processing_time_ms: null }
      same(await marks([event('seconds', seconds)], [event('ms')]), inBoth('ms'))
      same(await marks([event('ms')], [event('seconds', seconds)]), inBoth('ms'))
    })

    it('find copies on several days, and among events without a day', async () => {
      const second = { event_id: 'f', _day: '2026-08-05', time: '2026-08-05T12:00:00.001Z' }
      const undated = { event_id: 'g', _day: null, time: null }
      const all = [{}, second, undated]
      const load = (name: string) => all.map((given, at) => event(`${name}${at}`, given))
      same(await marks(load('a'), load('b'), load('c')), inBoth('c0', 'c1', 'c2'))
    })

    it('keep what was moved to another person, although an older file was loaded later', async () => {
      const moved = { distinct_id: 'ann-merged', mp_distinct_id_before_identity: 'ann' }
      same(await marks([event('moved', moved)], [event('archived')]), inBoth('moved'))
    })

    it('find a copy that is filed under the day before or after', async () => {
      const dayAfter = { _day: '2026-08-04' }
      same(await marks([event('a')], [event('b', dayAfter)]), inBoth('b'))
      same(await marks([event('a', dayAfter)], [event('b')]), inBoth('b'))
    })

    it.each([
      ['show a row again when the better one, of the next day, is replaced', '2026-08-03', ['first', 'new']],
      ['leave out a row whose better one is two days after the replaced day', '2026-08-05', ['copy', 'new']],
    ])('%s', async (_, firstDay, marks) => {
      await using store = await openStore(harness)
      const { destination } = store
      await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK]))
      await putExportViews(destination)
      const put = (id: string, row: StoredRow, given: LoadOptions = {}) =>
        load(destination, id, relationOf(GIVEN, [row]), {
          table: 'export',
          record: { dayRows: dayRowsOf([row]) },
          ...given,
        })
      await put('load-1', event('first', { _day: firstDay }))
      await put('load-2', event('copy', { _day: addDays(firstDay, 1) }))
      const mode = { kind: 'replace-days', firstDay: '2026-08-04', lastDay: '2026-08-04' } as const
      await put('load-3', event('new', { event_id: 'f', _day: '2026-08-04' }), { mode })
      if (!harness.queriesViews) return
      expect((await store.readRows('export_latest')).map(({ mark }) => mark).toSorted()).toEqual(marks)
    })

    it('by time have one row of several events of one person at one time', async () => {
      const fields = { event_id: 'f', mp_insert_id: 'i-2', mp_processing_time_ms: 2000n }
      same(await marks([event('a')], [event('b', fields)]), {
        export_latest: ['a', 'b'],
        export_latest_by_time: ['b'],
      })
    })

    // Earlier versions have made columns of numbers as doubles.
    it.each(['bigint', 'double'] as const)('leave out events that were deleted in Mixpanel, at a %s', async (type) => {
      const [isDeleted, inserted, name, insertId, before] = [
        { ...property('mp_is_deleted', 'boolean'), property: '$is_deleted' },
        { ...property('mp_inserted_at', type), property: '$inserted_at' },
        { ...property('mp_delete_event_name'), property: '$delete_event_name' },
        { ...property('mp_delete_insert_id'), property: '$delete_insert_id' },
        { ...property('mp_delete_inserted_before', type), property: '$delete_inserted_before' },
      ]
      const columns = [isDeleted, inserted, name, insertId, before]
      await using store = await openStore(harness)
      const { destination } = store
      await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK, ...columns]))
      await putExportViews(destination)
      const none = Object.fromEntries(columns.map((column) => [column.name, null]))
      const rows = [
        { ...event('kept', { mp_insert_id: 'i-0' }), ...none },
        { ...event('alive', { event_id: 'deleted' }), ...none },
        { ...event('deleted', { event_id: 'deleted' }), ...none, mp_is_deleted: true, mp_processing_time_ms: 2000n },
        { ...event('alive too', { event_id: 'deleted-2' }), ...none },
        {
          ...event('deleted without a time', { event_id: 'deleted-2', mp_processing_time_ms: null }),
          ...none,
          mp_is_deleted: true,
          mp_inserted_at: 2n,
        },
        { ...event('target', { event_id: 'f', mp_insert_id: 'i-2' }), ...none },
        { ...event('other name', { event_id: 'g', mp_insert_id: 'i-2', event: 'Refund' }), ...none },
        { ...event('again', { event_id: 'h', mp_insert_id: 'i-2', mp_processing_time_ms: 9000n }), ...none },
        {
          ...event('deletion', { event_id: 'i', event: '$delete', mp_insert_id: 'i-3' }),
          ...none,
          mp_delete_event_name: 'Order',
          mp_delete_insert_id: 'i-2',
          mp_delete_inserted_before: 5n,
        },
      ]
      await load(destination, 'load-1', relationOf([...GIVEN, ...columns], rows), { table: 'export' })
      if (!harness.queriesViews) return
      const found = (await store.readRows('export_latest')).map(({ mark }) => mark)
      expect(found.toSorted()).toEqual(['again', 'kept', 'other name'])
    })

    it('leave out the target of a deletion that does not say since when', async () => {
      const columns = ['delete_event_name', 'delete_insert_id'].map((name) => ({
        ...property(`mp_${name}`),
        property: `$${name}`,
      }))
      await using store = await openStore(harness)
      const { destination } = store
      await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK, ...columns]))
      await putExportViews(destination)
      const rows = [
        event('kept', { mp_insert_id: 'i-1' }),
        event('target', { event_id: 'f', mp_insert_id: 'i-2' }),
        {
          ...event('deletion', { event_id: 'g', event: '$delete', mp_insert_id: 'i-3' }),
          mp_delete_event_name: 'Order',
          mp_delete_insert_id: 'i-2',
        },
      ]
      await load(destination, 'load-1', relationOf([...GIVEN, ...columns], rows), { table: 'export' })
      if (!harness.queriesViews) return
      expect((await store.readRows('export_latest')).map(({ mark }) => mark)).toEqual(['kept'])
    })

    it('follow a day that is loaded again', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK]))
      await putExportViews(destination)
      await destination.open(unaborted())
      await load(destination, 'load-1', relationOf(GIVEN, [event('a'), event('gone', { event: 'Gone' })]), {
        table: 'export',
      })
      const mode = { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' } as const
      await load(destination, 'load-2', relationOf(GIVEN, [event('b')]), { table: 'export', mode })
      if (!harness.queriesViews) return
      for (const view of BOTH) expect((await store.readRows(view)).map(({ mark }) => mark)).toEqual(['b'])
    })
  })
}
