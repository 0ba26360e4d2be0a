import type { Day } from '../time/days.ts'

/** How many events of a name a day has, by day, by name. */
export type EventCounts = ReadonlyMap<string, ReadonlyMap<Day, number>>

/** A day and name of which the warehouse and Mixpanel count different numbers of events. */
export interface Difference {
  readonly day: Day
  readonly event: string
  readonly warehouse: number
  readonly mixpanel: number
}

/** What the comparison of two sides has found. */
export interface Comparison {
  /** By day, then by name. */
  readonly differences: readonly Difference[]
  /**
   * Names in the warehouse of which Mixpanel gives no counts, so that nothing can be said of them.
   */
  readonly uncounted: readonly string[]
  /** Days and names that were compared. */
  readonly compared: number
}

/**
 * Where the counts differ on these days. A name that Mixpanel answers for counts 0 on days it does
 * not mention. `tolerance`: the share of Mixpanel's count by which ours may be off, 0 for none.
 */
export function compareCounts(
  warehouse: EventCounts,
  mixpanel: EventCounts,
  days: readonly Day[],
  tolerance: number,
): Comparison {
  const differences: Difference[] = []
  let compared = 0
  for (const day of days) {
    for (const event of [...mixpanel.keys()].sort()) {
      const ours = warehouse.get(event)?.get(day) ?? 0
      const theirs = mixpanel.get(event)?.get(day) ?? 0
      if (ours === 0 && theirs === 0) continue
      compared++
      if (Math.abs(ours - theirs) > theirs * tolerance) {
        differences.push({ day, event, warehouse: ours, mixpanel: theirs })
      }
    }
  }
  const wanted = new Set(days)
  const uncounted = [...warehouse]
    .filter(([event, byDay]) => !mixpanel.has(event) && [...byDay.keys()].some((day) => wanted.has(day)))
    .map(([event]) => event)
    .sort()
  return { differences, uncounted, compared }
}

/** Counts from rows of day, name and number. */
export function countsOf(rows: Iterable<readonly [day: Day, event: string, count: number]>): EventCounts {
  const counts = new Map<string, Map<Day, number>>()
  for (const [day, event, count] of rows) {
    const byDay = counts.get(event) ?? new Map<Day, number>()
    byDay.set(day, (byDay.get(day) ?? 0) + count)
    counts.set(event, byDay)
  }
  return counts
}
