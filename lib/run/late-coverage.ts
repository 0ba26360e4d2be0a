import type { LoadRecord } from '../destination/contract.ts'
import { coversScope, type Scope, scopeOf } from '../destination/selection.ts'
import type { Slice } from '../slices.ts'
import { type Day, daysOf } from '../time/days.ts'
import { type DayClock, isWholeIn } from './whole-days.ts'

/**
 * An event is certainly in a load that began this long after Mixpanel had processed the event.
 * Events have been seen to reach the raw export up to 45 minutes late, and clocks differ.
 */
export const LATE_MARGIN_MS = 3 * 3_600_000

/**
 * By day, the time up to which everything that Mixpanel has processed is certainly loaded, in
 * milliseconds since 1970.
 */
export type Coverage = ReadonlyMap<Day, number>

/**
 * The coverage of the days that are whole in the ledger. It ends at the last complete load of the
 * scope, or at the last request for late arrivals, if that left no gap after the coverage before.
 */
export function coverageOf(ledger: readonly LoadRecord[], scope: Scope, clock: DayClock): Coverage {
  const coverage = new Map<Day, number>()
  for (const load of ledger) {
    const { firstDay, lastDay, selection, startedAt } = load
    const loaded = scopeOf(selection)
    if (firstDay === null || lastDay === null || loaded === undefined || !coversScope(loaded, scope)) continue
    const until = startedAt.getTime() - LATE_MARGIN_MS
    for (const day of daysOf(firstDay, lastDay)) {
      const before = coverage.get(day)
      // A request for late arrivals extends the coverage only if it leaves no gap.
      const continues =
        selection.kind === 'late' ? before !== undefined && selection.since <= before : isWholeIn(load, day, clock)
      if (continues) coverage.set(day, Math.max(before ?? until, until))
    }
  }
  return coverage
}

/**
 * One request for everything that was processed since the coverage ended, on all covered days but
 * those that the run reads whole (`reading`). Undefined if there are no such days.
 */
export function lateSlice(
  coverage: Coverage,
  reading: ReadonlySet<Day>,
  first: Day | undefined,
  last: Day,
): Slice | undefined {
  const days = [...coverage.keys()]
    .filter((day) => !reading.has(day) && day <= last && (first === undefined || day >= first))
    .sort()
  const [firstDay] = days
  const lastDay = days.at(-1)
  if (firstDay === undefined || lastDay === undefined) return undefined
  return { firstDay, lastDay, since: Math.min(...days.map((day) => coverage.get(day) ?? 0)) }
}
