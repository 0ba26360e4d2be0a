import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RateLimiter } from '../../lib/simulator/http/rate-limits.ts'
import { startSimulator } from '../../lib/simulator/index.ts'
import { DAY, events, request, requestExport } from './requests.ts'

const HOUR = 3_600_000

test('the hour is rolling, and rejected requests do not count', () => {
  const limiter = new RateLimiter({ perHour: 2, perSecond: 0, concurrent: 0 })
  expect(limiter.start(0)).toBeUndefined()
  expect(limiter.start(10_000)).toBeUndefined()
  expect(limiter.start(20_000)).toEqual({ running: 3, inLastHour: 3, retryAfter: 3580 })
  expect(limiter.start(HOUR - 1)).toMatchObject({ inLastHour: 3, retryAfter: 1 })
  expect(limiter.start(HOUR)).toBeUndefined()
  expect(limiter.start(HOUR + 9_999)).toBeDefined()
  expect(limiter.start(HOUR + 10_000)).toBeUndefined()
})

test('the second is rolling, too', () => {
  const limiter = new RateLimiter({ perHour: 0, perSecond: 3, concurrent: 0 })
  for (const at of [0, 400, 800]) expect(limiter.start(at)).toBeUndefined()
  expect(limiter.start(999)).toMatchObject({ retryAfter: 1 })
  expect(limiter.start(1000)).toBeUndefined()
  expect(limiter.start(1399)).toBeDefined()
  expect(limiter.start(1400)).toBeUndefined()
})

test('a request that has ended does not count as concurrent', () => {
  const limiter = new RateLimiter({ perHour: 0, perSecond: 0, concurrent: 1 })
  expect(limiter.start(0)).toBeUndefined()
  expect(limiter.start(1)).toMatchObject({ running: 2 })
  limiter.end()
  expect(limiter.start(2)).toBeUndefined()
})

test('no window ever exceeds its limit, and waiting for retryAfter always helps', () => {
  const gap = fc.oneof(fc.nat(400), fc.nat(HOUR / 3))
  const arrivals = fc.array(fc.record({ wait: gap, waits: fc.boolean() }), { maxLength: 60 })
  fc.assert(
    fc.property(arrivals, fc.nat(6), fc.nat(3), (requests, perHour, perSecond) => {
      const limiter = new RateLimiter({ perHour, perSecond, concurrent: 0 })
      const started: number[] = []
      let now = 0
      for (const { wait, waits } of requests) {
        now += wait
        const exceeded = limiter.start(now)
        if (exceeded === undefined) started.push(now)
        else if (waits) {
          now += exceeded.retryAfter * 1000
          expect(limiter.start(now)).toBeUndefined()
          started.push(now)
        }
      }
      const within = (at: number, span: number) => started.filter((start) => start <= at && start > at - span).length
      for (const at of started) {
        if (perHour > 0) expect(within(at, HOUR)).toBeLessThanOrEqual(perHour)
        if (perSecond > 0) expect(within(at, 1000)).toBeLessThanOrEqual(perSecond)
      }
    }),
  )
})

test('exports have an hourly limit of their own', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 2, requestsPerSecond: 0 })
  const statuses: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) statuses.push((await requestExport(simulator, DAY, DAY)).status)
  expect(statuses).toEqual([200, 200, 429])
  const limited = await requestExport(simulator, DAY, DAY)
  expect(JSON.parse(limited.text)).toEqual({ error: 'too many export requests in progress for this project' })
  expect(Number(limited.headers['retry-after'])).toBeGreaterThan(3590)
  const names = () => request(simulator, '/api/query/events/names')
  expect([(await names()).status, (await names()).status]).toEqual([200, 200])
  const third = await names()
  expect(third.status).toBe(429)
  expect(JSON.parse(third.text).error).toMatch(
    /project_id: 1000001\. 1\/5 queries running concurrently and 3\/2 queries running in the last hour/,
  )
})

test('without retryAfter, a 429 has no Retry-After', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 1, retryAfter: false })
  await requestExport(simulator, DAY, DAY)
  const { status, headers } = await requestExport(simulator, DAY, DAY)
  expect(status).toBe(429)
  expect(headers['retry-after']).toBeUndefined()
})

test('requests with wrong credentials do not count', async () => {
  await using simulator = await startSimulator({ requestsPerHour: 1 })
  const query = { from_date: DAY, to_date: DAY }
  const unknown = { query, authorization: 'Basic nobody' }
  for (let attempt = 0; attempt < 3; attempt++) {
    expect((await request(simulator, '/api/2.0/export', unknown)).status).toBe(400)
  }
  expect((await requestExport(simulator, DAY, DAY)).status).toBe(200)
})

test('the default is three exports per second', async () => {
  await using simulator = await startSimulator()
  const began = performance.now()
  const responses = await Promise.all(Array.from({ length: 40 }, () => requestExport(simulator, DAY, DAY)))
  const seconds = Math.ceil((performance.now() - began) / 1000)
  // In so many seconds and the one that begins with the last of them.
  expect(responses.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(3 * (seconds + 1))
  expect(responses.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(1)
})

test('an export counts as concurrent until its body has ended', async () => {
  await using simulator = await startSimulator({ concurrentExports: 1, requestsPerHour: 0, requestsPerSecond: 0 })
  await simulator.ingest(events(100))
  simulator.fault({ kind: 'stall', atByte: 100, ms: 3_600_000 })
  const { user, secret } = simulator.credentials.serviceAccount
  const abort = new AbortController()
  const first = await fetch(`${simulator.url}/api/2.0/export?project_id=1000001&from_date=${DAY}&to_date=${DAY}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${secret}`)}` },
    signal: abort.signal,
  })
  expect(first.status).toBe(200)
  expect((await requestExport(simulator, DAY, DAY)).status).toBe(429)
  abort.abort()
  await expect(first.text()).rejects.toThrow()
  await expect.poll(async () => (await requestExport(simulator, DAY, DAY)).status).toBe(200)
})
