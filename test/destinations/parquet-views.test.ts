import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { viewsOver } from '../../lib/views/views.ts'
import {
  COLUMNS,
  EVENT_COLUMNS,
  load,
  makeTable,
  newColumns,
  rejectsOf,
  relationOf,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { ParquetPlace } from './parquet-place.ts'
import { query, readView } from './parquet-reading.ts'
import { scansOf } from './query-plan.ts'

describe('the views.sql of a directory of Parquet files', () => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.create()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('creates all tables and views in plain DuckDB', async () => {
    await place.destination.open(unaborted())
    const views = 'SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1'
    const ledger = ['_mixload_columns', '_mixload_loads', '_mixload_rejects', '_mixload_superseded']
    expect((await query(place.directory, views)).map(({ view_name }) => view_name)).toEqual(ledger)
    await place.destination.addColumns('export', newColumns(EXPORT_COLUMNS))
    await place.destination.putViews(await viewsOver(place.destination, 'export'))
    expect((await query(place.directory, views)).map(({ view_name }) => view_name)).toEqual([
      ...ledger,
      'export',
      'export_latest',
      'export_latest_by_time',
      'identities',
    ])
    expect(await readView(place.directory, 'export_latest')).toEqual([])
    const described = await query(place.directory, 'SELECT column_name, column_type FROM (DESCRIBE export)')
    expect(described).toHaveLength(EXPORT_COLUMNS.length)
    expect(described).toContainEqual({ column_name: '_day', column_type: 'DATE' })
    const event = {
      event: 'A',
      event_id: 'a',
      distinct_id: 'ann',
      time: '2026-08-03T12:00:00.001Z',
      _day: '2026-08-03',
    }
    await load(place.destination, 'load-1', relationOf(EVENT_COLUMNS, [event, event]), { table: 'export' })
    expect(await readView(place.directory, 'export')).toHaveLength(2)
    expect(await readView(place.directory, 'export_latest')).toHaveLength(1)
  })

  it('has the ledger with the columns and types of every destination', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    const loaded = await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a')]), {
      rejects: rejectsOf('x'),
    })
    expect(await readView(place.directory, '_mixload_loads')).toEqual([
      {
        load_id: 'load-1',
        stream: 'things',
        first_day: '2026-08-03',
        last_day: '2026-08-03',
        selection: '',
        row_count: 1n,
        reject_count: 1n,
        byte_count: 1234n,
        request_count: 1n,
        started_at: '2026-08-04T05:06:07.089Z',
        loaded_at: loaded.loadedAt.toISOString(),
        write_mode: 'append',
        mixload_version: '0.0.0-test',
        day_rows: null,
        source: null,
        ledger_form: 3n,
        day_digests: null,
        misfits: null,
      },
    ])
    const [day] = await readView(place.directory, '_mixload_columns')
    expect(day).toEqual({
      table_name: 'things',
      property: null,
      column_name: '_day',
      column_type: 'date',
      column_role: 'fixed',
      owner_column: null,
      first_load_id: 'load-0',
      first_seen_at: expect.stringMatching(/Z$/),
    })
    expect(await readView(place.directory, '_mixload_rejects')).toEqual([
      { load_id: 'load-1', stream: 'things', reason: 'no JSON', line: 'x' },
    ])
  })

  it.each(['export', 'export_latest', 'export_latest_by_time'])(
    'lets a filter by time and event reach the files of %s',
    async (view) => {
      await place.destination.open(unaborted())
      await place.destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await place.destination.putViews(await viewsOver(place.destination, 'export'))
      const events = ['12:00:01', '12:00:03'].map((time) => ({
        event: 'Order',
        time: `2026-08-03T${time}.000Z`,
        _day: '2026-08-03',
      }))
      await load(place.destination, 'load-1', relationOf(EVENT_COLUMNS, events), { table: 'export' })
      const filter = "time >= TIMESTAMPTZ '2026-08-03 12:00:02Z' AND event = 'Order'"
      const [plan] = await query(place.directory, `EXPLAIN (FORMAT json) SELECT * FROM ${view} WHERE ${filter}`)
      const scan = scansOf(plan?.explain_value).join()
      expect(scan).toMatch(/time\s*>=/)
      expect(scan).toMatch(/event\s*=/)
    },
  )

  it('lets a filter by day open only the files of these days', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    const rows = ['2026-08-01', '2026-08-02', '2026-08-03', null].map((day) => thing('a', day))
    await load(place.destination, 'load-1', relationOf(COLUMNS, rows))
    const [plan] = await query(
      place.directory,
      "EXPLAIN (FORMAT json) SELECT * FROM things WHERE _day >= DATE '2026-08-02'",
    )
    expect(scansOf(plan?.explain_value).join()).toMatch(/Scanning Files[^,]*2\/4/)
  })
})
