import { type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { addDays, type Day, daysOf } from '../../lib/time/days.ts'

/** Numbers that are the same for the same seed. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** A whole number of at least 0 and less than `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.below(items.length)]
  }
}

/** An event as the raw export has it. */
interface EventRow {
  readonly day: Day
  readonly event: string
  readonly distinct_id: string
  /** The person that it was first sent for, if people were merged later. */
  readonly before: string | undefined
  readonly time: number
  readonly id: string
  readonly processed: number
  readonly n: number
}

/** Limits on a night's changes, so that a sync can see all of them. */
interface Limits {
  /** The first day that the next sync reads again. */
  readonly windowFrom: Day
  /** Whether events disappear: by deletion, and by compaction. */
  readonly disappears: boolean
}

/**
 * Rows that came to days before the newest one, by day: those that were added, and those less the
 * ones that have gone.
 */
interface Arrivals {
  readonly added: Readonly<Record<Day, number>>
  readonly net: Readonly<Record<Day, number>>
}

export type Mixpanel = ReturnType<typeof newMixpanel>

const HOUR_MS = 3_600_000
const EVENTS = ['Open', 'Order Completed']
const PEOPLE = ['anna', 'bo', 'cy', 'dee', 'device-1', 'device-2']
const FUNNEL_DAYS = 10
const REVENUE_DAYS = 5

/** A Mixpanel project in which something happens every day. */
export function newMixpanel(first: Day, dice: Dice) {
  let rows: EventRow[] = []
  let ids = 0
  const profiles = new Map<string, string>()
  const cohorts = new Map<number, { name: string; members: Set<string> }>()
  const annotations = new Map<number, string>()
  const funnel = new Map<Day, readonly [number, number]>()
  const revenue = new Map<Day, number>()

  /** Some time between the last night's run and this one's, also right before it. */
  const processedOn = (day: Day) => Date.parse(`${day}T04:30:00Z`) + dice.below(24 * HOUR_MS)
  const newRow = (day: Day, processed: number): EventRow => ({
    day,
    event: dice.pick(EVENTS) ?? '',
    distinct_id: dice.pick(PEOPLE) ?? '',
    before: undefined,
    time: Date.parse(`${day}T00:00:00Z`) + dice.below(24 * HOUR_MS),
    id: `id-${String(++ids).padStart(5, '0')}`,
    processed,
    n: dice.below(1000),
  })

  function passEvents(day: Day, limits: Limits | undefined): Arrivals {
    for (let count = 3 + dice.below(4); count > 0; count--) rows.push(newRow(day, processedOn(day)))
    const added: Record<Day, number> = {}
    const gone: Record<Day, number> = {}
    if (limits === undefined) return { added, net: {} }
    const add = (row: EventRow) => {
      rows.push(row)
      added[row.day] = (added[row.day] ?? 0) + 1
    }
    const before = daysOf(first, addDays(day, -1))
    const older = rows.filter((row) => row.day < day)
    for (let count = dice.below(4); count > 0; count--) add(newRow(dice.pick(before) ?? first, processedOn(day)))
    const sentAgain = dice.pick(older)
    if (sentAgain !== undefined) add({ ...sentAgain, processed: processedOn(day), n: dice.below(1000) })

    const inWindow = (row: EventRow) => row.day >= limits.windowFrom && row.day < day
    const merged = dice.pick(rows.filter(inWindow))
    rows = rows.map((row) =>
      row === merged ? { ...row, distinct_id: 'anna-and-bo', before: row.before ?? row.distinct_id } : row,
    )
    if (limits.disappears) {
      const deleted = new Set([dice.pick(rows.filter(inWindow)), ...compacted(rows.filter(inWindow))])
      for (const row of deleted) if (row !== undefined) gone[row.day] = (gone[row.day] ?? 0) + 1
      rows = rows.filter((row) => !deleted.has(row))
    }
    const net = Object.fromEntries(
      before.map((past) => [past, (added[past] ?? 0) - (gone[past] ?? 0)] as const).filter(([, count]) => count !== 0),
    )
    return { added, net }
  }

  function passProfiles(): void {
    const id = `person-${dice.below(12)}`
    if (dice.below(4) === 0) profiles.delete(id)
    else profiles.set(id, dice.pick(['free', 'pro', 'team']) ?? '')
    profiles.set('always', 'pro')
    const cohort = 1 + dice.below(3)
    if (dice.below(5) === 0) cohorts.delete(cohort)
    else {
      const members = new Set([...PEOPLE, ...profiles.keys()].filter(() => dice.below(2) === 0))
      cohorts.set(cohort, { name: `Cohort ${dice.below(9)}`, members })
    }
    const note = 1 + dice.below(8)
    if (dice.below(4) === 0) annotations.delete(note)
    else annotations.set(note, `Release ${dice.below(100)}`)
  }

  function passFigures(day: Day): void {
    funnel.set(day, [10 + dice.below(10), dice.below(10)])
    const entered = dice.pick(
      daysOf(addDays(day, -FUNNEL_DAYS), addDays(day, -1)).filter((candidate) => candidate >= first),
    )
    if (entered !== undefined) funnel.set(entered, [10 + dice.below(10), dice.below(10)])
    revenue.set(day, dice.below(1000) / 4)
    const charged = dice.pick(
      daysOf(addDays(day, -REVENUE_DAYS), addDays(day, -1)).filter((candidate) => candidate >= first),
    )
    if (charged !== undefined) revenue.set(charged, dice.below(1000) / 4)
  }

  const withoutBefore = ({ before, ...row }: EventRow) => row
  const upTo = (day: Day) => rows.filter((row) => row.day <= day)

  return {
    /** What happens on a day, and until the night after it. */
    pass(day: Day, limits?: Limits): Arrivals {
      const arrivals = passEvents(day, limits)
      passProfiles()
      passFigures(day)
      return arrivals
    },

    /** A simulator that has the project as it is now. */
    async simulator(): Promise<Simulator> {
      const simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
      await simulator.ingest(
        rows.map(({ event, time, distinct_id, id, processed, n, before }) => ({
          event,
          properties: {
            ...{ time, distinct_id, $insert_id: id, mp_processing_time_ms: processed, n },
            ...(before === undefined ? {} : { $distinct_id_before_identity: before }),
          },
        })),
      )
      for (const [id, plan] of profiles) simulator.profiles.set(id, { plan })
      for (const [id, { name, members }] of cohorts) simulator.cohorts.set({ id, name, members })
      for (const [id, description] of annotations) simulator.annotations.set({ id, date: first, description })
      simulator.funnels.set({
        id: 1,
        name: 'Signup',
        steps: ['Open', 'Order Completed'],
        days: Object.fromEntries(funnel),
      })
      for (const [day, amount] of revenue) simulator.revenue.set(day, { amount, count: 9, paid_count: 3 })
      return simulator
    },

    /** The raw export up to a day. */
    rawEvents: (day: Day) =>
      upTo(day)
        .toSorted((left, right) => compare(left.id, right.id) || left.processed - right.processed)
        .map(withoutBefore),

    /** What a reader of the views should see of the days up to this one. */
    expected: (last: Day) => ({
      events: newest(upTo(last))
        .toSorted((left, right) => compare(left.id, right.id))
        .map(withoutBefore),
      engage: sortedEntries(profiles).map(([id, plan]) => ({ id, plan })),
      cohorts: sortedEntries(cohorts).map(([id, { name }]) => ({ id, name })),
      members: sortedEntries(cohorts).flatMap(([cohort, { members }]) =>
        [...members].sort().map((id) => ({ cohort, id })),
      ),
      annotations: sortedEntries(annotations).map(([id, description]) => ({ id, description })),
      funnels: sortedEntries(funnel).map(([day, [started, completed]]) => ({ day, started, completed })),
      steps: sortedEntries(funnel).flatMap(([day, counts]) => counts.map((count, step) => ({ day, step, count }))),
      revenue: sortedEntries(revenue).map(([day, amount]) => ({ day, amount })),
    }),
  }
}

/**
 * By Mixpanel's rule: events that agree in name, person, time and insert id are one, and the one
 * processed last counts.
 */
function newest(rows: readonly EventRow[]): readonly EventRow[] {
  const byKey = new Map<string, EventRow>()
  for (const row of rows) {
    const known = byKey.get(keyOf(row))
    if (known === undefined || row.processed > known.processed) byKey.set(keyOf(row), row)
  }
  return [...byKey.values()]
}

/** Rows that a newer copy replaces, as compaction removes them. */
function compacted(rows: readonly EventRow[]): readonly EventRow[] {
  const kept = new Set(newest(rows))
  return rows.filter((row) => !kept.has(row))
}

function keyOf({ event, distinct_id, before, time, id }: EventRow): string {
  return [event, before ?? distinct_id, time, id].join('\u001f')
}

function sortedEntries<K extends string | number, V>(map: ReadonlyMap<K, V>): readonly (readonly [K, V])[] {
  return [...map].sort(([left], [right]) => compare(left, right))
}

function compare<T extends string | number>(left: T, right: T): number {
  return left < right ? -1 : left > right ? 1 : 0
}
