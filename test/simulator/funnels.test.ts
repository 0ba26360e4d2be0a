import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { runs } from '../runs.ts'
import { request, requestJson } from './requests.ts'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, today: '2026-08-31', ...options })
}

afterEach(() => simulator.close())

const get = (path: string, query: Record<string, string>) => requestJson(simulator, path, query)

const AUGUST = { from_date: '2026-08-01', to_date: '2026-08-02' }

function funnel(query: Record<string, string> = {}, path = '/api/query/funnels') {
  return get(path, { funnel_id: '7', ...AUGUST, ...query })
}

const SIGNUP = { id: 7, name: 'Signup', steps: ['App Open', { event: '$custom_event:1', step_label: 'Played' }] }

test('saved funnels are listed with ids and names', async () => {
  await start()
  simulator.funnels.set(SIGNUP)
  simulator.funnels.set({ id: 9, name: 'Kauf', steps: [] })
  for (const path of ['/api/query/funnels/list', '/api/2.0/funnels/list']) {
    expect((await get(path, {})).body).toEqual([
      { funnel_id: 7, name: 'Signup' },
      { funnel_id: 9, name: 'Kauf' },
    ])
  }
})

test('a funnel has a bucket per day; days without figures have zeros', async () => {
  await start()
  simulator.funnels.set(SIGNUP)
  simulator.funnels.setDay(7, '2026-08-01', [320, 201])
  const first = { avg_time: null, avg_time_from_start: null, step_conv_ratio: 1, overall_conv_ratio: 1 }
  const open = { ...first, goal: 'App Open', event: 'App Open' }
  const played = { goal: '$custom_event:1', event: '$custom_event:1', step_label: 'Played' }
  const expected = {
    meta: { dates: ['2026-08-01', '2026-08-02'] },
    data: {
      '2026-08-01': {
        steps: [
          { count: 320, ...open },
          {
            ...played,
            count: 201,
            avg_time: 60,
            avg_time_from_start: 60,
            step_conv_ratio: 0.628125,
            overall_conv_ratio: 0.628125,
          },
        ],
        analysis: { completion: 201, starting_amount: 320, steps: 2, worst: 1 },
      },
      '2026-08-02': {
        steps: [
          { count: 0, ...open },
          { ...played, count: 0, avg_time: null, avg_time_from_start: null, step_conv_ratio: 0, overall_conv_ratio: 0 },
        ],
        analysis: { completion: 0, starting_amount: 0, steps: 2, worst: 1 },
      },
    },
  }
  for (const path of ['/api/query/funnels', '/api/2.0/funnels']) {
    expect((await funnel({ unit: 'day' }, path)).body).toEqual(expected)
  }
})

test('the figures of a day can change, and can have additional fields', async () => {
  await start()
  simulator.funnels.set({ ...SIGNUP, days: { '2026-08-01': [10, 3] } })
  const count = async () => (await funnel()).body.data['2026-08-01'].steps[1].count
  expect(await count()).toBe(3)
  simulator.funnels.setDay(7, '2026-08-01', [10, { count: 4, avg_time: 12.5, selector: null }])
  expect(await count()).toBe(4)
  expect((await funnel()).body.data['2026-08-01'].steps[1]).toMatchObject({ avg_time: 12.5, selector: null })
  expect(() => simulator.funnels.setDay(8, '2026-08-01', [])).toThrow('Funnel 8 does not exist')
  expect(() => simulator.funnels.setDay(7, 'today', [])).toThrow('today')
})

test('each day is in exactly one bucket', async () => {
  await start()
  simulator.funnels.set({ id: 7, name: 'All', steps: ['A'] })
  const days = Array.from({ length: 31 }, (_, index) => `2026-08-${String(index + 1).padStart(2, '0')}`)
  for (const [index, day] of days.entries()) simulator.funnels.setDay(7, day, [2 ** index])
  const bucket = fc.oneof(
    fc.constantFrom({ unit: 'day' }, { unit: 'week' }, { unit: 'month' }, {}),
    fc.integer({ min: 1, max: 40 }).map((interval) => ({ interval: String(interval) })),
  )
  await fc.assert(
    fc.asyncProperty(bucket, fc.nat(30), fc.nat(30), async (query: Record<string, string>, a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)]
      const range = { from_date: days[from] ?? '', to_date: days[to] ?? '' }
      const { body } = await funnel({ ...query, ...range })
      const counts = body.meta.dates.map((date: string) => body.data[date].steps[0].count)
      const total = counts.reduce((sum: number, count: number) => sum + count, 0)
      expect(total).toBe(days.slice(from, to + 1).reduce((sum, _, index) => sum + 2 ** (from + index), 0))
      expect(Object.keys(body.data)).toEqual(body.meta.dates)
    }),
    { numRuns: runs(40) },
  )
})

test('weeks start on Monday, and months on the first', async () => {
  await start()
  simulator.funnels.set(SIGNUP)
  const dates = async (query: Record<string, string>) => (await funnel(query)).body.meta.dates
  expect(await dates({ unit: 'week', from_date: '2026-08-05', to_date: '2026-08-11' })).toEqual([
    '2026-08-03',
    '2026-08-10',
  ])
  expect(await dates({ unit: 'month', from_date: '2026-01-31', to_date: '2026-03-01' })).toEqual([
    '2026-01-01',
    '2026-02-01',
    '2026-03-01',
  ])
  expect(await dates({ interval: '2', to_date: '2026-08-05' })).toEqual(['2026-08-01', '2026-08-03', '2026-08-05'])
})

test('$overall can be among the days, and each day of a segmented funnel has one', async () => {
  await start()
  simulator.funnels.set({ ...SIGNUP, overall: true, days: { '2026-08-01': [10, 3], '2026-08-02': [5, 2] } })
  const { body } = await funnel()
  expect(Object.keys(body.data)).toEqual(['2026-08-01', '2026-08-02', '$overall'])
  expect(body.data.$overall.analysis).toMatchObject({ starting_amount: 15, completion: 5 })
  const split = await funnel({ on: 'properties["$os"]' })
  expect(split.body.data['2026-08-01'].$overall[1].count).toBe(3)
})

test.each([
  [{ funnel_id: '8' }, 'Error in funnel_id: no funnel 8'],
  [{ funnel_id: '' }, 'Missing required parameter: funnel_id'],
  [{ to_date: '2026-09-01' }, 'to_date cannot be later than today'],
  [{ from_date: '2026-08-03' }, 'from_date cannot be later than to_date'],
  [{ from_date: '2026-02-30' }, 'Error in from_date: invalid date, expected yyyy-mm-dd'],
  [{ unit: 'year' }, 'Error in unit: expected day, week or month'],
  [{ interval: '0' }, 'Error in interval: expected a number from 1 to 3660'],
  [{ length: '91' }, 'Error in length: at most 90 days'],
  [{ length: '2', length_unit: 'moon' }, 'Error in length_unit: expected second, minute, hour or day'],
])('%j is rejected', async (query: Record<string, string>, error) => {
  await start()
  simulator.funnels.set(SIGNUP)
  const { status, body } = await funnel(query)
  expect({ status, error: body.error }).toEqual({ status: 400, error })
  expect(body.request).toContain('/api/query/funnels?')
})

test('a fault can apply to a single funnel', async () => {
  await start()
  simulator.funnels.set(SIGNUP)
  simulator.funnels.set({ ...SIGNUP, id: 8 })
  simulator.fault({ kind: 'timeout', times: 2, match: { parameters: { funnel_id: '8' } } })
  expect((await funnel()).status).toBe(200)
  expect((await funnel({ funnel_id: '8' })).body.error).toBe('Timeout Error.')
})

test('funnels can be loaded from files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'funnels-'))
  const file = join(directory, 'funnels.ndjson')
  try {
    await writeFile(file, `${JSON.stringify({ ...SIGNUP, days: { '2026-08-02': [4, { count: 1, extra: true }] } })}\n`)
    await start({ funnels: [file] })
    expect((await funnel()).body.data['2026-08-02'].steps).toMatchObject([{ count: 4 }, { count: 1, extra: true }])
  } finally {
    await rm(directory, { recursive: true })
  }
})

const REVENUE = '/api/2.0/engage/revenue'

test('revenue is computed from the transactions of profiles, with $overall first and decimal points', async () => {
  await start()
  const at = (day: number, $amount: unknown) => ({ $time: `2026-08-0${day}T10:00:00`, $amount })
  simulator.profiles.set('ann', { $transactions: [at(1, 49.9), at(1, 0.1), at(2, 7)] })
  simulator.profiles.set('bob', { $transactions: [at(1, 50), at(3, 99), at(2, 'x'), null, { $amount: 5 }] })
  simulator.profiles.set('cem', { $transactions: 'none' })
  const { status, text } = await request(simulator, REVENUE, { query: { ...AUGUST, unit: 'day' } })
  const { results, ...rest } = JSON.parse(text)
  expect(status).toBe(200)
  expect(Object.entries(results)).toEqual([
    ['$overall', { amount: 107, count: 3, paid_count: 2 }],
    ['2026-08-01', { amount: 100, count: 3, paid_count: 2 }],
    ['2026-08-02', { amount: 7, count: 3, paid_count: 1 }],
  ])
  expect(text).toContain('{"amount":100.0,"count":3,')
  expect(rest).toMatchObject({ status: 'ok', computed_at: expect.stringMatching(/^2026-08-31T.*\+00:00$/) })
})

test('the revenue of a day can be set and changed', async () => {
  await start()
  simulator.revenue.set('2026-08-02', { amount: 99.5, count: 62, paid_count: 3 })
  const results = async () => (await get(REVENUE, AUGUST)).body.results
  expect(await results()).toEqual({
    $overall: { amount: 99.5, count: 62, paid_count: 3 },
    '2026-08-01': { amount: 0, count: 0, paid_count: 0 },
    '2026-08-02': { amount: 99.5, count: 62, paid_count: 3 },
  })
  simulator.revenue.set('2026-08-02', { amount: 100, count: 63, paid_count: 4 })
  expect((await results())['2026-08-02']).toEqual({ amount: 100, count: 63, paid_count: 4 })
  expect(simulator.revenue.delete('2026-08-02')).toBe(true)
  expect((await results())['2026-08-02'].amount).toBe(0)
})

test('revenue can be missing from the plan, or time out', async () => {
  await start({ plan: { revenue: 404 } })
  expect((await get(REVENUE, AUGUST)).status).toBe(404)
  simulator.refuse('revenue', undefined)
  simulator.fault({ kind: 'timeout', match: { path: REVENUE } })
  expect(await get(REVENUE, AUGUST)).toMatchObject({ status: 400, body: { error: 'Timeout Error.' } })
})
