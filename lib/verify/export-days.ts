import type { DayClock } from '../slices.ts'
import { addDays, type Day, dayAt, daysOf, endOfDayInZone } from '../time/days.ts'

/** The export days with events of a project day: that day if days are local, else up to three. */
export function exportDaysOf(day: Day, { zone, daysAreLocal }: DayClock): readonly Day[] {
  if (daysAreLocal) return [day]
  return daysOf(dayAt(endOfDayInZone(addDays(day, -1), zone)), dayAt(endOfDayInZone(day, zone) - 1))
}

/** The project days from `first` to `last` whose events all lie in complete export days. */
export function comparableDays(whole: ReadonlySet<Day>, first: Day, last: Day, clock: DayClock): readonly Day[] {
  return daysOf(first, last).filter((day) => exportDaysOf(day, clock).every((exported) => whole.has(exported)))
}
