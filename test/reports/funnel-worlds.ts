import fc from 'fast-check'
import type { FunnelCase } from './funnel-oracle.ts'
import type { ReportEvent } from './report-warehouses.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** Events of two people, often within the time of grace, or at the end of a window or day. */
export const FUNNEL_WORLDS: fc.Arbitrary<readonly ReportEvent[]> = fc
  .record({
    start: fc.constantFrom('2018-02-17T23:30', '2018-03-10T22:00', '2018-03-25T00:00', '2018-11-03T20:00'),
    events: fc.array(
      fc.record({
        event_name: fc.constantFrom('A', 'A', 'B', 'B', 'C', 'D'),
        person_id: fc.constantFrom('p', 'p', 'p', 'q'),
        gap: fc.constantFrom(
          ...[0, 0, 1, SECOND, SECOND, 1999, 2000, 2001, 10 * SECOND, 10 * SECOND, MINUTE, MINUTE],
          ...[30 * MINUTE, 30 * MINUTE + 1, 60 * MINUTE, 24 * 60 * MINUTE],
        ),
        plan: fc.constantFrom(null, 'ads', 'ads', 'mail'),
      }),
      { maxLength: 40, size: 'max' },
    ),
  })
  .map(({ start, events }) => {
    let time = Date.parse(`${start}Z`)
    return events.map(({ gap, ...event }, at) => {
      time += gap
      return { event_id: `e${String((at * 37) % 101).padStart(3, '0')}`, time, ...event }
    })
  })

const EVENTS = fc.constantFrom(
  ...[{ event: 'A' }, { event: 'B' }, { event: 'C' }, { event: ['A', 'B'] }, { event: 'B', where: "plan = 'ads'" }, {}],
)

/** Funnels of every kind. */
export const FUNNELS: fc.Arbitrary<FunnelCase> = fc
  .record({
    steps: fc.array(
      fc.tuple(EVENTS, fc.boolean()).map(([step, anchored]) => ({ ...step, anchored })),
      { minLength: 2, maxLength: 4 },
    ),
    count: fc.constantFrom('uniques', 'totals', 'totals', 'sessions'),
    window: fc.constantFrom(
      ...([
        {},
        { window: 10, window_unit: 'second' },
        { window: 1, window_unit: 'minute' },
        { window: 1, window_unit: 'hour' },
        { window: 1, window_unit: 'day' },
        { window: 1, window_unit: 'session' },
        { window: 2, window_unit: 'session' },
      ] as const),
    ),
    order: fc.constantFrom('specific', 'specific', 'any'),
    hold: fc.constantFrom<readonly 'plan'[]>([], [], ['plan']),
    exclusions: fc.constantFrom(
      ...[[], [], [{ event: 'D' }], [{ event: 'A' }], [{ event: ['B', 'D'], after: 1, before: 2 }, { event: 'C' }]],
    ),
    optimized_reentry: fc.constantFrom(false, false, true),
    grace_seconds: fc.constantFrom(2, 2, 0, 0.5),
    session_minutes: fc.constantFrom(30, 1, 61),
    range: fc.constantFrom({}, { first_day: '2018-03-10', last_day: '2018-03-25' }, { last_day: '2018-11-03' }),
  })
  .map(({ window, range, ...query }) => ({ ...query, ...window, ...range }))
