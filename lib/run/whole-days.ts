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
  const begun = completeLoads(ledger, scope, clock)
    .filter(({ firstDay, lastDay }) => firstDay <= next && next <= lastDay)
    .map(({ startedAt }) => startedAt.getTime())
  return new Date(Math.max(endOfDayInZone(day, clockName(clock)), ...begun))
}

/** The days from `first` to `last` that are not among `done`. */
export function missingDays(first: Day, last: Day, done: ReadonlySet<Day>): readonly Day[] {
  return daysOf(first, last).filter((day) => !done.has(day))
}
