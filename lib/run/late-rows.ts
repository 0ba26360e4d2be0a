import type { LoadRecord } from '../destination/contract.ts'
import { type DayClock, isWholeIn } from '../slices.ts'
import { lateSince } from '../streams/export.ts'
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
  for (const { firstDay, lastDay, selection, dayRows } of loads) {
    if (firstDay === null || lastDay === null || dayRows === null) continue
    if (lateSince(selection) !== undefined) {
      for (const [day, count] of Object.entries(dayRows)) late.set(day, (late.get(day) ?? 0) + count)
      continue
    }
    const earlier = before.filter((load) => load.selection === selection)
    for (const day of daysOf(firstDay, lastDay)) {
      const last = earlier.findLast((load) => isWholeIn(load, day, clock))
      if (last?.dayRows == null) continue
      late.set(day, (late.get(day) ?? 0) + (dayRows[day] ?? 0) - (last.dayRows[day] ?? 0))
    }
  }
  return new Map([...late].filter(([, count]) => count !== 0).sort(([one], [other]) => (one < other ? -1 : 1)))
}
