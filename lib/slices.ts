import type { LoadRecord } from './destination/contract.ts'
import { coversScope, type Scope } from './destination/selection.ts'
import { addDays, countDays, DAY_MS, type Day, dayAt, daysOf, earlier, endOfDayInZone } from './time/days.ts'

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

/** How the project counts its days. */
export interface DayClock {
  readonly zone: string
  /** Whether export days are days in that zone; else they are days in UTC. */
  readonly daysAreLocal: boolean
}

/** The zone in which times are read: the project's if export days are local, else UTC. */
export function clockName({ zone, daysAreLocal }: DayClock): string {
  return daysAreLocal ? zone : 'UTC'
}

/** The export days with events of a project day: that day if days are local, else up to three. */
export function exportDaysOf(day: Day, { zone, daysAreLocal }: DayClock): readonly Day[] {
  if (daysAreLocal) return [day]
  return daysOf(dayAt(endOfDayInZone(addDays(day, -1), zone)), dayAt(endOfDayInZone(day, zone) - 1))
}

/** The share of an hour's requests that is planned for. The rest is for retries. */
const PLANNED_SHARE = 0.8

/**
 * The moment from which a day can be whole: it must be over in the zone of the export's days and in
 * the project's zone, because Mixpanel does not document which one applies to which request.
 */
export function endOfDay(day: Day, clock: DayClock): number {
  const known = endsOfDays.get(clock) ?? new Map<Day, number>()
  endsOfDays.set(clock, known)
  let end = known.get(day)
  if (end === undefined) {
    const local = endOfDayInZone(day, clock.zone)
    end = clock.daysAreLocal ? local : Math.max(local, endOfDayInZone(day, 'UTC'))
    known.set(day, end)
  }
  return end
}

/** A cache: a ledger of years needs each day many times, and the rules of a zone are slow. */
const endsOfDays = new WeakMap<DayClock, Map<Day, number>>()

/** Whether a day is whole in a load: the load has the day, and began after it was over. */
export function isWholeIn(
  { firstDay, lastDay, startedAt }: Pick<LoadRecord, 'firstDay' | 'lastDay' | 'startedAt'>,
  day: Day,
  clock: DayClock,
): boolean {
  if (firstDay === null || lastDay === null || day < firstDay || day > lastDay) return false
  return startedAt.getTime() >= endOfDay(day, clock)
}

/** The whole days of a scope: of each, a load with all rows of the scope began after its end. */
export function wholeDays(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): ReadonlySet<Day> {
  const days = new Set<Day>()
  for (const load of ledger) {
    const { firstDay, lastDay, selection, source } = load
    const isComplete = selection.kind === 'complete' && coversScope(selection.scope, scope)
    if (firstDay === null || lastDay === null || !isComplete) continue
    // A day with another clock is read again.
    if (source?.clock !== undefined && source.clock !== clockName(clock)) continue
    for (const day of daysOf(firstDay, lastDay)) if (isWholeIn(load, day, clock)) days.add(day)
  }
  return days
}

/**
 * The moment up to which the warehouse has everything since the first whole day. That is the end of
 * the whole days before the first gap, or the moment when a load of the day after them began.
 * Undefined if no day is whole.
 */
export function completeTo(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): Date | undefined {
  const whole = wholeDays(ledger, scope, clock)
  let day = [...whole].sort()[0]
  if (day === undefined) return undefined
  while (whole.has(addDays(day, 1))) day = addDays(day, 1)
  const next = addDays(day, 1)
  const begun = ledger
    .filter(({ selection, firstDay, lastDay }) => {
      const isComplete = selection.kind === 'complete' && coversScope(selection.scope, scope)
      return isComplete && firstDay !== null && lastDay !== null && firstDay <= next && next <= lastDay
    })
    .map(({ startedAt }) => startedAt.getTime())
  return new Date(Math.max(endOfDayInZone(day, clockName(clock)), ...begun))
}

/** The days from `first` to `last` that are not among `done`. */
export function missingDays(first: Day, last: Day, done: ReadonlySet<Day>): readonly Day[] {
  return daysOf(first, last).filter((day) => !done.has(day))
}

/** How many days each slice must have so that all days fit into the requests of an hour. */
export function planSliceDays(dayCount: number, requestsPerHour: number): number {
  if (requestsPerHour === 0) return 1
  return Math.max(1, Math.ceil(dayCount / Math.max(1, Math.floor(requestsPerHour * PLANNED_SHARE))))
}

/** How many more loads a table can take now, if it takes `loadsPerDayMax` in 24 hours. */
export function loadsLeft(ledger: readonly LoadRecord[], loadsPerDayMax: number, now: number): number {
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

/**
 * The days that sync reads, up to `yesterday`: those since `from`, or since the first whole day,
 * that are not whole; and the attribution window, which ends with the last whole day, again.
 */
export function syncDays(
  whole: ReadonlySet<Day>,
  from: Day | undefined,
  yesterday: Day,
  attributionWindow: number,
): readonly Day[] {
  const wholeInOrder = [...whole].sort()
  const start = from ?? wholeInOrder[0]
  const lastWhole = wholeInOrder.at(-1)
  if (start === undefined) return []
  const missing = missingDays(start, yesterday, whole)
  if (lastWhole === undefined) return missing
  const windowEnd = earlier(lastWhole, yesterday)
  const window = daysOf(addDays(windowEnd, 1 - attributionWindow), windowEnd).filter((day) => day >= start)
  return [...new Set([...missing, ...window])].sort()
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
