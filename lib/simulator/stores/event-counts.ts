import { DAY_MS } from '../../time/days.ts'
import type { ProjectClock } from './clock.ts'
import type { EventStore } from './event-store.ts'
import { exportLines } from './export-lines.ts'
import { linesIn } from './line-blocks.ts'
import { seededRandom } from './random-order.ts'
import type { WhereEvent } from './where-operators.ts'
import type { Where } from './where-parser.ts'

/** What is counted: events, users, or events per user. */
export const COUNT_TYPES = ['general', 'unique', 'average'] as const
export type CountType = (typeof COUNT_TYPES)[number]

/** Which events are counted, and in which buckets. */
export interface CountQuery {
  readonly names: readonly string[]
  readonly where?: Where | undefined
  readonly type: CountType
  /** Returns the person of an id. */
  readonly personOf: (id: string) => string
  /** The project's days, both inclusive. */
  readonly firstDay: number
  readonly lastDay: number
  /** Returns the bucket of a moment, given as local time in milliseconds. */
  readonly bucketOf: (localMs: number) => string
}

/**
 * Counts events as reports do: by days in the time zone of the project, and duplicates (same name,
 * user, time and `$insert_id`) once. Returns counts by name and bucket, without zeros.
 */
export async function countEvents(
  store: EventStore,
  clock: ProjectClock,
  { names, where, type, personOf, firstDay, lastDay, bucketOf }: CountQuery,
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const tallies = new Map(names.map((name) => [name, new Map<string, Tally>()]))
  const selection = { events: new Set(names), where, timeInMs: true }
  // A local day overlaps two UTC days, and the store is divided by UTC days unless the project is a
  // legacy one.
  const margin = clock.legacyTime ? 0 : 1
  for (let day = firstDay - margin; day <= lastDay + margin; day++) {
    // Duplicates have the same time, so they are on the same day of the store.
    const seen = new Set<string>()
    for await (const block of exportLines(store.blocks(day, day), selection, clock, seededRandom(0))) {
      for (const line of linesIn(block)) {
        const { event, properties } = JSON.parse(line.toString()) as WhereEvent
        const { time, distinct_id, $insert_id } = properties
        if (typeof time !== 'number') continue
        const localMs = clock.legacyTime ? time : clock.local(time)
        const localDay = Math.floor(localMs / DAY_MS)
        if (localDay < firstDay || localDay > lastDay) continue
        const key = JSON.stringify([event, distinct_id, time, $insert_id])
        if ($insert_id !== undefined && seen.has(key)) continue
        seen.add(key)
        const buckets = tallies.get(event) ?? new Map<string, Tally>()
        const bucket = bucketOf(localMs)
        const tally = buckets.get(bucket) ?? { events: 0, users: new Set() }
        tally.events++
        if (type !== 'general' && distinct_id !== '') {
          tally.users.add(typeof distinct_id === 'string' ? personOf(distinct_id) : distinct_id)
        }
        buckets.set(bucket, tally)
      }
    }
  }
  return new Map(
    [...tallies].map(([name, buckets]) => [
      name,
      new Map([...buckets].map(([bucket, tally]) => [bucket, countOf(tally, type)])),
    ]),
  )
}

interface Tally {
  events: number
  readonly users: Set<unknown>
}

function countOf({ events, users }: Tally, type: CountType): number {
  if (type === 'general') return events
  if (type === 'unique') return users.size
  return users.size === 0 ? 0 : events / users.size
}
