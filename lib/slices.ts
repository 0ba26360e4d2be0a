import type { LoadRecord } from './destination/contract.ts'
import { addDays, countDays, DAY_MS, type Day } from './time/days.ts'

/** A span of days of one stream, loaded in one commit. */
export interface Slice {
  readonly firstDay: Day
  readonly lastDay: Day
  /** Where set, only rows that Mixpanel processed after this moment, in milliseconds since 1970. */
  readonly since?: number
  /** Where set, only records of these names. */
  readonly only?: readonly string[]
}

/** All of a table that has no days, loaded in one commit. */
export interface WholeTable {
  readonly isWhole: true
}

/** The path of a file that is loaded in one commit, or {@link STANDARD_INPUT}. */
export interface FileSlice {
  readonly file: string
}

/** What is requested from Mixpanel and loaded as one: days, or a whole table. */
export type StreamSlice = Slice | WholeTable

/** The unit of work of a run: what is loaded in one commit per table. */
export type AnySlice = StreamSlice | FileSlice

/** The slice of a stream without days. */
export const WHOLE_TABLE: WholeTable = { isWhole: true }

/** Whether a slice is a span of days. */
export function hasDays(slice: AnySlice): slice is Slice {
  return 'firstDay' in slice
}

/** The path that means standard input. */
export const STANDARD_INPUT = '-'

/** The share of an hour's requests that is planned for. The rest is for retries. */
const PLANNED_SHARE = 0.8

/** How many days each slice must have so that all days fit into the requests of an hour. */
export function planSliceDays(dayCount: number, requestsPerHour: number): number {
  if (requestsPerHour === 0) return 1
  return Math.max(1, Math.ceil(dayCount / Math.max(1, Math.floor(requestsPerHour * PLANNED_SHARE))))
}

/** How many more loads a table can take now, if it takes `loadsPerDayMax` in 24 hours. */
export function loadsLeft(
  ledger: readonly Pick<LoadRecord, 'loadedAt'>[],
  loadsPerDayMax: number,
  now: number,
): number {
  const recent = ledger.filter(({ loadedAt }) => loadedAt.getTime() > now - DAY_MS).length
  return Math.max(0, loadsPerDayMax - recent)
}

/** Slices of exactly these days, in order, with at most `sliceDays` consecutive days in each. */
export function planSlices(days: readonly Day[], sliceDays: number): readonly Slice[] {
  const slices: { firstDay: Day; lastDay: Day }[] = []
  for (const day of days) {
    const open = slices.at(-1)
    const joins = open !== undefined && addDays(open.lastDay, 1) === day && countDays(open.firstDay, day) <= sliceDays
    if (joins) open.lastDay = day
    else slices.push({ firstDay: day, lastDay: day })
  }
  return slices
}

/** Two slices with half of the days, or half of the names of one day; undefined if that is one. */
export function halves(slice: Slice): readonly [Slice, Slice] | undefined {
  const { firstDay, lastDay, only = [] } = slice
  if (firstDay === lastDay) {
    const middle = Math.ceil(only.length / 2)
    if (only.length < 2) return undefined
    return [
      { ...slice, only: only.slice(0, middle) },
      { ...slice, only: only.slice(middle) },
    ]
  }
  const middle = addDays(firstDay, Math.floor(countDays(firstDay, lastDay) / 2) - 1)
  return [
    { ...slice, lastDay: middle },
    { ...slice, firstDay: addDays(middle, 1) },
  ]
}

/** How messages call the rows of a slice of a table, such as `funnels of 2026-03-01`. */
export function rowsName(name: string, slice: AnySlice): string {
  if ('isWhole' in slice) return name
  return 'file' in slice ? sliceName(slice) : `${name} of ${sliceName(slice)}`
}

/** How messages call a slice. */
export function sliceName(slice: AnySlice): string {
  if ('isWhole' in slice) return 'the whole table'
  if ('file' in slice) return slice.file === STANDARD_INPUT ? 'standard input' : slice.file
  const { firstDay, lastDay, since } = slice
  const days = firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
  return since === undefined ? days : `late arrivals of ${days}`
}
