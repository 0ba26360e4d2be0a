import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startSimulator } from '../../lib/simulator/index.ts'
import { Budget } from '../../lib/simulator/limits.ts'
import { ask, DAY, events, exported } from './asking.ts'

const HOUR = 3_600_000

test('the hour rolls, and refused requests take nothing from it', () => {
  const budget = new Budget({ perHour: 2, perSecond: 0, concurrent: 0 })
  expect(budget.enter(0)).toBeUndefined()
  expect(budget.enter(10_000)).toBeUndefined()
  expect(budget.enter(20_000)).toEqual({ running: 3, inLastHour: 3, retryAfter: 3580 })
  expect(budget.enter(HOUR - 1)).toMatchObject({ inLastHour: 3, retryAfter: 1 })
  expect(budget.enter(HOUR)).toBeUndefined()
  expect(budget.enter(HOUR + 9_999)).toBeDefined()
  expect(budget.enter(HOUR + 10_000)).toBeUndefined()
})

test('the second rolls too', () => {
  const budget = new Budget({ perHour: 0, perSecond: 3, concurrent: 0 })
  for (const at of [0, 400, 800]) expect(budget.enter(at)).toBeUndefined()
  expect(budget.enter(999)).toMatchObject({ retryAfter: 1 })
  expect(budget.enter(1000)).toBeUndefined()
  expect(budget.enter(1399)).toBeDefined()
  expect(budget.enter(1400)).toBeUndefined()
})

test('a place is free again when a request has left', () => {
  const budget = new Budget({ perHour: 0, perSecond: 0, concurrent: 1 })
  expect(budget.enter(0)).toBeUndefined()
  expect(budget.enter(1)).toMatchObject({ running: 2 })
  budget.leave()
  expect(budget.enter(2)).toBeUndefined()
})

test('whatever the arrivals, no window ever holds more than its limit, and waiting as told helps', () => {
  const gap = fc.oneof(fc.nat(400), fc.nat(HOUR / 3))
  const arrivals = fc.array(fc.record({ wait: gap, isPatient: fc.boolean() }), { maxLength: 60 })
  fc.assert(
    fc.property(arrivals, fc.nat(6), fc.nat(3), (requests, perHour, perSecond) => {
      const budget = new Budget({ perHour, perSecond, concurrent: 0 })
      const admitted: number[] = []
      let now = 0
      for (const { wait, isPatient } of requests) {
        now += wait
        const refusal = budget.enter(now)
        if (refusal === undefined) admitted.push(now)
        else if (isPatient) {
          now += refusal.retryAfter * 1000
          expect(budget.enter(now)).toBeUndefined()
          admitted.push(now)
        }
      }
      const within = (at: number, span: number) => admitted.filter((one) => one <= at && one > at - span).length
      for (const at of admitted) {
        if (perHour > 0) expect(within(at, HOUR)).toBeLessThanOrEqual(perHour)
        if (perSecond > 0) expect(within(at, 1000)).toBeLessThanOrEqual(perSecond)
      }
    }),
  )
})

test('exports have an hourly budget of their own', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 2, requestsPerSecond: 0 })
  const statuses: number[] = []
  for (let request = 0; request < 3; request++) statuses.push((await exported(simulator, DAY, DAY)).status)
  expect(statuses).toEqual([200, 200, 429])
  const refused = await exported(simulator, DAY, DAY)
  expect(JSON.parse(refused.text)).toEqual({ error: 'too many export requests in progress for this project' })
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3590)
  const names = () => ask(simulator, '/api/query/events/names')
  expect([(await names()).status, (await names()).status]).toEqual([200, 200])
  const third = await names()
  expect(third.status).toBe(429)
  expect(JSON.parse(third.text).error).toMatch(
    /project_id: 1000001\. 1\/5 queries running concurrently and 3\/2 queries running in the last hour/,
  )
})

test('without retryAfter a refusal does not say when to come back', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 1, retryAfter: false })
  await exported(simulator, DAY, DAY)
  const { status, headers } = await exported(simulator, DAY, DAY)
  expect(status).toBe(429)
  expect(headers['retry-after']).toBeUndefined()
})

test('strangers take nothing from the budget', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 1 })
  const query = { from_date: DAY, to_date: DAY }
  const stranger = { query, authorization: 'Basic nobody' }
  for (let request = 0; request < 3; request++) {
    expect((await ask(simulator, '/api/2.0/export', stranger)).status).toBe(400)
  }
  expect((await exported(simulator, DAY, DAY)).status).toBe(200)
})

test('by default three exports a second', async () => {
  await using simulator = await startSimulator()
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 40 }, () => exported(simulator, DAY, DAY)))
  const seconds = Math.ceil((performance.now() - began) / 1000)
  // In so many seconds and the one that begins with the last of them.
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(3 * (seconds + 1))
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(1)
})

test('an export counts as running until its body has ended', async () => {
  await using simulator = await startSimulator({ concurrentExports: 1, requestsPerHour: 0, requestsPerSecond: 0 })
  await simulator.ingest(events(100))
  simulator.fault({ kind: 'stall', atByte: 100, ms: 3_600_000 })
  const { user, secret } = simulator.credentials.serviceAccount
  const leaving = new AbortController()
  const first = await fetch(`${simulator.url}/api/2.0/export?project_id=1000001&from_date=${DAY}&to_date=${DAY}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${secret}`)}` },
    signal: leaving.signal,
  })
  expect(first.status).toBe(200)
  expect((await exported(simulator, DAY, DAY)).status).toBe(429)
  leaving.abort()
  await expect(first.text()).rejects.toThrow()
  await expect.poll(async () => (await exported(simulator, DAY, DAY)).status).toBe(200)
})
