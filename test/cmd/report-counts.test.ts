import { describe, expect, it } from 'vitest'
import { event, type ReportRows, reportRows } from './reports.ts'
import { Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

/** In Berlin, the last event of p3 is on the next day. */
const EVENTS = [
  event('Sign Up', 'p1', '2026-03-07T10:00:00Z', { channel: 'ads' }),
  event('Order', 'p1', '2026-03-08T09:00:00Z', { amount: 12.5 }),
  event('Order', 'p1', '2026-03-09T11:00:00Z', { amount: 7 }),
  event('Sign Up', 'p2', '2026-03-07T10:00:00Z', { channel: 'mail' }),
  event('Order', 'p2', '2026-03-07T10:20:00Z', { amount: 30, channel: 'search' }),
  event('Sign Up', 'p3', '2026-03-07T22:50:00Z'),
  event('Order', 'p3', '2026-03-07T23:10:00Z', { amount: 1 }),
]
const LOAD = ['backfill', '--from', '2026-03-06', '--to', '2026-03-10', '--timezone', 'Europe/Berlin']

describe.each(Object.entries(WAREHOUSES))('mixload report in %s', (_, newWarehouse) => {
  it('counts retention, users, sessions, frequency, revenue and attribution', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    await place.simulator.ingest(EVENTS)
    const environment = { MIXLOAD_DESTINATION: warehouse.url }
    expect(await place.run(LOAD, environment)).toMatchObject({ code: 0 })
    const rows = async (...words: string[]): Promise<ReportRows> => {
      const days = ['--from', '2026-03-07', '--to', '2026-03-09']
      const found = await reportRows(place, [...words, ...days], environment)
      return found.toSorted((a, b) => (JSON.stringify(Object.values(a)) < JSON.stringify(Object.values(b)) ? -1 : 1))
    }
    const retention = ['--born', 'Sign Up', '--return', 'Order', '--periods', '3']
    expect((await rows('retention', ...retention)).map(({ retained }) => retained)).toEqual([3, 1, 1])
    expect(await rows('retention', ...retention, '--criterion', 'on')).toEqual([
      ...[
        { period: 0, retained: 3, is_complete: true },
        { period: 1, retained: 0, is_complete: true },
      ].map((row) => ({
        ...{ cohort_start: '2026-03-07', cohort_size: 3, retention_rate: row.retained / 3 },
        ...row,
      })),
      { cohort_start: '2026-03-07', period: 2, cohort_size: 3, retained: 1, retention_rate: 1 / 3, is_complete: true },
    ])
    expect(await rows('retention-average', ...retention, '--criterion', 'on', '--mode', 'calendar')).toMatchObject([
      { period: 0, cohorts: 1, people: 3, average_retained: 1 },
      { period: 1, average_retained: 2 },
      { period: 2, average_retained: 1 },
    ])
    expect(await rows('retention', '--first-time', '--bracket', '1', '--bracket', '2')).toMatchObject([
      { cohort_start: '2026-03-07', period: 0, cohort_size: 3, retained: 3 },
      { cohort_start: '2026-03-07', period: 1, cohort_size: 3, retained: 1 },
    ])
    const users = async (...flags: string[]) => (await rows('users', ...flags)).map((row) => row.active_users)
    expect(await users()).toEqual([3, 2, 1])
    expect(await users('--measure', 'wau')).toEqual([3, 3, 3])
    expect(await users('--event', 'Order where amount > 5', '--timezone', 'UTC')).toEqual([1, 1, 1])
    expect(await rows('sessions')).toMatchObject([
      { period_start: '2026-03-07', sessions: 3, people: 3, events_per_session: 4 / 3, average_seconds: 400 },
      { period_start: '2026-03-08', sessions: 2, people: 2, average_seconds: 0 },
      { period_start: '2026-03-09', sessions: 1, people: 1, average_seconds: 0 },
    ])
    expect((await rows('sessions', '--across-midnight')).map((row) => row.sessions)).toEqual([3, 1, 1])
    const byEvents = ['--session-by', 'event', '--session-start', 'Sign Up', '--session-end', 'Order']
    expect(await rows('sessions', ...byEvents, '--unit', 'week')).toMatchObject([
      { period_start: '2026-03-02', sessions: 3, average_seconds: 1200 },
      { period_start: '2026-03-09', sessions: 0, average_seconds: null },
    ])
    expect((await rows('frequency', '--event', 'Order')).filter((row) => row.people !== 0)).toEqual([
      { period_start: '2026-03-07', intervals: 1, people: 1 },
      { period_start: '2026-03-08', intervals: 1, people: 2 },
      { period_start: '2026-03-09', intervals: 1, people: 1 },
    ])
    expect(await rows('revenue', '--event', 'Order', '--amount', 'amount', '--unit', 'month')).toEqual([
      {
        ...{ period_start: '2026-03-01', revenue: 50.5, orders: 4, paying_users: 3, active_users: 3 },
        ...{ revenue_per_order: 12.625, revenue_per_paying_user: 50.5 / 3, revenue_per_active_user: 50.5 / 3 },
      },
    ])
    const attribution = ['attribution', '--event', 'Order', '--property', 'channel']
    expect(await rows(...attribution)).toEqual([
      { period_start: '2026-03-07', attributed_to: 'ads', conversions: 2, people: 1 },
      { period_start: '2026-03-07', attributed_to: 'search', conversions: 1, people: 1 },
      { period_start: '2026-03-07', attributed_to: null, conversions: 1, people: 1 },
    ])
    expect((await rows(...attribution, '--model', 'first_touch')).map((row) => row.attributed_to)).toEqual([
      ...['ads', 'mail', null],
    ])
    expect((await rows(...attribution, '--count-by', 'first', '--lookback-days', '1'))[0]).toMatchObject({
      ...{ attributed_to: 'ads', conversions: 1 },
    })
  })
})
