/** Funnels by following each attempt through the timeline: the definitions, without SQL. */
import { dayOf } from './clock.ts'
import type { ReportEvent, ReportRow } from './report-warehouses.ts'
import { type DatedEvent, inRange, matches, type Range, type Step, timelines } from './worlds.ts'

export interface FunnelStep extends Step {
  readonly anchored?: boolean
}

export interface Exclusion extends Step {
  readonly after?: number
  readonly before?: number
}

export interface FunnelCase extends Range {
  readonly steps: readonly FunnelStep[]
  readonly count: 'uniques' | 'totals' | 'sessions'
  readonly window?: number | undefined
  readonly window_unit?: 'second' | 'minute' | 'hour' | 'day' | 'session' | undefined
  readonly order: 'specific' | 'any'
  readonly hold: readonly 'plan'[]
  readonly exclusions: readonly Exclusion[]
  readonly optimized_reentry: boolean
  readonly grace_seconds: number
  readonly session_minutes: number
}

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400, session: Number.POSITIVE_INFINITY }

interface Placed extends DatedEvent {
  readonly session: number
}

interface Attempt {
  /** The events of the steps that were reached. */
  readonly events: readonly Placed[]
  /** The last event that cannot begin another attempt, and the moment after which one can begin. */
  readonly last: Placed
  readonly until: number
  readonly session: number
}

/** The rows of funnel_attempts. */
export function attemptsOf(events: readonly ReportEvent[], zone: string, query: FunnelCase): readonly ReportRow[] {
  const { steps, count, hold, exclusions, optimized_reentry, grace_seconds, session_minutes } = query
  const unit = query.window_unit ?? (count === 'sessions' ? 'session' : 'day')
  const length = query.window ?? (unit === 'session' ? 1 : 7)
  const grace = grace_seconds * 1000
  const places = steps.map((_, at) => optionsAt(at))

  return [...timelines(events)].flatMap(([person_id, timeline]) =>
    chosen(numbered(timeline)).map((attempt) => ({
      person_id,
      entered_at: text(attempt.events[0]),
      steps_reached: attempt.events.length,
      ...Object.fromEntries(steps.map((_, at) => [`at_${at + 1}`, text(attempt.events[at])])),
    })),
  )

  /** The steps that a place can have: in any order, those between the same anchors. */
  function optionsAt(at: number): readonly number[] {
    const isFixed = (step: number) => query.order === 'specific' || steps[step]?.anchored === true
    if (isFixed(at)) return [at]
    const block = (step: number) => steps.slice(0, step).filter((_, earlier) => isFixed(earlier)).length
    return steps.flatMap((_, step) => (!isFixed(step) && block(step) === block(at) ? [step] : []))
  }

  function numbered(timeline: readonly DatedEvent[]): readonly Placed[] {
    let session = 0
    return timeline.map((event, at) => {
      const before = timeline[at - 1]
      const isNew =
        before === undefined ||
        event.time - before.time > session_minutes * 60_000 ||
        dayOf(event.time, zone) !== dayOf(before.time, zone)
      if (isNew) session++
      return { ...event, session }
    })
  }

  /** The attempts of a person that count. */
  function chosen(all: readonly Placed[]): readonly Attempt[] {
    const entries = all.filter(
      (event) =>
        places[0]?.some((step) => matches(steps[step] ?? {}, event)) &&
        inRange(dayOf(event.time, zone), query) &&
        isHeld(event),
    )
    const parts = count === 'sessions' ? [...Map.groupBy(entries, ({ session }) => session).values()] : [entries]
    if (count !== 'totals') return parts.flatMap((part) => firstOrBest(all, part))
    return [...Map.groupBy(entries, heldValue).values()].flatMap((part) => {
      if (optimized_reentry) return apart(part.map((entry) => attempt(all, entry)))
      const taken: Attempt[] = []
      for (const entry of part) {
        const before = taken.at(-1)
        const isFree =
          before === undefined ||
          (isAfter(entry, before.last) && entry.time > before.until && isSameOrLater(entry, before))
        if (isFree) taken.push(attempt(all, entry, before?.last))
      }
      return taken
    })
  }

  function isSameOrLater(entry: Placed, before: Attempt): boolean {
    return before.session === 0 || entry.session > before.session
  }

  function firstOrBest(all: readonly Placed[], entries: readonly Placed[]): readonly Attempt[] {
    if (!optimized_reentry) return entries.slice(0, 1).map((entry) => attempt(all, entry))
    const time = (event: Placed | undefined) => event?.time ?? 0
    return entries
      .map((entry) => attempt(all, entry))
      .sort(
        (a, b) =>
          b.events.length - a.events.length ||
          time(a.events.at(-1)) - time(b.events.at(-1)) ||
          order(b.events[0], a.events[0]),
      )
      .slice(0, 1)
  }

  /** Of attempts that use one event for the same place, the one that began last goes on. */
  function apart(attempts: readonly Attempt[]): readonly Attempt[] {
    return attempts.map((attempt, at) => {
      const later = attempts.slice(at + 1)
      const lost = attempt.events.findIndex(
        (event, place) => place > 0 && later.some(({ events }) => events[place] === event),
      )
      return lost < 0 ? attempt : { ...attempt, events: attempt.events.slice(0, lost) }
    })
  }

  /** Follows an attempt. Events up to `floor` belong to the attempts before. */
  function attempt(all: readonly Placed[], entry: Placed, floor?: Placed): Attempt {
    const passed = [entry]
    const done = [optionFor(0, entry, [])]
    const isInWindow = ({ time, session }: Placed) =>
      unit === 'session' ? session < entry.session + length : time <= entry.time + length * SECONDS[unit] * 1000
    const rest = all.filter(
      (event) =>
        (count !== 'sessions' || event.session === entry.session) &&
        isHeld(event) &&
        heldValue(event) === heldValue(entry) &&
        (floor === undefined || isAfter(event, floor)) &&
        isInWindow(event),
    )
    for (let place = 1; place < steps.length; place++) {
      const open = rest.filter((event) => event.time >= (passed.at(-1)?.time ?? 0) - grace && !passed.includes(event))
      const next = open.find((event) => optionFor(place, event, done) !== undefined)
      const excluding = open.find((event) =>
        exclusions.some(
          (each) => place >= (each.after ?? 1) && place < (each.before ?? steps.length) && matches(each, event),
        ),
      )
      if (excluding !== undefined && excluding !== next && (next === undefined || isAfter(next, excluding))) {
        return { events: passed, last: [...passed, excluding].sort(order).at(-1) ?? entry, until: 0, session: 0 }
      }
      if (next === undefined) {
        const last = [...passed].sort(order).at(-1) ?? entry
        if (unit === 'session') return { events: passed, last, until: 0, session: entry.session + length - 1 }
        return { events: passed, last, until: entry.time + length * SECONDS[unit] * 1000, session: 0 }
      }
      done.push(optionFor(place, next, done))
      passed.push(next)
    }
    return { events: passed, last: [...passed].sort(order).at(-1) ?? entry, until: 0, session: 0 }
  }

  /** The step of a place that an event is, if no earlier place has it. */
  function optionFor(place: number, event: Placed, done: readonly (number | undefined)[]): number | undefined {
    return places[place]?.find((step) => !done.includes(step) && matches(steps[step] ?? {}, event))
  }

  function isHeld({ plan }: Placed): boolean {
    return hold.length === 0 || plan != null
  }

  function heldValue({ plan }: Placed): string | null | undefined {
    return hold.length === 0 ? null : plan
  }
}

/** The rows of funnel: how many attempts reached each step. */
export function reachedOf(events: readonly ReportEvent[], zone: string, query: FunnelCase): readonly number[] {
  const attempts = attemptsOf(events, zone, query)
  return query.steps.map((_, at) => attempts.filter(({ steps_reached }) => Number(steps_reached) > at).length)
}

function text(event: Placed | undefined): string | null {
  return event === undefined ? null : new Date(event.time).toISOString()
}

function order(a: Placed | undefined, b: Placed | undefined): number {
  if (a === undefined || b === undefined || a === b) return 0
  return a.time - b.time || (a.event_id < b.event_id ? -1 : 1)
}

function isAfter(a: Placed, b: Placed): boolean {
  return order(a, b) > 0
}
