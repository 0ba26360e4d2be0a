import { addDays } from '../../lib/time/days.ts'

const FIRST = '2026-01-01'

/** The day with this number, counted from 0. */
export function dayAt(number: number): string {
  return addDays(FIRST, number)
}

export function sliceAt(number: number): { readonly firstDay: string; readonly lastDay: string } {
  return { firstDay: dayAt(number), lastDay: dayAt(number) }
}

/** Lines of a day's events, each with an id of its own and a newline. */
export function bodyOf(day: string, count: number, more: Readonly<Record<string, unknown>> = {}): string {
  const start = Date.parse(`${day}T00:00:00Z`)
  const line = (at: number) => ({
    event: at % 2 === 0 ? 'Bought' : 'Seen',
    properties: { time: start + at * 1000, distinct_id: `p${at}`, $insert_id: `${day}-${at}`, ...more },
  })
  return Array.from({ length: count }, (_, at) => `${JSON.stringify(line(at))}\n`).join('')
}

/** The same in as few bytes as events can have. */
export function shortBodyOf(day: string, count: number): string {
  const start = Date.parse(`${day}T00:00:00Z`)
  const line = (at: number) => ({ event: 'A', properties: { time: start + at, $insert_id: `${day}-${at}` } })
  return Array.from({ length: count }, (_, at) => `${JSON.stringify(line(at))}\n`).join('')
}

/** The ids of the events of both. */
export function idsOf(day: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${day}-${at}`)
}
