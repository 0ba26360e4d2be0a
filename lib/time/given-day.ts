import { addDays, type Day, earlier, isDay } from './days.ts'

/**
 * A day as a user gives it. Some depend on the project's today: so many days before it, or the last
 * day of a month or year, which is yesterday while that month or year lasts.
 */
export type GivenDay = Day | { readonly daysAgo: number } | { readonly until: Day }

/** What a day can be given as, for messages. */
export const GIVEN_DAY_FORMS =
  'a day such as 2026-08-31, a month such as 2026-08, a year such as 2026, or days before today such as 30d'

/** The first day that a text means; undefined if it means none. */
export function parseFirstDay(text: string): GivenDay | undefined {
  return firstOfPeriod(text) ?? parseDayOrAge(text)
}

/** The last day that a text means; undefined if it means none. */
export function parseLastDay(text: string): GivenDay | undefined {
  const first = firstOfPeriod(text)
  if (first === undefined) return parseDayOrAge(text)
  // So many days after the first day, the next month or year has begun.
  const dayOfNext = addDays(first, isYear(text) ? 366 : 31)
  const firstOfNext = firstOfPeriod(dayOfNext.slice(0, text.length))
  return firstOfNext === undefined ? undefined : { until: addDays(firstOfNext, -1) }
}

/** The day of the project that is meant, where `today` is the day there. */
export function dayOf(given: GivenDay, today: Day): Day {
  if (typeof given === 'string') return given
  return 'daysAgo' in given ? addDays(today, -given.daysAgo) : earlier(given.until, addDays(today, -1))
}

const isYear = (text: string) => /^\d{4}$/.test(text)

/** The first day of a month or year. */
function firstOfPeriod(text: string): Day | undefined {
  const day = isYear(text) ? `${text}-01-01` : /^\d{4}-\d{2}$/.test(text) ? `${text}-01` : ''
  return isDay(day) ? day : undefined
}

function parseDayOrAge(text: string): GivenDay | undefined {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? []
  if (days !== undefined) return { daysAgo: Number(days) }
  return isDay(text) ? text : undefined
}
