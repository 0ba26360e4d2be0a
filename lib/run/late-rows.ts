import type { LoadRecord } from '../destination/contract.ts'
import { isSameScope, scopeOf } from '../destination/selection.ts'
import { type Day, daysOf } from '../time/days.ts'
import { type DayClock, isWholeIn } from './whole-days.ts'

/**
 * How many rows came late, by day and in the order of the days.
 *
 * - A load of late arrivals counts with all its rows.
 * - A day that was read again counts with the rows it has now, minus those of the last load of the
 *   same scope and clock in which it was whole, and of the late arrivals since. This is negative if
 *   rows are gone.
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
  { firstDay, lastDay, selection, dayRows, source }: LoadRecord,
  before: readonly LoadRecord[],
  clock: DayClock,
): readonly (readonly [Day, number])[] {
  if (firstDay === null || lastDay === null || dayRows === null) return []
  if (selection.kind === 'late') return Object.entries(dayRows)
  if (selection.kind !== 'complete') return []
  const isSame = (load: LoadRecord) => {
    const scope = scopeOf(load.selection)
    const hasSameClock = (load.source?.clock ?? source?.clock) === source?.clock
    return scope !== undefined && isSameScope(scope, selection.scope) && hasSameClock
  }
  const same = before.filter(isSame)
  return daysOf(firstDay, lastDay).flatMap((day): readonly (readonly [Day, number])[] => {
    const at = same.findLastIndex((load) => load.selection.kind === 'complete' && isWholeIn(load, day, clock))
    const known = same[at]
    if (known === undefined || known.dayRows === null) return []
    const had = same
      .slice(at + 1)
      .filter((load) => load.selection.kind === 'late')
      .reduce((total, load) => total + (load.dayRows?.[day] ?? 0), known.dayRows[day] ?? 0)
    return [[day, (dayRows[day] ?? 0) - had]]
  })
}
