/** Sessions by walking through each timeline: the definitions, without SQL. */
import { dayOf, periodsOf, type Unit, unitStart } from './clock.ts'
import type { ReportEvent, ReportRow } from './report-warehouses.ts'
import { type DatedEvent, inRange, matches, type Range, rangeOf, type Step, timelines } from './worlds.ts'

export interface SessionsCase extends Range {
  readonly session_by: 'timeout' | 'property' | 'event'
  readonly timeout_minutes: number
  readonly start: Step
  readonly end: Step
  readonly resets_at_midnight: boolean
  readonly excluded_events: readonly string[]
  readonly with_system_events: boolean
}

interface Session {
  readonly events: DatedEvent[]
  isEnded: boolean
}

export function sessionsOf(events: readonly ReportEvent[], zone: string, request: SessionsCase): readonly ReportRow[] {
  const { session_by, timeout_minutes, start, end, resets_at_midnight, excluded_events, with_system_events } = request
  const isCounted = ({ event_name, plan }: ReportEvent) =>
    !excluded_events.includes(event_name) &&
    (with_system_events || event_name !== '$identify') &&
    (session_by !== 'property' || plan != null)
  return [...timelines(events)].flatMap(([person_id, timeline]) => {
    const sessions: Session[] = []
    for (const event of timeline.filter(isCounted)) {
      const session = sessions.at(-1)
      const last = session?.events.at(-1)
      const isOpen =
        session !== undefined &&
        last !== undefined &&
        !session.isEnded &&
        !(resets_at_midnight && dayOf(last.time, zone) !== dayOf(event.time, zone)) &&
        !(session_by === 'timeout' && event.time - last.time > timeout_minutes * 60_000) &&
        !(session_by === 'property' && last.plan !== event.plan)
      const isEnded = session_by === 'event' && matches(end, event)
      if (isOpen) {
        session.events.push(event)
        session.isEnded = isEnded
      } else if (session_by !== 'event' || matches(start, event)) sessions.push({ events: [event], isEnded })
    }
    return sessions.flatMap(({ events: inside, isEnded }, at) => {
      const [first, last] = [inside[0], inside.at(-1)]
      if (first === undefined || last === undefined) return []
      const date_day = dayOf(first.time, zone)
      const hasEnd = session_by !== 'event' || isEnded
      const session = {
        ...{ session_id: first.event_id, person_id, session_number: at + 1 },
        started_at: new Date(first.time).toISOString(),
        ended_at: hasEnd ? new Date(last.time).toISOString() : null,
        date_day,
        duration_seconds: hasEnd ? (last.time - first.time) / 1000 : null,
        event_count: inside.length,
        first_event: first.event_name,
        last_event: last.event_name,
      }
      return inRange(date_day, request) ? session : []
    })
  })
}

/** The counts of these sessions in each period. */
export function sessionCountsOf(
  events: readonly ReportEvent[],
  zone: string,
  request: SessionsCase & { readonly unit: Unit },
): readonly ReportRow[] {
  const sessions = sessionsOf(events, zone, request)
  const days = sessions.map(({ date_day }) => String(date_day))
  return [...periodsOf(request.unit, ...rangeOf(request, days)).keys()].map((period_start) => {
    const inPeriod = sessions.filter(({ date_day }) => unitStart(request.unit, String(date_day)) === period_start)
    const sum = (values: readonly unknown[]) => values.reduce<number>((total, value) => total + Number(value), 0)
    const people = new Set(inPeriod.map(({ person_id }) => person_id)).size
    const timed = inPeriod.flatMap(({ duration_seconds }) => (duration_seconds === null ? [] : [duration_seconds]))
    return {
      ...{ period_start, sessions: inPeriod.length, people },
      sessions_per_person: people === 0 ? null : inPeriod.length / people,
      events_per_session: people === 0 ? null : sum(inPeriod.map(({ event_count }) => event_count)) / inPeriod.length,
      average_seconds: timed.length === 0 ? null : sum(timed) / timed.length,
    }
  })
}
