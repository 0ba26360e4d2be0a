import { MS_PER_DAY, type ProjectClock } from './clock.ts'
import { exportLines } from './export-lines.ts'
import { seededRandom } from './shuffle.ts'
import type { EventStore } from './store.ts'
import type { Where } from './where.ts'

const NEWLINE = 0x0a

/** What of an event is counted: each one, each user once, or events by user. */
export const COUNT_TYPES = ['general', 'unique', 'average'] as const
/** How occurrences are counted. */
export type CountType = (typeof COUNT_TYPES)[number]

/** What is counted, and where an event counts. */
export interface CountedEvents {
  readonly names: readonly string[]
  readonly where?: Where | undefined
  readonly type: CountType
  /** The project's days, both inclusive. */
  readonly firstDay: number
  readonly lastDay: number
  /** The bucket of a moment, given as the project's wall clock in milliseconds. */
  readonly bucketOf: (localMs: number) => string
}

/**
 * Counts stored events as Mixpanel's reports do: by days of the project's zone, whatever its exports do, and an event
 * that was sent twice (the same name, user, time and `$insert_id`) once. Gives numbers by name and bucket; where there
 * is nothing there is no entry. Events without a usable time are not counted. Throws a WhereError.
 */
export async function countEvents(
  store: EventStore,
  clock: ProjectClock,
  { names, where, type, firstDay, lastDay, bucketOf }: CountedEvents,
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const tallies = new Map(names.map((name) => [name, new Map<string, Tally>()]))
  const selection = { events: new Set(names), where, timeInMs: true }
  // A local day overlaps the UTC days beside it, and those are what some projects store by.
  const margin = clock.legacyTime ? 0 : 1
  for (let day = firstDay - margin; day <= lastDay + margin; day++) {
    // An event that was sent twice has one time, so it is on one day of the store.
    const seen = new Set<string>()
    for await (const block of exportLines(store.blocks(day, day), selection, clock, seededRandom(0))) {
      for (const { event, properties } of eventsOf(block)) {
        const { time, distinct_id, $insert_id } = properties
        if (typeof time !== 'number') continue
        const localMs = clock.legacyTime ? time : clock.local(time)
        const localDay = Math.floor(localMs / MS_PER_DAY)
        if (localDay < firstDay || localDay > lastDay) continue
        const key = JSON.stringify([event, distinct_id, time, $insert_id])
        if ($insert_id !== undefined && seen.has(key)) continue
        seen.add(key)
        const buckets = tallies.get(event) ?? new Map<string, Tally>()
        const bucket = bucketOf(localMs)
        const tally = buckets.get(bucket) ?? { events: 0, users: new Set() }
        tally.events++
        if (type !== 'general') tally.users.add(distinct_id)
        buckets.set(bucket, tally)
      }
    }
  }
  return new Map([...tallies].map(([name, buckets]) => [name, mapped(buckets, (tally) => countOf(tally, type))]))
}

interface Tally {
  events: number
  readonly users: Set<unknown>
}

interface EventLine {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

function* eventsOf(block: Buffer): Generator<EventLine> {
  for (let start = 0; start < block.length; ) {
    const end = block.indexOf(NEWLINE, start)
    yield JSON.parse(block.toString('utf8', start, end)) as EventLine
    start = end + 1
  }
}

function countOf({ events, users }: Tally, type: CountType): number {
  if (type === 'general') return events
  return type === 'unique' ? users.size : events / users.size
}

function mapped<Key, From, To>(map: ReadonlyMap<Key, From>, change: (value: From) => To): Map<Key, To> {
  return new Map([...map].map(([key, value]) => [key, change(value)]))
}
