import type { LoadRecord } from '../destination/contract.ts'
import { coversScope, type Scope, scopeOf } from '../destination/selection.ts'
import { type DayClock, isWholeIn, type Slice } from '../slices.ts'
import { type Day, daysOf } from '../time/days.ts'

/**
 * How long before a load began events must have been processed to be surely in it: an event is in
 * the raw export up to 45 minutes, as far as seen, after that, and clocks differ.
 */
export const LATE_MARGIN_MS = 3 * 3_600_000

/** Until when what Mixpanel has processed is surely loaded, by day; in milliseconds since 1970. */
export type Coverage = ReadonlyMap<Day, number>

/**
 * The coverage of the days that the ledger has whole: up to the last load of all rows of the scope,
 * or up to the last request for late arrivals that continues where the coverage ended.
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
      // A request for late arrivals adds to the coverage only where it began within that.
      const continues =
        selection.kind === 'late' ? before !== undefined && selection.since <= before : isWholeIn(load, day, clock)
      if (continues) coverage.set(day, Math.max(before ?? until, until))
    }
  }
  return coverage
}

/**
 * The request for what was processed since the coverage ended: one over all covered days that the
 * run does not read whole (`reading`) anyway; undefined if there are none.
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
