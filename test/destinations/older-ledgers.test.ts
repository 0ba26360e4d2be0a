import { expect, it } from 'vitest'
import { load, relationOf, TABLE, unaborted } from '../conformance/rows.ts'
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
