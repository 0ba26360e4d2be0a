/** Days and hours of time zones, and units of days, without SQL. */

export const DAY_MS = 86_400_000

export type Unit = 'day' | 'week' | 'month'

export const UNIT_DAYS: Readonly<Record<Unit, number>> = { day: 1, week: 7, month: 30 }

const formats = new Map<string, Intl.DateTimeFormat>()

function partsOf(time: number, zone: string): Readonly<Record<string, string>> {
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' } as const
  const format = formats.get(zone) ?? new Intl.DateTimeFormat('en', { ...parts, timeZone: zone, hourCycle: 'h23' })
  formats.set(zone, format)
  return Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]))
}

/** The day, as 2026-03-01. */
export function dayOf(time: number, zone: string): string {
  const { year, month, day } = partsOf(time, zone)
  return `${year}-${month}-${day}`
}

export function hourOf(time: number, zone: string): number {
  return Number(partsOf(time, zone).hour)
}

export function daysLater(day: string, count: number): string {
  return new Date(Date.parse(day) + count * DAY_MS).toISOString().slice(0, 10)
}

/** The first day of the unit that a day is in. */
export function unitStart(unit: Unit, day: string): string {
  if (unit === 'month') return `${day.slice(0, 7)}-01`
  return unit === 'day' ? day : daysLater(day, -((new Date(day).getUTCDay() + 6) % 7))
}

export function unitsLater(unit: Unit, day: string, count: number): string {
  if (unit !== 'month') return daysLater(day, count * UNIT_DAYS[unit])
  const [year = 0, month = 0] = day.split('-').map(Number)
  return new Date(Date.UTC(year, month - 1 + count, 1)).toISOString().slice(0, 10)
}

/** How many units later the second unit begins. */
export function unitsBetween(unit: Unit, first: string, second: string): number {
  const months = (day: string) => Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7))
  if (unit === 'month') return months(second) - months(first)
  return Math.round((Date.parse(second) - Date.parse(first)) / DAY_MS / UNIT_DAYS[unit])
}

/** The units between two days, each with the last of its days. */
export function periodsOf(
  unit: Unit,
  first: string | undefined,
  last: string | undefined,
): ReadonlyMap<string, string> {
  const periods = new Map<string, string>()
  if (first === undefined || last === undefined) return periods
  for (let day = first; day <= last; day = daysLater(day, 1)) periods.set(unitStart(unit, day), day)
  return periods
}
