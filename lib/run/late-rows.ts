import type { LoadRecord } from '../destination/contract.ts'
import { isSameScope } from '../destination/selection.ts'
import { type Day, daysOf } from '../time/days.ts'
import { type DayClock, isWholeIn } from './whole-days.ts'

/**
 * How many rows came late, by day and in the order of the days.
 *
 * - A load of late arrivals counts with all its rows.
 * - A day that was read again counts with the rows it has now, minus those of the last load of the
 *   same scope in which it was whole. This is negative if rows are gone.
 *
 * Days without a difference, and days whose rows were not counted before, are left out. `before` is
 * the ledger before the run, and `loads` is what the run has loaded.
 */
export function lateRows(
  before: readonly LoadRecord[],
  loads: readonly LoadRecord[],
  clock: DayClock,
): ReadonlyMap<Day, number> {
  const late = new Map<Day, number>()
  for (const load of loads) {
    for (const [day, count] of lateRowsOf(load, before, clock)) late.set(day, (late.get(day) ?? 0) + count)
  }
  return new Map([...late].filter(([, count]) => count !== 0).sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** The rows of one load that came late, by day. */
function lateRowsOf(
  { firstDay, lastDay, selection, dayRows }: LoadRecord,
  before: readonly LoadRecord[],
  clock: DayClock,
): readonly (readonly [Day, number])[] {
  if (firstDay === null || lastDay === null || dayRows === null) return []
  if (selection.kind === 'late') return Object.entries(dayRows)
  if (selection.kind !== 'complete') return []
  const earlier = before.filter(
    (load) => load.selection.kind === 'complete' && isSameScope(load.selection.scope, selection.scope),
  )
  return daysOf(firstDay, lastDay).flatMap((day): readonly (readonly [Day, number])[] => {
    const last = earlier.findLast((load) => isWholeIn(load, day, clock))
    return last?.dayRows == null ? [] : [[day, (dayRows[day] ?? 0) - (last.dayRows[day] ?? 0)]]
  })
}
