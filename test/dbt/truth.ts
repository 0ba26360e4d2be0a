/** What the models should have, from the lines that were loaded: plain, slow, and without SQL. */

export interface Line {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>> & {
    readonly time?: number
    readonly distinct_id?: string
    readonly $insert_id?: string
    readonly $distinct_id_before_identity?: string
    readonly $preshuffle_distinct_id?: string
    readonly mp_processing_time_ms?: number
  }
}

interface Loaded extends Line {
  readonly load: number
}

const DAY_MS = 86_400_000
const GAP_MS = 30 * 60_000

/** One line per event, from loads in their order. */
export function eventsOf(loads: readonly (readonly Line[])[]): readonly Loaded[] {
  const latest = new Map<string, Loaded>()
  for (const [load, lines] of loads.entries()) {
    for (const line of lines) {
      const event = { ...line, load }
      const { time, $insert_id, distinct_id } = line.properties
      const second = time === undefined ? null : Math.floor(time / 1000)
      const person = personBefore(line) ?? distinct_id ?? null
      const key = JSON.stringify($insert_id === undefined ? line : [line.event, second, person, $insert_id])
      const existing = latest.get(key)
      if (existing === undefined || beats(event, existing)) latest.set(key, event)
    }
  }
  return [...latest.values()]
}

/** The person that an event was moved from. */
function personBefore({ properties }: Line): string | undefined {
  return properties.$distinct_id_before_identity ?? properties.$preshuffle_distinct_id
}

function beats(event: Loaded, existing: Loaded): boolean {
  const processed = ({ properties }: Loaded) => properties.mp_processing_time_ms ?? -1
  if (processed(event) !== processed(existing)) return processed(event) > processed(existing)
  if (event.load !== existing.load) return event.load > existing.load
  return personBefore(event) !== undefined
}

/** From each id to the person, where events were moved and no id to two others. */
export function personsOf(loads: readonly (readonly Line[])[]): (id: string) => string {
  const links = new Map<string, string>()
  for (const line of loads.flat()) {
    const [before, after] = [personBefore(line), line.properties.distinct_id]
    if (before !== undefined && after !== undefined) links.set(before, after)
  }
  return (id) => {
    let person = id
    for (let next = links.get(person); next !== undefined; next = links.get(person)) person = next
    return person
  }
}

const dayOf = (time: number) => new Date(time).toISOString().slice(0, 10)

/** `day`, active users, new users, events. */
export function dailyOf(events: readonly Line[], personOf: (id: string) => string): readonly string[] {
  const days = new Map<string, { people: Set<string>; events: number }>()
  for (const { person, time } of dated(events, personOf)) {
    const day = days.get(dayOf(time)) ?? { people: new Set(), events: 0 }
    days.set(dayOf(time), day)
    day.people.add(person)
    day.events++
  }
  const seen = new Set<string>()
  return [...days].sort().map(([day, { people, events: count }]) => {
    const fresh = [...people].filter((person) => !seen.has(person))
    for (const person of fresh) seen.add(person)
    return [day, people.size, fresh.length, count].join(' ')
  })
}

const START_OF: Readonly<Record<string, { start: (day: string) => string; days: number }>> = {
  day: { start: (day) => day, days: 1 },
  week: { start: (day) => dayOf(Date.parse(day) - ((new Date(day).getUTCDay() + 6) % 7) * DAY_MS), days: 7 },
  month: { start: (day) => `${day.slice(0, 7)}-01`, days: 30 },
}
/** How many periods the model has. */
const PERIODS = 61

/**
 * `period`, start, periods since, size of the cohort, people who came back in the period or later.
 */
export function retentionOf(events: readonly Line[], personOf: (id: string) => string): readonly string[] {
  const people = Map.groupBy(dated(events, personOf), ({ person }) => person)
  return Object.entries(START_OF).flatMap(([period, { start, days }]) => {
    const cohorts = Map.groupBy(
      [...people.values()].map((all) => all.map(({ time }) => time).sort((a, b) => a - b)),
      ([first = 0]) => start(dayOf(first)),
    )
    return [...cohorts].flatMap(([cohort, timelines]) =>
      Array.from({ length: PERIODS }, (_, since) => {
        const came = timelines.filter(([first = 0, ...rest]) =>
          rest.some((time) => time > first && time >= first + since * days * DAY_MS),
        )
        return [period, cohort, since, timelines.length, came.length]
      })
        .filter(([, , , , came]) => came !== 0)
        .map((row) => row.join(' ')),
    )
  })
}

/** Person, number, start, end, events of each session. */
export function sessionsOf(events: readonly Line[], personOf: (id: string) => string): readonly string[] {
  const timelines = new Map<string, number[]>()
  for (const { person, time } of dated(events, personOf)) {
    timelines.set(person, [...(timelines.get(person) ?? []), time])
  }
  return [...timelines].flatMap(([person, times]) => {
    const sessions: number[][] = []
    for (const time of times.sort((a, b) => a - b)) {
      const session = sessions.at(-1)
      const last = session?.at(-1)
      const goesOn = last !== undefined && time - last <= GAP_MS && dayOf(last) === dayOf(time)
      if (goesOn) session?.push(time)
      else sessions.push([time])
    }
    return sessions.map((session, index) => [person, index + 1, session[0], session.at(-1), session.length].join(' '))
  })
}

function dated(events: readonly Line[], personOf: (id: string) => string) {
  return events.flatMap(({ properties: { time, distinct_id } }) =>
    time === undefined || distinct_id === undefined ? [] : [{ person: personOf(distinct_id), time }],
  )
}
