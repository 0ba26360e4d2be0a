import { addDays, type Day } from '../time/days.ts'
import { compareCounts, type Difference, type EventCounts } from './compare.ts'

/** Numbers of people in the warehouse. */
export interface WarehousePeople {
  /** Distinct people, after merging ids as the view `identities` says. */
  readonly people: EventCounts
  /** Distinct ids, as the export had them. */
  readonly ids: EventCounts
}

/**
 * Why a number of people differs:
 * - `events`: the numbers of events differ, too;
 * - `merged-later`: Mixpanel's number lies between people and ids, on one of the last days. Its
 *   reports had not merged all ids yet that are merged in the warehouse;
 * - `other-merges`: the same on an earlier day. The warehouse merges ids that Mixpanel does not;
 * - `unknown-links`: Mixpanel counts fewer people. It knows links between ids that are not loaded;
 * - `unknown`: Mixpanel counts more people than the warehouse has ids.
 */
export type PeopleCause = 'events' | 'merged-later' | 'other-merges' | 'unknown-links' | 'unknown'

/** A day and event name with different numbers of people in the warehouse and in Mixpanel. */
export interface PeopleDifference extends Difference {
  /** The distinct ids in the warehouse. */
  readonly ids: number
  readonly cause: PeopleCause
}

/** The result of a comparison of people. */
export interface PeopleComparison {
  /** Ordered by day, then by name. */
  readonly differences: readonly PeopleDifference[]
  /** How many pairs of day and name were compared. */
  readonly compared: number
}

/**
 * Compares numbers of people on these days, and says why they differ. `events`: the differences
 * between numbers of events. Other arguments as in {@link compareCounts}.
 */
export function comparePeople(
  { people, ids }: WarehousePeople,
  mixpanel: EventCounts,
  events: readonly Difference[],
  days: readonly Day[],
  tolerance: number,
  today: Day,
): PeopleComparison {
  const { differences, compared } = compareCounts(people, mixpanel, days, tolerance, today)
  const eventsDiffer = new Set(events.map(keyOf))
  return {
    compared,
    differences: differences.map((difference) => {
      const ownIds = ids.get(difference.event)?.get(difference.day) ?? 0
      const cause = eventsDiffer.has(keyOf(difference)) ? 'events' : causeOf(difference, ownIds, today)
      return { ...difference, ids: ownIds, cause }
    }),
  }
}

/** Mixpanel merges ids within a day or so. */
const MERGING_DAYS = 2

function causeOf({ day, warehouse, mixpanel }: Difference, ids: number, today: Day): PeopleCause {
  if (mixpanel < warehouse) return 'unknown-links'
  if (mixpanel > ids) return 'unknown'
  return day >= addDays(today, -MERGING_DAYS) ? 'merged-later' : 'other-merges'
}

function keyOf({ day, event }: Pick<Difference, 'day' | 'event'>): string {
  return `${day} ${event}`
}
