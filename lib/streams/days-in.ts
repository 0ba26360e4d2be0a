import type { Slice } from '../slices.ts'
import { addDays, type Day, isDay } from '../time/days.ts'
import { isObject, type JsonObject, unknownForm } from './answer.ts'

/** A member that could be a day, in whatever form. */
const LIKE_A_DAY = /\d{4}/

/** Days next to the requested ones may come with them, because clocks and time zones differ. */
const TOLERANCE_DAYS = 2

/**
 * The requested days of a response that has one member per day, in their order. Other members, such
 * as the total `$overall`, are left out. @throws MixloadError BODY_UNREADABLE if a day has another
 * form, or if all days are those of another request.
 */
export function daysIn(
  members: JsonObject,
  { firstDay, lastDay }: Pick<Slice, 'firstDay' | 'lastDay'>,
  what: string,
): readonly (readonly [day: Day, entry: JsonObject])[] {
  const names = Object.keys(members)
  const odd = names.find((name) => LIKE_A_DAY.test(name) && !isDay(name))
  if (odd !== undefined) throw unknownForm(what, `it has the day ${JSON.stringify(odd.slice(0, 100))}`)
  const days = names.filter(isDay).sort()
  const [first, last] = [addDays(firstDay, -TOLERANCE_DAYS), addDays(lastDay, TOLERANCE_DAYS)]
  if (days[0] !== undefined && days.every((day) => day < first || day > last)) {
    throw unknownForm(what, `it has the days ${days[0]} to ${days.at(-1)}, which were not requested`)
  }
  return days
    .filter((day) => day >= firstDay && day <= lastDay)
    .map((day) => {
      const entry = members[day]
      if (!isObject(entry)) throw unknownForm(what, `its day ${day} is not an object`)
      return [day, entry]
    })
}
