import { describe, expect, it } from 'vitest'
import type { Column } from '../../lib/columns/column.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { load, newColumns, OWN_COLUMNS, property, relationOf } from './rows.ts'

const GIVEN: readonly Column[] = [
  property('funnel_id', 'bigint'),
  property('date', 'date'),
  property('_day', 'date'),
  property('step', 'bigint'),
  property('mark'),
]

const row = (funnel: bigint, date: string, step: bigint, mark: string): StoredRow => ({
  funnel_id: funnel,
  date,
  _day: date,
  step,
  mark,
})

export function latestViews(harness: DestinationHarness): void {
  /** Loads each list of rows separately. Returns the marks of the rows in the table's view. */
  async function marks(table: string, ...batches: readonly (readonly StoredRow[])[]) {
    await using store = await openStore(harness)
    const { destination } = store
    await destination.addColumns(table, newColumns([...GIVEN, ...OWN_COLUMNS]))
    const columns = await destination.columns(table)
    const views = await viewsOver(destination, table)
    expect(views.map(({ name }) => name)).toEqual([`${table}_latest`])
    await destination.putViews(views)
    for (const [at, rows] of batches.entries()) {
      await load(destination, `load-${at}`, relationOf(GIVEN, rows), { table, record: { stream: table } })
    }
    if (!harness.queriesViews) return undefined
    const found = await store.readRows(`${table}_latest`)
    for (const row of found) expect(Object.keys(row)).toEqual(columns.map(({ name }) => name))
    return found.map(({ mark }) => String(mark)).toSorted()
  }
  const same = (found: readonly string[] | undefined, ...expected: readonly string[]) => {
    if (found !== undefined) expect(found).toEqual(expected)
  }

  describe('the view of the latest rows', () => {
    it('of a table whose days are read again has what was loaded last for each day or item', async () => {
      const first = [row(1n, '2026-08-01', 0n, 'a'), row(1n, '2026-08-02', 0n, 'b'), row(2n, '2026-08-01', 0n, 'c')]
      const again = [row(1n, '2026-08-01', 0n, 'd')]
      same(await marks('funnels', first, again), 'b', 'c', 'd')
      same(await marks('revenue', first.slice(0, 2), again), 'b', 'd')
    })

    it('drops the steps that a funnel no longer has', async () => {
      const three = [0n, 1n, 2n].map((step) => row(1n, '2026-08-01', step, `old-${step}`))
      const two = [0n, 1n].map((step) => row(1n, '2026-08-01', step, `new-${step}`))
      same(await marks('funnel_steps', three, two), 'new-0', 'new-1')
    })

    it('of a table that is replaced whole has the rows as they are', async () => {
      const rows = [row(1n, '2026-08-01', 0n, 'a'), row(1n, '2026-08-01', 0n, 'b')]
      same(await marks('cohorts', rows), 'a', 'b')
    })
  })
}
