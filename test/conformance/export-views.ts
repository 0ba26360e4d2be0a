import { describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { viewsOf } from '../../lib/views/views.ts'
import { type Cell, type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { load, newColumns, property, relationOf, unaborted } from './rows.ts'

const MARK = property('mark')
const GIVEN = [...EXPORT_COLUMNS.filter(({ name }) => !['_loaded_at', '_load_id'].includes(name)), MARK]
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

async function putExportViews(destination: Warehouse): Promise<void> {
  await destination.putViews(
    viewsOf(destination.capabilities, 'export', destination.pathInViews('export'), await destination.columns('export')),
  )
}

export function exportViews(harness: DestinationHarness): void {
  /** Loads each list of events separately. Returns the marks of the rows in each view. */
  async function marks(...batches: readonly (readonly StoredRow[])[]) {
    await using store = await openStore(harness)
    const { destination } = store
    await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, MARK]))
    await putExportViews(destination)
    for (const [at, rows] of batches.entries()) {
      await load(destination, `load-${at}`, relationOf(GIVEN, rows), { table: 'export', record: { stream: 'export' } })
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

    it('take null parts of a key as equal', async () => {
      const nameless = { mp_insert_id: null, distinct_id: null }
      same(await marks([event('a', nameless)], [event('b', nameless)]), inBoth('b'))
      same(await marks([event('a', { time: null })], [event('b', { time: null })]), inBoth('b'))
    })

    it('distinguish null from the empty text', async () => {
      same(await marks([event('a', { mp_insert_id: null }), event('b', { mp_insert_id: '' })]), {
        export_latest: ['a', 'b'],
      })
    })

    it('have one row for an event whose person was merged into another later', async () => {
      const merged = { distinct_id: 'ann-merged', mp_distinct_id_before_identity: 'ann', mp_processing_time_ms: 2000n }
      same(await marks([event('before')], [event('after', merged)]), { export_latest: ['after'] })
    })

    it('keep two events of one person in the same millisecond that have different ids', async () => {
      same(await marks([event('a', { mp_insert_id: 'i-1' }), event('b', { mp_insert_id: 'i-2' })]), {
        export_latest: ['a', 'b'],
      })
    })

    it.each([
      ['event', 'Refund'],
      ['distinct_id', 'bob'],
      ['time', '2026-08-03T12:00:00.002Z'],
    ])('keep two events that differ in %s', async (name, different) => {
      same(await marks([event('a'), event('b', { [name]: different })]), inBoth('a', 'b'))
    })

    it('by time use person, event and time as the whole key', async () => {
      const fields = { mp_insert_id: 'i-2', mp_processing_time_ms: 2000n }
      same(await marks([event('a')], [event('b', fields)]), { export_latest_by_time: ['b'] })
      const merged = { distinct_id: 'ann-merged', mp_distinct_id_before_identity: 'ann' }
      same(await marks([event('a')], [event('b', merged)]), { export_latest_by_time: ['a', 'b'] })
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
