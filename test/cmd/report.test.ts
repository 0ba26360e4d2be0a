import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { event, reportRows } from './reports.ts'
import { Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

/** In Berlin, the first event of p3 is on the day before. */
const EVENTS = [
  event('Sign Up', 'p1', '2026-03-07T10:00:00Z', { plan: 'free' }),
  event('Order', 'p1', '2026-03-08T09:00:00Z', { plan: 'pro' }),
  event('Sign Up', 'p2', '2026-03-07T10:00:00Z', { plan: 'pro' }),
  event('Order', 'p2', '2026-03-17T10:00:00Z', { plan: 'pro' }),
  event('Sign Up', 'p3', '2026-03-06T22:30:00Z', { plan: 'free' }),
  event('Order', 'p3', '2026-03-07T10:00:00Z', { plan: 'free' }),
  event('Sign Up', 'p4', '2026-03-09T22:30:00Z', { plan: 'free' }),
  event('Order', 'p4', '2026-03-12T22:30:00Z', { plan: 'free' }),
]
const LOAD = ['backfill', '--from', '2026-03-06', '--to', '2026-03-18', '--timezone', 'Europe/Berlin']
const FUNNEL = ['funnel', '--step', 'Sign Up', '--step', 'Order', '--from', '2026-03-07', '--to', '2026-03-09']

describe.each(Object.entries(WAREHOUSES))('mixload report in %s', (_, newWarehouse) => {
  it('counts a funnel in the time zone of the load', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    await place.simulator.ingest(EVENTS)
    const environment = { MIXLOAD_DESTINATION: warehouse.url }
    expect(await place.run(LOAD, environment)).toMatchObject({ code: 0 })
    const rows = (...flags: string[]) => reportRows(place, [...FUNNEL, ...flags], environment)
    const [first, second] = await rows()
    expect(first).toMatchObject({ step_number: 1, step_name: 'Sign Up', reached: 3, seconds_from_start: null })
    expect(second).toMatchObject({ step_number: 2, step_name: 'Order', reached: 2, seconds_from_start: 171_000 })
    expect(second?.conversion_rate).toBeCloseTo(2 / 3, 12)
    expect(await rows('--window', '10 days')).toMatchObject([{ reached: 3 }, { reached: 3 }])
    expect(await rows('--hold', 'plan')).toMatchObject([{ reached: 3 }, { reached: 1 }])
    expect(await rows('--timezone', 'UTC')).toMatchObject([{ reached: 3 }, { reached: 2 }])
    expect(await rows('--step', "Order where plan = 'pro'", '--count', 'totals', '--window', '30 days')).toMatchObject([
      { reached: 3 },
      { reached: 3 },
      { reached: 0 },
    ])
    expect(await rows('--count', 'sessions')).toMatchObject([{ reached: 3 }, { reached: 0 }])
    expect(await rows('--hidden', 'Order')).toMatchObject([{ reached: 3 }, { reached: 0 }])
  })
})

describe('mixload report', () => {
  it('counts in the last time zone that is known, also after a file that was loaded without one', async () => {
    await using place = await Workplace.create()
    const load = async (name: string, events: typeof EVENTS, ...flags: string[]) => {
      const file = join(place.directory, name)
      await writeFile(file, events.map((line) => JSON.stringify(line)).join('\n'))
      expect(await place.run(['load', file, ...flags])).toMatchObject({ code: 0 })
    }
    await load('first.ndjson', EVENTS, '--timezone', 'Pacific/Auckland')
    await load('second.ndjson', [event('Other', 'p5', '2026-03-07T10:00:00Z', { plan: 'free' })])
    const users = ['report', 'users', '--event', 'Sign Up', '--from', '2026-03-06', '--to', '2026-03-07', '--json']
    const { stdout } = await place.run(users)
    expect(JSON.parse(stdout).rows).toEqual([
      { period_start: '2026-03-06', active_users: 0 },
      { period_start: '2026-03-07', active_users: 3 },
    ])
  })

  it('prints a table, CSV, a chart or the query', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(EVENTS)
    expect(await place.run(LOAD)).toMatchObject({ code: 0 })
    const printed = async (...flags: string[]) => {
      const { code, stdout } = await place.run(['report', ...FUNNEL, ...flags])
      expect(code).toBe(0)
      return stdout
    }
    expect(await printed()).toBe(
      `step number  step name  reached  conversion rate  step conversion rate  seconds from previous  seconds from start
          1  Sign Up          3                1                     1                      –                   –
          2  Order            2           0.6667                0.6667                 171000              171000
`,
    )
    expect((await printed('--format', 'csv')).split('\n').slice(0, 2)).toEqual([
      'step_number,step_name,reached,conversion_rate,step_conversion_rate,seconds_from_previous,seconds_from_start',
      '1,Sign Up,3,1,1,,',
    ])
    const [first = '', second = ''] = (await printed('--format', 'chart')).split('\n')
    expect([first, second].map((line) => line.replace(/█+/, '…'))).toEqual(['1  Sign Up  … 3', '2  Order    …▋ 2'])
    const misplaced = await place.run(['report', ...FUNNEL, '--exclude', '{"event":"X","after":2,"before":1}'])
    expect(misplaced).toMatchObject({ code: 2, stderr: expect.stringContaining('between two of the 2 steps') })
    expect(await place.query((await printed('--sql')).replaceAll('"mixpanel".', ''))).toHaveLength(2)
  })

  it('reads WHERE in capitals, and prints a line break within a cell of CSV as it is', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest([event('Order', 'p1', '2026-03-07T10:00:00Z', { plan: 'a\n"b"' })])
    expect(await place.run(LOAD)).toMatchObject({ code: 0 })
    const flags = ['--event', "Order WHERE plan LIKE 'a%'", '--property', 'plan', '--format', 'csv']
    const days = ['--from', '2026-03-07', '--to', '2026-03-07']
    expect(await place.run(['report', 'attribution', ...flags, ...days])).toMatchObject({
      code: 0,
      stdout: 'period_start,attributed_to,conversions,people\n2026-03-07,"a\n""b""",1,1\n',
    })
  })

  it('says which option is wrong', async () => {
    await using place = await Workplace.create()
    const failing = async (...words: string[]) => {
      const { code, stderr } = await place.run(['report', ...words])
      expect(code).toBe(2)
      return JSON.parse(stderr.trim().split('\n').at(-1) ?? '').msg
    }
    expect(await failing('funel')).toContain(
      'There is no report funel. Did you mean funnel? Reports: funnel, retention,',
    )
    expect(await failing('funnel', '--step', 'A')).toContain('must be at least two')
    expect(await failing('funnel', '--step', 'A', '--step', '{')).toContain('must be valid JSON')
    expect(await failing('funnel', '--step', 'A', '--step', 'B', '--window', '7')).toContain('such as 7 days')
    const steps = ['funnel', '--step', 'A', '--step', 'B']
    expect(await failing(...steps, '--window', '13 months')).toContain('must be at most 366 days')
    expect(await failing(...steps, '--grace-seconds', '1e300')).toContain('graceSeconds')
    expect(await failing(...steps, '--window', '9 sessions')).toContain('has no events yet')
  })
})
