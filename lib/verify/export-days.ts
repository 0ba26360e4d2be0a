import type { DayClock } from '../slices.ts'
import { addDays, type Day, dayAt, daysOf, endOfDayInZone } from '../time/days.ts'

/**
 * The days of the export that a day of the project's zone has events of: its own where days are
 * local, else up to three.
 */
export function exportDaysOf(day: Day, { zone, daysAreLocal }: DayClock): readonly Day[] {
  if (daysAreLocal) return [day]
  return daysOf(dayAt(endOfDayInZone(addDays(day, -1), zone)), dayAt(endOfDayInZone(day, zone) - 1))
}

/**
 * The days of the project's zone, from `first` to `last`, all of whose events are in whole days of
 * the export.
 */
export function comparableDays(whole: ReadonlySet<Day>, first: Day, last: Day, clock: DayClock): readonly Day[] {
  return daysOf(first, last).filter((day) => exportDaysOf(day, clock).every((exported) => whole.has(exported)))
}
