import { MixloadError } from '../core/errors.ts'
import { AT_ONCE } from '../destination/retries.ts'
import { Requester } from '../mixpanel/requester.ts'
import { toBackfill } from '../run/choose-days.ts'
import { yesterdayOf } from '../run/project.ts'
import { planRun } from '../run/run-plan.ts'
import { createBudgets, mixpanelClient, type Session } from '../run/session.ts'
import { eventNamesIn, eventNamesRequest, exportStream } from '../streams/export.ts'
import { addDays, type Day } from '../time/days.ts'
import { mixpanelCounts } from '../verify/mixpanel-counts.ts'

/** What loading a period would take. */
export interface PeriodPlan {
  readonly name: string
  readonly from: Day
  /** Export requests. */
  readonly requests: number
  /** Minutes that these requests wait for the request limit. */
  readonly minutesWaiting: number
  /** What Mixpanel counts; undefined if it does not say. */
  readonly events: number | undefined
  /** Bytes of their export, as the newest events have them; undefined if there are none. */
  readonly bytes: number | undefined
}

/** Mixpanel keeps the events of no project longer. */
const DAYS_KEPT_MAX = 5 * 365

/** So many events show how long events are. */
const EVENTS_MEASURED = 100

/** Periods of so many days before today. */
const PERIODS = [
  { name: '30 days', days: 30 },
  { name: '1 year', days: 365 },
] as const

/**
 * Plans for 30 days, for a year and for all events, without those that begin before all events do.
 * Two requests ask Mixpanel for its counts, and one for some of the newest events, to see how long
 * they are. If they fail, the plans have neither, and none is for all.
 * @throws MixloadError if the destination cannot be read, or has another project.
 */
export async function planPeriods(session: Session, zone: string): Promise<readonly PeriodPlan[]> {
  const last = yesterdayOf(zone, Date.now())
  const figures = await figuresOf(session, last)
  const days = figures && [...figures.counts.keys()].sort()
  const plans: PeriodPlan[] = []
  for (const { name, from } of periodsUntil(last, days?.[0])) {
    const events = figures && sumSince(figures.counts, from)
    const bytes = events && figures?.eventBytes && Math.round(events * figures.eventBytes)
    plans.push({ name, from, ...(await costOf(session, zone, from)), events, bytes })
  }
  return plans
}

/** The periods that are worth a choice. `first`: the first day with events, if it is known. */
export function periodsUntil(last: Day, first: Day | undefined): readonly { name: string; from: Day }[] {
  const periods = PERIODS.map(({ name, days }) => ({ name, from: addDays(last, 1 - days) }))
  if (first === undefined) return periods
  return [...periods.filter(({ from }) => from > first), { name: 'all', from: first }]
}

async function costOf(session: Session, zone: string, from: Day) {
  const settings = { ...session.settings, from, streams: ['export' as const] }
  const { streams } = await planRun({ ...session, settings }, toBackfill(settings), zone)
  const [events] = streams
  return { requests: events?.requests ?? 0, minutesWaiting: events?.budget.minutesWaiting ?? 0 }
}

/** What Mixpanel says of a project's events. */
interface Figures {
  /** How many events each day has that has some. */
  readonly counts: ReadonlyMap<Day, number>
  /** The mean length of the newest events in an export; undefined if there are none. */
  readonly eventBytes: number | undefined
}

async function figuresOf(session: Session, last: Day): Promise<Figures | undefined> {
  const { settings, onProgress, signal } = session
  await using client = mixpanelClient(session)
  await using budgets = createBudgets(session)
  const requester = new Requester({ client, budgets, retry: AT_ONCE, onProgress })
  try {
    const counts = await eventsByDay(requester, last, signal)
    const newest = [...counts.keys()].sort().at(-1)
    const probe = newest === undefined ? undefined : exportStream(settings).probe?.(settings, newest)
    if (probe === undefined) return { counts, eventBytes: undefined }
    const query = { ...probe.request.query, limit: String(EVENTS_MEASURED) }
    return { counts, eventBytes: await requester.ask({ ...probe.request, query }, meanLineLength, signal) }
  } catch (error) {
    // A proposal without figures is better than none.
    if (!(error instanceof MixloadError) || signal.aborted) throw error
    return undefined
  }
}

async function eventsByDay(requester: Requester, last: Day, signal: AbortSignal): Promise<ReadonlyMap<Day, number>> {
  const span = { firstDay: addDays(last, -DAYS_KEPT_MAX), lastDay: last }
  const names = await requester.ask(eventNamesRequest(span), eventNamesIn, signal)
  const byDay = new Map<Day, number>()
  for (const days of (await mixpanelCounts(requester, 'general', names, span, signal)).values()) {
    for (const [day, count] of days) if (count > 0) byDay.set(day, (byDay.get(day) ?? 0) + count)
  }
  return byDay
}

function meanLineLength(body: Buffer): number | undefined {
  const lines = body.toString('latin1').trimEnd().split('\n').length
  return body.length === 0 ? undefined : body.length / lines
}

function sumSince(counts: ReadonlyMap<Day, number>, from: Day): number {
  return [...counts].reduce((sum, [day, count]) => (day >= from ? sum + count : sum), 0)
}
