import { expect, it } from 'vitest'
import { EXPORT_COLUMNS, ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import { upgradeEvents } from '../../lib/load/upgrade-events.ts'
import { EVENT_COLUMNS, load, newColumns, OWN_COLUMNS, relationOf, TABLE, unaborted } from '../conformance/rows.ts'
import { WAREHOUSES } from './ledger-warehouses.ts'

const NOTHING = relationOf([], [])
const COUNTED = { dayRows: { '2026-08-03': 5 } }

it.each(Object.entries(WAREHOUSES))(
  'a ledger without day_rows in %s is read, and gets the column before the next load',
  async (_, create) => {
    await using warehouse = await create()
    {
      await using first = warehouse.open()
      await first.open(unaborted())
      await load(first, 'old', NOTHING, { record: COUNTED })
    }
    await warehouse.dropColumn('day_rows')
    {
      await using reader = warehouse.open()
      await reader.openToRead(unaborted())
      expect(await reader.ledger(TABLE)).toMatchObject([{ loadId: 'old', dayRows: null }])
    }
    await using writer = warehouse.open()
    await writer.open(unaborted())
    await load(writer, 'new', NOTHING, { record: COUNTED })
    expect(await writer.ledger(TABLE)).toMatchObject([
      { loadId: 'old', dayRows: null },
      { loadId: 'new', ...COUNTED },
    ])
  },
)

/** BigQuery is a fake here, which runs no SQL. */
const QUERIED = Object.entries(WAREHOUSES).filter(([name]) => name !== 'BigQuery')

it.each(QUERIED)(
  'events of an earlier version in %s are brought over also after that was killed',
  async (_, create) => {
    await using warehouse = await create()
    const event = { event: 'A', event_id: 'a', distinct_id: 'ann', time: '2026-08-03T12:00:00Z', _day: '2026-08-03' }
    {
      await using first = warehouse.open()
      await first.open(unaborted())
      await first.addColumns('export', newColumns([...EVENT_COLUMNS, ...OWN_COLUMNS]))
      for (const name of ['one', 'two'])
        await load(first, name, relationOf(EVENT_COLUMNS, [event]), { table: 'export', record: { stream: 'export' } })
    }
    // The versions before had no such column, and wrote no form.
    await warehouse.dropColumn('ledger_form')
    await using writer = warehouse.open()
    await writer.open(unaborted())
    const upgrade = () => upgradeEvents(writer, () => {}, unaborted())
    // A run that was killed after its first step.
    await writer.addColumns('export', newColumns(EXPORT_COLUMNS.filter(({ name }) => name === ROW_COLUMN)))
    expect(await upgrade()).toBe(true)
    expect(await upgrade()).toBe(false)
    const counts: unknown[] = []
    const sql = ['export', 'export_latest'].map((name) => `SELECT count(*) AS n FROM ${writer.pathInViews(name)}`)
    for (const text of sql)
      await writer.query(text, (rows) => void counts.push(...rows.map((row) => Number(JSON.parse(row).n))), unaborted())
    expect(counts).toEqual([2, 1])
  },
)
