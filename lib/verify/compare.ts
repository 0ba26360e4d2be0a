import { addDays, type Day } from '../time/days.ts'

/** Numbers of events by name and day. */
export type EventCounts = ReadonlyMap<string, ReadonlyMap<Day, number>>

/** A day and event name with different counts in the warehouse and in Mixpanel. */
export interface Difference {
  readonly day: Day
  readonly event: string
  readonly warehouse: number
  readonly mixpanel: number
}

/** The result of a comparison. */
export interface Comparison {
  /** Ordered by day, then by name. */
  readonly differences: readonly Difference[]
  /** Event names in the warehouse for which Mixpanel returns no counts. */
  readonly uncounted: readonly string[]
  /** How many pairs of day and name were compared. */
  readonly compared: number
  /** Days that are not compared, because Mixpanel has deleted their events by now. */
  readonly expired: readonly Day[]
}

/**
 * Mixpanel deletes events two years after their date; for projects from before September 2025,
 * five years after. Source: Mixpanel's page on exporting all data.
 */
const RETENTION_DAYS = 730

/**
 * The days that are so old that Mixpanel may have deleted their events, and of which it counts
 * none. The warehouse then has the only copy.
 */
function expiredDays(mixpanel: EventCounts, days: readonly Day[], today: Day): readonly Day[] {
  const oldest = addDays(today, -RETENTION_DAYS)
  const counts = [...mixpanel.values()]
  return days.filter((day) => day < oldest && counts.every((byDay) => (byDay.get(day) ?? 0) === 0))
}

/**
 * Compares counts on these days. A day missing from Mixpanel's response counts 0. `tolerance`: the
 * share of Mixpanel's count by which ours may differ. `today`: the day in the project's zone.
 */
export function compareCounts(
  warehouse: EventCounts,
  mixpanel: EventCounts,
  days: readonly Day[],
  tolerance: number,
  today: Day,
): Comparison {
  const differences: Difference[] = []
  let compared = 0
  const expired = expiredDays(mixpanel, days, today)
  for (const day of days) {
    if (expired.includes(day)) continue
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
  return { differences, uncounted, compared, expired }
}

/** Sums counts by name and day. */
export function countsOf(rows: Iterable<readonly [day: Day, event: string, count: number]>): EventCounts {
  const counts = new Map<string, Map<Day, number>>()
  for (const [day, event, count] of rows) {
    const byDay = counts.get(event) ?? new Map<Day, number>()
    byDay.set(day, (byDay.get(day) ?? 0) + count)
    counts.set(event, byDay)
  }
  return counts
}
