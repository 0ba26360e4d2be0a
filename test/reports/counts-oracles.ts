/** Active users, frequency and revenue by looking at everything: the definitions, without SQL. */
import { dayOf, daysLater, hourOf, periodsOf, type Unit, unitStart } from './clock.ts'
import type { ReportEvent, ReportRow } from './report-warehouses.ts'
import { type DatedEvent, inRange, matches, type Range, rangeOf, type Step, timelines } from './worlds.ts'

const countedEvents = (events: readonly ReportEvent[]): readonly DatedEvent[] => [...timelines(events).values()].flat()

export interface ActiveUsersCase extends Range {
  readonly step: Step
  readonly measure: 'unique' | 'dau' | 'wau' | 'mau'
  readonly unit: Unit
}

const WINDOWS = { dau: 1, wau: 7, mau: 30 }

export function activeUsersOf(
  events: readonly ReportEvent[],
  zone: string,
  request: ActiveUsersCase,
): readonly ReportRow[] {
  const { step, measure, unit } = request
  const active = countedEvents(events)
    .filter((event) => matches(step, event))
    .map(({ person_id, time }) => ({ person_id, day: dayOf(time, zone) }))
  const periods = periodsOf(
    unit,
    ...rangeOf(
      request,
      active.map(({ day }) => day),
    ),
  )
  return [...periods].map(([period_start, last]) => {
    const isIn = (day: string) =>
      measure === 'unique'
        ? inRange(day, request) && unitStart(unit, day) === period_start
        : day <= last && day > daysLater(last, -WINDOWS[measure])
    const people = active.filter(({ day }) => isIn(day)).map(({ person_id }) => person_id)
    return { period_start, active_users: new Set(people).size }
  })
}

export interface FrequencyCase extends Range {
  readonly step: Step
  readonly unit: Unit
  readonly interval?: 'hour' | 'day' | undefined
  readonly is_cumulative: boolean
}

export function frequencyOf(
  events: readonly ReportEvent[],
  zone: string,
  request: FrequencyCase,
): readonly ReportRow[] {
  const { step, unit, is_cumulative } = request
  const interval = request.interval ?? (unit === 'day' ? 'hour' : 'day')
  const done = countedEvents(events)
    .filter((event) => matches(step, event))
    .map(({ person_id, time }) => ({ person_id, day: dayOf(time, zone), hour: hourOf(time, zone) }))
  const most = { day: 1, week: 7, month: 31 }[unit] * (interval === 'hour' ? 24 : 1)
  const periods = periodsOf(
    unit,
    ...rangeOf(
      request,
      done.map(({ day }) => day),
    ),
  )
  return [...periods.keys()].flatMap((period_start) => {
    const inPeriod = done.filter(({ day }) => inRange(day, request) && unitStart(unit, day) === period_start)
    const counts = [...Map.groupBy(inPeriod, ({ person_id }) => person_id).values()].map(
      (all) => new Set(all.map(({ day, hour }) => (interval === 'hour' ? `${day} ${hour}` : day))).size,
    )
    return Array.from({ length: most }, (_, at) => ({
      period_start,
      intervals: at + 1,
      people: counts.filter((count) => (is_cumulative ? count > at : count === at + 1)).length,
    }))
  })
}

export interface RevenueCase extends Range {
  readonly step: Step
  readonly active: Step
  readonly unit: Unit
}

const ratio = (number: number, divisor: number) => (divisor === 0 ? null : number / divisor)
const sumOf = (events: readonly ReportEvent[]) => events.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
const peopleOf = (events: readonly DatedEvent[]) => new Set(events.map(({ person_id }) => person_id)).size

export function revenueOf(events: readonly ReportEvent[], zone: string, request: RevenueCase): readonly ReportRow[] {
  const { step, active, unit } = request
  const counted = countedEvents(events).filter((event) => matches(step, event) || matches(active, event))
  const periods = periodsOf(
    unit,
    ...rangeOf(
      request,
      counted.map(({ time }) => dayOf(time, zone)),
    ),
  )
  return [...periods.keys()].map((period_start) => {
    const inPeriod = counted.filter(({ time }) => {
      const day = dayOf(time, zone)
      return inRange(day, request) && unitStart(unit, day) === period_start
    })
    const orders = inPeriod.filter((event) => matches(step, event))
    const paying_users = peopleOf(orders)
    const active_users = peopleOf(inPeriod.filter((event) => matches(active, event)))
    const revenue = sumOf(orders)
    return {
      ...{ period_start, revenue, orders: orders.length, paying_users, active_users },
      revenue_per_order: ratio(revenue, orders.length),
      revenue_per_paying_user: ratio(revenue, paying_users),
      revenue_per_active_user: ratio(revenue, active_users),
    }
  })
}

export function revenuePerPersonOf(
  events: readonly ReportEvent[],
  zone: string,
  request: Range & { readonly step: Step },
): readonly ReportRow[] {
  return [...timelines(events)].flatMap(([person_id, timeline]) => {
    const orders = timeline.filter((event) => matches(request.step, event) && inRange(dayOf(event.time, zone), request))
    const [first, last] = [orders[0], orders.at(-1)]
    if (first === undefined || last === undefined) return []
    return {
      ...{ person_id, revenue: sumOf(orders), orders: orders.length },
      first_order_at: new Date(first.time).toISOString(),
      last_order_at: new Date(last.time).toISOString(),
    }
  })
}

export interface AttributionCase extends Range {
  readonly conversion: Step
  readonly touchpoint: Step
  readonly model: 'first_touch' | 'last_touch'
  readonly lookback_days: number
  readonly count_by: 'total' | 'first' | 'last'
  readonly unit?: Unit | undefined
}

export function attributionOf(
  events: readonly ReportEvent[],
  zone: string,
  request: AttributionCase,
): readonly ReportRow[] {
  const { conversion, touchpoint, model, lookback_days, count_by, unit } = request
  const credits = [...timelines(events).values()].flatMap((timeline) => {
    const conversions = timeline
      .map((event) => ({ ...event, day: dayOf(event.time, zone) }))
      .filter((event) => matches(conversion, event) && inRange(event.day, request))
    const perPeriod = Map.groupBy(conversions, ({ day }) => (unit === undefined ? '' : unitStart(unit, day)))
    return [...perPeriod].flatMap(([period_start, all]) => {
      const qualifying = { total: all, first: all.slice(0, 1), last: all.slice(-1) }[count_by]
      return qualifying.map((event) => {
        const touches = timeline.filter(
          (touch) =>
            matches(touchpoint, touch) &&
            touch.plan != null &&
            touch.time <= event.time &&
            touch.time >= event.time - lookback_days * 86_400_000,
        )
        const attributed_to = (model === 'first_touch' ? touches[0] : touches.at(-1))?.plan ?? null
        return { period_start, attributed_to, event }
      })
    })
  })
  const groups = Map.groupBy(credits, ({ period_start, attributed_to }) =>
    JSON.stringify([period_start, attributed_to]),
  )
  return [...groups.values()].flatMap((group) => {
    const all = group.map(({ event }) => event)
    const { period_start, attributed_to } = group[0] ?? { period_start: '', attributed_to: null }
    return {
      period_start: unit === undefined ? (request.first_day ?? null) : period_start,
      ...{ attributed_to, conversions: all.length, people: peopleOf(all), amount: sumOf(all) },
    }
  })
}
