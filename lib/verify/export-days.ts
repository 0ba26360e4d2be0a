import { type DayClock, exportDaysOf } from '../run/whole-days.ts'
import { type Day, daysOf } from '../time/days.ts'

/** The project days from `first` to `last` whose events all lie in complete export days. */
export function comparableDays(whole: ReadonlySet<Day>, first: Day, last: Day, clock: DayClock): readonly Day[] {
  return daysOf(first, last).filter((day) => exportDaysOf(day, clock).every((exported) => whole.has(exported)))
}
