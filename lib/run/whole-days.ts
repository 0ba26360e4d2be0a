/** Which days the ledger has whole, and up to which moment the warehouse is complete. */

import type { LoadRecord } from '../destination/contract.ts'
import { coversScope, type Scope } from '../destination/selection.ts'
import { addDays, type Day, dayAt, daysOf, endOfDayInZone } from '../time/days.ts'

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
  for (const load of completeLoads(ledger, scope, clock)) {
    for (const day of daysOf(load.firstDay, load.lastDay)) if (isWholeIn(load, day, clock)) days.add(day)
  }
  return days
}

type LoadOfDays = LoadRecord & { readonly firstDay: Day; readonly lastDay: Day }

/** The loads with all rows of a scope on their days. A day with another clock is read again. */
function completeLoads(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): readonly LoadOfDays[] {
  return ledger.filter((load): load is LoadOfDays => {
    const { firstDay, lastDay, selection, source } = load
    if (firstDay === null || lastDay === null || selection.kind !== 'complete') return false
    return coversScope(selection.scope, scope) && (source?.clock ?? clockName(clock)) === clockName(clock)
  })
}

/**
 * The days of the project, from `first` to `last`, whose events are all loaded: each of their
 * export days was read after the project's day had ended there. Yesterday can be among them before
 * its last export day is whole.
 */
export function completeDays(
  ledger: readonly LoadRecord[],
  scope: Scope,
  clock: DayClock,
  { first, last }: { readonly first: Day; readonly last: Day },
): readonly Day[] {
  const read = lastReads(ledger, scope, clock)
  const isRead = (day: Day, end: number) => (read.get(day) ?? 0) >= Math.min(end, exportEnd(day, clock))
  return daysOf(first, last).filter((day) => {
    const end = endOfDayInZone(day, clock.zone)
    return exportDaysOf(day, clock).every((part) => isRead(part, end))
  })
}

/**
 * The moment up to which the warehouse has everything since the first whole day: the end of the
 * days that were read to their end, or the moment at which the day after them was read. Undefined
 * if no day is whole.
 */
export function completeTo(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): Date | undefined {
  const read = lastReads(ledger, scope, clock)
  let day = [...wholeDays(ledger, scope, clock)].sort()[0]
  if (day === undefined) return undefined
  while ((read.get(addDays(day, 1)) ?? 0) >= exportEnd(addDays(day, 1), clock)) day = addDays(day, 1)
  return new Date(Math.max(exportEnd(day, clock), read.get(addDays(day, 1)) ?? 0))
}

/** The end of a day of the export, in milliseconds since 1970. */
function exportEnd(day: Day, clock: DayClock): number {
  return endOfDayInZone(day, clockName(clock))
}

/** When the last load of each export day began that has all rows of the scope. */
function lastReads(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): ReadonlyMap<Day, number> {
  const read = new Map<Day, number>()
  for (const { firstDay, lastDay, startedAt } of completeLoads(ledger, scope, clock)) {
    for (const day of daysOf(firstDay, lastDay)) read.set(day, Math.max(read.get(day) ?? 0, startedAt.getTime()))
  }
  return read
}

/** The days from `first` to `last` that are not among `done`. */
export function missingDays(first: Day, last: Day, done: ReadonlySet<Day>): readonly Day[] {
  return daysOf(first, last).filter((day) => !done.has(day))
}
