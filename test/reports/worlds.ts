import fc from 'fast-check'
import type { ReportEvent } from './report-warehouses.ts'

/** Zones with clock changes at night, at midnight, of half an hour, and without any. */
export const ZONES = [
  'America/New_York',
  'Europe/Berlin',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
] as const

/** Each a day or two before clocks change in one of the zones. */
const STARTS = ['2018-02-16', '2018-03-09', '2018-03-24', '2018-03-30', '2018-10-06', '2018-10-27', '2018-11-02']

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Events of a few people, often at the same moment, half an hour, a day or a month apart. */
export const WORLDS: fc.Arbitrary<readonly ReportEvent[]> = fc
  .record({
    start: fc.constantFrom(...STARTS),
    events: fc.array(
      fc.record({
        event_name: fc.constantFrom('A', 'A', 'B', 'B', 'C', "it's", '$identify'),
        person_id: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom('p', 'p', 'q', 'r') },
          { weight: 1, arbitrary: fc.constantFrom('', null) },
        ),
        days: fc.oneof(fc.nat(2), fc.constantFrom(7, 8, 14, 30, 31, 60)),
        hours: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 1, 12, 23) }, { weight: 1, arbitrary: fc.nat(23) }),
        minutes: fc.constantFrom(0, 0, 0, 1, 29, 30, 30, 31),
        extra: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
        timeless: fc.integer({ min: 0, max: 30 }),
        plan: fc.constantFrom(null, null, 'ads', 'mail', ''),
        // Sums of these are exact, in any order.
        amount: fc.constantFrom(null, 0, 0.5, 12.25, 100, -3),
      }),
      // Else most worlds have less than ten.
      { maxLength: 60, size: 'max' },
    ),
  })
  .map(({ start, events }) =>
    events.map(({ days, hours, minutes, extra, timeless, ...event }, at) => ({
      event_id: `e${String((at * 37) % 101).padStart(3, '0')}`,
      time: timeless === 0 ? null : Date.parse(start) + days * 24 * HOUR + hours * HOUR + minutes * MINUTE + extra,
      ...event,
    })),
  )

/** A first and last day of a report, or none. */
export const RANGES = fc.record({
  first_day: fc.option(fc.constantFrom('2018-02-17', '2018-03-11', '2018-11-03', '2018-10-28'), { nil: undefined }),
  last_day: fc.option(fc.constantFrom('2018-03-12', '2018-04-01', '2018-11-05', '2018-12-02'), { nil: undefined }),
})

export interface Step {
  readonly event?: string | readonly string[]
  readonly where?: string
}

/** Steps with and without names and conditions. */
export const STEPS: fc.Arbitrary<Step> = fc.constantFrom(
  {},
  { event: 'A' },
  { event: 'B' },
  { event: ['A', "it's"] },
  { event: 'B', where: "plan = 'ads'" },
  { where: "plan <> 'mail'" },
)

const CONDITIONS: Readonly<Record<string, (event: ReportEvent) => boolean>> = {
  "plan = 'ads'": ({ plan }) => plan === 'ads',
  "plan <> 'mail'": ({ plan }) => plan != null && plan !== 'mail',
}

/** Whether an event is a step. */
export function matches(step: Step, event: ReportEvent): boolean {
  const names = step.event === undefined ? [event.event_name] : [step.event].flat()
  return names.includes(event.event_name) && (step.where === undefined || CONDITIONS[step.where]?.(event) === true)
}

export interface DatedEvent extends ReportEvent {
  readonly person_id: string
  readonly time: number
}

/** The events of each person, in their order. */
export function timelines(events: readonly ReportEvent[]): ReadonlyMap<string, readonly DatedEvent[]> {
  const counted = events.filter(
    (event): event is DatedEvent => event.person_id !== null && event.person_id !== '' && event.time !== null,
  )
  return Map.groupBy(
    counted.sort((a, b) => a.time - b.time || (a.event_id < b.event_id ? -1 : 1)),
    ({ person_id }) => person_id,
  )
}

export interface Range {
  readonly first_day?: string | undefined
  readonly last_day?: string | undefined
}

export function inRange(day: string, { first_day, last_day }: Range): boolean {
  return (first_day === undefined || day >= first_day) && (last_day === undefined || day <= last_day)
}

/** The range, with the first and last of these days where it has none. */
export function rangeOf(
  { first_day, last_day }: Range,
  days: readonly string[],
): readonly [string | undefined, string | undefined] {
  const sorted = [...days].sort()
  return [first_day ?? sorted[0], last_day ?? sorted.at(-1)]
}
