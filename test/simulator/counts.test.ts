import fc from 'fast-check'
import { DateTime } from 'luxon'
import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { event, requestJson } from './requests.ts'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, today: '2026-08-31', ...options })
}

afterEach(() => simulator.close())

const get = (path: string, query: Record<string, string>) => requestJson(simulator, path, query)

const DAYS = { from_date: '2026-08-01', to_date: '2026-08-02' }

test('segmentation counts an event per day, and duplicates once', async () => {
  await start()
  const late = { time: Date.parse('2026-08-02T23:59:59Z') }
  await simulator.ingest([event(1), event(1), event(2), event(3, 'Page viewed', late), event(4, 'Other')])
  for (const path of ['/api/query/segmentation', '/api/2.0/segmentation']) {
    expect(await get(path, { ...DAYS, event: 'Page viewed' })).toEqual({
      status: 200,
      body: {
        data: {
          series: ['2026-08-01', '2026-08-02'],
          values: { 'Page viewed': { '2026-08-01': 2, '2026-08-02': 1 } },
        },
        legend_size: 1,
      },
    })
  }
})

test('events counts several events, for a range or for the last units', async () => {
  await start({ today: '2026-08-02' })
  await simulator.ingest([event(1, 'A'), event(2, 'A'), event(3, 'ß')])
  const values = {
    A: { '2026-08-01': 2, '2026-08-02': 0 },
    ß: { '2026-08-01': 1, '2026-08-02': 0 },
    None: { '2026-08-01': 0, '2026-08-02': 0 },
  }
  const names = JSON.stringify(['A', 'ß', 'None'])
  expect((await get('/api/query/events', { ...DAYS, event: names, unit: 'day' })).body.data.values).toEqual(values)
  const last = await get('/api/2.0/events', { event: names, unit: 'day', interval: '2' })
  expect(last.body).toEqual({ data: { series: ['2026-08-01', '2026-08-02'], values }, legend_size: 3 })
  const series = async (unit: string) =>
    (await get('/api/query/events', { event: names, unit, interval: '2' })).body.data.series
  expect(await series('month')).toEqual(['2026-07-01', '2026-08-01'])
  expect(await series('week')).toEqual(['2026-07-20', '2026-07-27'])
})

test('type, unit and where are supported', async () => {
  await start()
  const by = (n: number, distinct_id: string, hour: number) =>
    event(n, 'E', { distinct_id, time: Date.parse('2026-08-01T00:00:00Z') + hour * 3_600_000 })
  await simulator.ingest([by(1, 'ann', 5), by(2, 'ann', 5), by(3, 'bob', 7), by(4, 'bob', 7), by(5, 'bob', 7)])
  const values = async (query: Record<string, string>) =>
    (await get('/api/query/segmentation', { from_date: '2026-08-01', to_date: '2026-08-01', event: 'E', ...query }))
      .body.data.values.E
  expect(await values({ type: 'unique' })).toEqual({ '2026-08-01': 2 })
  expect(await values({ type: 'average' })).toEqual({ '2026-08-01': 2.5 })
  expect(await values({ where: 'properties["n"] > 2' })).toEqual({ '2026-08-01': 3 })
  const hours = await values({ unit: 'hour' })
  expect(Object.keys(hours)).toHaveLength(24)
  expect(hours).toMatchObject({ '2026-08-01 05:00:00': 2, '2026-08-01 06:00:00': 0, '2026-08-01 07:00:00': 3 })
})

test.each([
  [{ event: 'E', on: 'properties["x"]' }, 'Error in on: not simulated'],
  [{ event: 'E', type: 'odd' }, 'Error in type: expected general, unique or average'],
  [{ event: 'E', unit: 'year' }, 'Error in unit: expected day, week or month'],
  [{ event: 'E', to_date: '2026-09-01' }, 'to_date cannot be later than today'],
  [{ event: 'E', where: '(' }, 'Error in where: operand expected at the end'],
  [{}, 'Missing required parameter: event'],
])('%j is rejected', async (query: Record<string, string>, error) => {
  await start()
  const { status, body } = await get('/api/query/segmentation', { ...DAYS, ...query })
  expect({ status, error: body.error }).toEqual({ status: 400, error })
})

test.each([false, true])(
  'days are in the time zone of the project, even when clocks change; legacy time: %s',
  async (legacyTime) => {
    await start({ timezone: 'Europe/Berlin', today: '2026-04-30', legacyTime })
    const from = Date.parse('2026-03-27T20:00:00Z')
    const moment = fc.nat(4 * 86_400_000).map((ms) => from + ms)
    const times =
      fc.sample(fc.uniqueArray(moment, { minLength: 200, maxLength: 200 }), { numRuns: 1, seed: 5 })[0] ?? []
    await simulator.ingest(times.map((time, n) => event(n, 'E', { time })))
    const expected: Record<string, number> = { '2026-03-28': 0, '2026-03-29': 0, '2026-03-30': 0 }
    for (const time of times) {
      const day = DateTime.fromMillis(time, { zone: 'Europe/Berlin' }).toISODate() ?? ''
      if (day in expected) expected[day] = (expected[day] ?? 0) + 1
    }
    const query = { event: 'E', from_date: '2026-03-28', to_date: '2026-03-30' }
    expect((await get('/api/query/segmentation', query)).body.data.values.E).toEqual(expected)
  },
)

test('properties of profiles are sorted by frequency', async () => {
  await start()
  simulator.profiles.set('ann', { $created: '2026-01-02T03:04:05', tags: [], seats: 4 })
  simulator.profiles.set('bob', { seats: 'many', beta: true, note: null, address: {}, $email: 'bob@example.com' })
  const { body } = await get('/api/2.0/engage/properties', { limit: '2000' })
  expect(Object.entries(body.results)[0]).toEqual(['seats', { count: 2, type: 'number' }])
  expect(body).toMatchObject({
    status: 'ok',
    results: {
      $created: { count: 1, type: 'datetime' },
      $email: { type: 'string' },
      beta: { type: 'boolean' },
      tags: { type: 'list' },
      address: { type: 'object' },
    },
  })
  const limited = await get('/api/query/engage/properties', { limit: '1' })
  expect(Object.keys(limited.body.results)).toEqual(['seats'])
})
