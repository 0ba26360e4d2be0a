import type { LoadRecord } from '../destination/contract.ts'
import { coversScope, type Scope } from '../destination/selection.ts'
import { type DayClock, isWholeIn, type Slice } from '../slices.ts'
import { type Day, daysOf } from '../time/days.ts'

/**
 * How long before a load began events must have been processed to be surely in it: an event is in
 * the raw export only some time after Mixpanel has processed it, up to 45 minutes as far as has
 * been seen, and clocks differ.
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
  for (const load of ledger) addCoverage(coverage, load, scope, clock)
  return coverage
}

function addCoverage(coverage: Map<Day, number>, load: LoadRecord, scope: Scope, clock: DayClock): void {
  const { firstDay, lastDay, selection, startedAt } = load
  if (firstDay === null || lastDay === null) return
  const until = startedAt.getTime() - LATE_MARGIN_MS
  switch (selection.kind) {
    case 'complete':
      if (!coversScope(selection.scope, scope)) return
      for (const day of daysOf(firstDay, lastDay)) {
        if (isWholeIn(load, day, clock)) coverage.set(day, Math.max(coverage.get(day) ?? until, until))
      }
      return
    case 'late':
      if (coversScope(selection.scope, scope)) goOn(coverage, firstDay, lastDay, selection.since, until)
      return
    case 'file':
    case 'unknown':
      return
  }
}

/**
 * What was asked for of these days since a moment: it adds to the coverage of those that were
 * covered up to it.
 */
function goOn(coverage: Map<Day, number>, first: Day, last: Day, since: number, until: number): void {
  for (const [day, before] of coverage) {
    if (day >= first && day <= last && since <= before) coverage.set(day, Math.max(before, until))
  }
}

/**
 * The request for what was processed since the coverage ended: one over all covered days from the
 * first to the last that is not read anyway; undefined where there is none. `reading` are the days
 * that the run reads whole.
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
