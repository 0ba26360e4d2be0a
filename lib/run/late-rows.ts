import type { LoadRecord } from '../destination/contract.ts'
import { isSameScope, type Scope } from '../destination/selection.ts'
import { type DayClock, isWholeIn } from '../slices.ts'
import { type Day, daysOf } from '../time/days.ts'

/**
 * How many rows came late, by day, in the order of the days: of a day that was read again, its rows now less its rows in
 * the last load before that had it whole with the same selection, which is negative where rows are gone; of what was
 * asked for by the time of processing, all rows. Days without a difference, and those whose rows were not counted
 * before, are left out.
 *
 * `before` is the ledger from before the run, `loads` what the run has loaded.
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
  return new Map([...late].filter(([, count]) => count !== 0).sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** The rows of one load that came late, by day. */
function lateRowsOf(
  { firstDay, lastDay, selection, dayRows }: LoadRecord,
  before: readonly LoadRecord[],
  clock: DayClock,
): readonly (readonly [Day, number])[] {
  if (firstDay === null || lastDay === null || dayRows === null) return []
  switch (selection.kind) {
    case 'late':
      return Object.entries(dayRows)
    case 'complete': {
      const earlier = before.filter((load) => hasAllOf(load, selection.scope))
      return daysOf(firstDay, lastDay).flatMap((day): readonly (readonly [Day, number])[] => {
        const last = earlier.findLast((load) => isWholeIn(load, day, clock))
        return last?.dayRows == null ? [] : [[day, (dayRows[day] ?? 0) - (last.dayRows[day] ?? 0)]]
      })
    }
    case 'file':
    case 'unknown':
      return []
  }
}

function hasAllOf({ selection }: LoadRecord, scope: Scope): boolean {
  return selection.kind === 'complete' && isSameScope(selection.scope, scope)
}
