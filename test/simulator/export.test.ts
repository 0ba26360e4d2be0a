import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { basic, DAY, DAY_MS, event, events, lines, request, requestExport } from './requests.ts'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0, ...options })
}

afterEach(() => simulator.close())

function numbers(text: string): number[] {
  return lines(text).map((line) => JSON.parse(line).properties.n)
}

const inOrder = (count: number) => Array.from({ length: count }, (_, number) => number)

test('days are UTC days, both inclusive', async () => {
  await start()
  const at = (text: string) => ({ event: text, properties: { time: Date.parse(text), $insert_id: 'i' } })
  const moments = [
    '2026-07-31T23:59:59.999Z',
    '2026-08-01T00:00:00Z',
    '2026-08-02T23:59:59.999Z',
    '2026-08-03T00:00:00Z',
  ]
  await simulator.ingest(moments.map(at))
  const { status, headers, text } = await requestExport(simulator, '2026-08-01', '2026-08-02')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/plain')
  expect(headers['transfer-encoding']).toBe('chunked')
  expect(text.endsWith('\n')).toBe(true)
  expect(
    lines(text)
      .map((line) => JSON.parse(line).event)
      .sort(),
  ).toEqual(['2026-08-01T00:00:00Z', '2026-08-02T23:59:59.999Z'])
})

test('an empty range is a 200 with an empty body', async () => {
  await start()
  const { status, bytes } = await requestExport(simulator, DAY, DAY, {}, { 'accept-encoding': 'gzip' })
  expect({ status, bytes: bytes.length }).toEqual({ status: 200, bytes: 0 })
})

test('a trailing slash makes no difference', async () => {
  await start()
  await simulator.ingest([event(1)])
  const { text } = await request(simulator, '/api/2.0/export/', { query: { from_date: DAY, to_date: DAY } })
  expect(lines(text)).toHaveLength(1)
})

test.each([
  [{}, 'Missing required parameter: from_date'],
  [{ from_date: DAY }, 'Missing required parameter: to_date'],
  [{ from_date: '2026-02-30', to_date: DAY }, 'Error in from_date: invalid date, expected yyyy-mm-dd'],
  [{ from_date: DAY, to_date: '20260801' }, 'Error in to_date: invalid date, expected yyyy-mm-dd'],
  [{ from_date: '2026-08-02', to_date: '2026-08-01' }, 'from_date cannot be later than to_date'],
  [{ from_date: DAY, to_date: '2026-08-11' }, 'to_date cannot be later than today'],
  [{ from_date: DAY, to_date: DAY, event: 'Login' }, 'Error in event: expected a JSON list of event names'],
  [{ from_date: DAY, to_date: DAY, event: '[1]' }, 'Error in event: expected a JSON list of event names'],
  [{ from_date: DAY, to_date: DAY, limit: '100001' }, 'Error in limit: expected a number from 1 to 100000'],
  [{ from_date: DAY, to_date: DAY, limit: '-1' }, 'Error in limit: expected a number from 1 to 100000'],
  [{ from_date: DAY, to_date: DAY, where: 'properties[' }, 'Error in where: properties[…] needs a name in quotes'],
])('400 for %j', async (query: Record<string, string>, message) => {
  await start({ today: '2026-08-10' })
  const { status, text } = await request(simulator, '/api/2.0/export', { query })
  expect({ status, text }).toEqual({ status: 400, text: message })
})

test('today is in the time zone of the project', async () => {
  await start({ timezone: 'Pacific/Kiritimati' })
  const ahead = new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10)
  expect((await requestExport(simulator, ahead, ahead)).status).toBe(200)
  await simulator.close()
  await start({ timezone: 'Pacific/Niue' })
  const utcDay = new Date().toISOString().slice(0, 10)
  const behind = new Date(Date.now() - 11 * 3_600_000).toISOString().slice(0, 10)
  expect((await requestExport(simulator, behind, behind)).status).toBe(200)
  const { status } = await requestExport(simulator, utcDay, utcDay)
  // At some hours the day is the same, and at some moment of this test it may have become so.
  const isSame = new Date(Date.now() - 11 * 3_600_000).toISOString().slice(0, 10) === utcDay
  if (!isSame) expect(status).toBe(400)
})

test('the event filter compares parsed names', async () => {
  await start()
  await simulator.ingest([
    event(1, 'Login'),
    event(2, 'Logout'),
    event(3, 'Größe "XL"\n'),
    `{"properties":{"time":${DAY_MS},"n":4},"event":"Log\\u0069n"}`,
    `{ "event" : "Login", "properties":{"time":${DAY_MS},"n":5}}`,
  ])
  const filter = (...names: string[]) => requestExport(simulator, DAY, DAY, { event: JSON.stringify(names) })
  expect(numbers((await filter('Login')).text).sort()).toEqual([1, 4, 5])
  expect(numbers((await filter('Größe "XL"\n', 'Logout')).text).sort()).toEqual([2, 3])
  expect((await filter('Logi')).text).toBe('')
  expect((await filter()).text).toBe('')
})

test('where is evaluated, including the exported time', async () => {
  await start()
  await simulator.ingest(events(20))
  const where = async (text: string) => numbers((await requestExport(simulator, DAY, DAY, { where: text })).text).sort()
  expect(await where('properties["n"] >= 18')).toEqual([18, 19])
  expect(await where('properties["n"] in [3, 5] and defined(properties["distinct_id"])')).toEqual([3, 5])
  expect(await where(`event["$time"] < datetime("${DAY}T00:00:00") + 0.001`)).toEqual([0])
  expect(await where(`properties["$time"] >= datetime(${DAY_MS / 1000}) and properties["n"] == 0`)).toEqual([0])
})

test('where and the event filter can be combined', async () => {
  await start()
  await simulator.ingest([event(1, 'Login'), event(2, 'Login'), event(2, 'Logout')])
  const query = { event: '["Login"]', where: 'properties["n"] == 2' }
  expect(lines((await requestExport(simulator, DAY, DAY, query)).text)).toHaveLength(1)
})

test('a type error in an expression is a 400 if no byte was sent', async () => {
  await start()
  await simulator.ingest(events(3))
  const { status, text } = await requestExport(simulator, DAY, DAY, { where: 'properties["n"] and true' })
  expect({ status, text }).toEqual({ status: 400, text: 'Error in where: and takes booleans, not a number' })
})

test('a later type error ends the body early', async () => {
  await start()
  // More than one block of valid lines, before the line with the wrong type.
  const filler = 'x'.repeat(1000)
  await simulator.ingest(Array.from({ length: 3000 }, (_, n) => event(n, 'Page viewed', { filler, ok: true })))
  await simulator.ingest([event(3000, 'Page viewed', { ok: 1 })])
  const where = 'properties["ok"] and true'
  const responses = await Promise.all(inOrder(12).map(() => requestExport(simulator, DAY, DAY, { where })))
  // The order of blocks differs by request: the wrong line can be in the first block or in a later
  // one.
  const late = responses.filter(({ status }) => status === 200)
  expect(late.length).toBeGreaterThan(0)
  for (const { text } of late) expect(text.endsWith('\nexport terminated early\n')).toBe(true)
})

test('limit selects the first events in storage order', async () => {
  await start()
  await simulator.ingest(events(50))
  await simulator.ingest([{ event: 'Earlier', properties: { time: DAY_MS - 1, n: -1 } }])
  const limited = await requestExport(simulator, '2026-07-31', DAY, { limit: '11' })
  expect(numbers(limited.text).sort((a, b) => a - b)).toEqual([-1, ...inOrder(10)])
  const filtered = await requestExport(simulator, DAY, DAY, { limit: '2', where: 'properties["n"] > 40' })
  expect(numbers(filtered.text).sort()).toEqual([41, 42])
})

test('time is in whole seconds unless time_in_ms is set', async () => {
  await start()
  const line = `{"event":"e","properties":{"a":1.10,"time":${DAY_MS + 1999},"b":[1e5]}}`
  await simulator.ingest([line])
  for (const query of [{ time_in_ms: 'false' }, { time_in_ms: '0' }]) {
    const { text } = await requestExport(simulator, DAY, DAY, query)
    expect(text).toBe(`${line.replace(String(DAY_MS + 1999), String(DAY_MS / 1000 + 1))}\n`)
  }
  expect((await requestExport(simulator, DAY, DAY, { time_in_ms: '1' })).text).toBe(`${line}\n`)
})

test('a legacy project exports local times on local days', async () => {
  await start({ timezone: 'America/Los_Angeles', legacyTime: true })
  const at = (utc: string) => ({ event: utc, properties: { time: Date.parse(utc) } })
  await simulator.ingest([
    at('2022-06-01T12:00:00Z'), // summer, seven hours behind
    at('2022-06-01T06:59:59Z'), // the evening before, locally
    at('2022-12-01T12:00:00Z'), // winter, eight hours behind
    at('2022-03-13T09:59:59Z'), // the last second before the clocks go forward
    at('2022-03-13T10:00:00Z'), // the next one
  ])
  const times = async (day: string, query = {}) =>
    Object.fromEntries(
      lines((await requestExport(simulator, day, day, query)).text)
        .map((line) => JSON.parse(line))
        .map(({ event, properties }) => [event, properties.time]),
    )
  expect(await times('2022-06-01', { time_in_ms: 'false' })).toEqual({ '2022-06-01T12:00:00Z': 1654059600 })
  expect(await times('2022-05-31')).toEqual({ '2022-06-01T06:59:59Z': Date.parse('2022-05-31T23:59:59Z') })
  expect(await times('2022-12-01')).toEqual({ '2022-12-01T12:00:00Z': Date.parse('2022-12-01T04:00:00Z') })
  expect(await times('2022-03-13')).toEqual({
    '2022-03-13T09:59:59Z': Date.parse('2022-03-13T01:59:59Z'),
    '2022-03-13T10:00:00Z': Date.parse('2022-03-13T03:00:00Z'),
  })
  const where = 'event["$time"] == datetime("2022-06-01T05:00:00")'
  expect(await times('2022-06-01', { where })).toHaveProperty('2022-06-01T12:00:00Z')
})

test('bodies above 1400 bytes are compressed if the client accepts gzip', async () => {
  await start()
  await simulator.ingest([event(1, 'short')])
  await simulator.ingest(Array.from({ length: 40 }, (_, n) => event(n, 'long')))
  const gzip = { 'accept-encoding': 'deflate, gzip;q=0.5' }
  const short = await requestExport(simulator, DAY, DAY, { event: '["short"]' }, gzip)
  expect(short.headers['content-encoding']).toBeUndefined()
  expect(lines(short.text)).toHaveLength(1)
  const long = await requestExport(simulator, DAY, DAY, { event: '["long"]' }, gzip)
  expect(long.headers['content-encoding']).toBe('gzip')
  expect(lines(long.text)).toHaveLength(40)
  expect(long.bytes.length).toBeLessThan(long.text.length)
  for (const coding of ['identity', 'gzip;q=0', 'br']) {
    const plain = await requestExport(simulator, DAY, DAY, { event: '["long"]' }, { 'accept-encoding': coding })
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(lines(plain.text)).toHaveLength(40)
  }
})

test('the order differs between requests, and depends on the seed', async () => {
  const orders = async () => {
    await start({ seed: 7 })
    await simulator.ingest(events(200))
    const first = numbers((await requestExport(simulator, DAY, DAY)).text)
    const second = numbers((await requestExport(simulator, DAY, DAY)).text)
    await simulator.close()
    return { first, second }
  }
  const { first, second } = await orders()
  expect(await orders()).toEqual({ first, second })
  expect(first).not.toEqual(second)
  expect(first).not.toEqual(inOrder(200))
  for (const order of [first, second]) expect([...order].sort((a, b) => a - b)).toEqual(inOrder(200))
})

test('a day of several blocks is complete, and its blocks are shuffled, too', async () => {
  await start()
  const filler = 'x'.repeat(2000)
  await simulator.ingest(Array.from({ length: 2000 }, (_, n) => event(n, 'Page viewed', { filler })))
  const order = numbers((await requestExport(simulator, DAY, DAY, {}, { 'accept-encoding': 'gzip' })).text)
  expect([...order].sort((a, b) => a - b)).toEqual(inOrder(2000))
  const second = numbers((await requestExport(simulator, DAY, DAY)).text)
  const third = numbers((await requestExport(simulator, DAY, DAY)).text)
  const blockOf = (n: number | undefined) => Math.floor((n ?? 0) / 500)
  const firstBlocks = [order, second, third].map((numbers) => blockOf(numbers[0]))
  expect(firstBlocks.some((block) => block > 0)).toBe(true)
})

test('an export does not include events that are ingested meanwhile', async () => {
  await start()
  await simulator.ingest(events(10))
  const [{ text }] = await Promise.all([requestExport(simulator, DAY, DAY), simulator.ingest(events(10))])
  expect([10, 20]).toContain(lines(text).length)
})

test('a plan without raw export returns 402', async () => {
  await start({ plan: { export: 402 } })
  const { status, text } = await requestExport(simulator, DAY, DAY)
  expect(status).toBe(402)
  expect(text).toMatch(/^Your plan does not support raw data export\./)
})

test('a service account must name the project; a secret need not', async () => {
  await start({ projectId: '42', apiSecret: 'project-secret', serviceAccount: { user: 'robot', secret: 's:e' } })
  const query = { from_date: DAY, to_date: DAY }
  const status = async (authorization: string | null, project: Record<string, string>) => {
    const search = new URLSearchParams({ ...query, ...project })
    const headers: Record<string, string> = authorization === null ? {} : { authorization }
    const response = await fetch(`${simulator.url}/api/2.0/export?${search}`, { headers })
    return `${response.status} ${await response.text()}`
  }
  const rejected = '400 Unable to authenticate request'
  expect(await status(basic('robot', 's:e'), { project_id: '42' })).toBe('200 ')
  expect(await status('Basic robot:s:e', { project_id: '42' })).toBe('200 ')
  expect(await status(basic('robot', 's:e'), {})).toBe(rejected)
  expect(await status(basic('robot', 's:e'), { project_id: '43' })).toBe(rejected)
  expect(await status(basic('robot', 'wrong'), { project_id: '42' })).toBe(rejected)
  expect(await status(basic('project-secret'), {})).toBe('200 ')
  expect(await status(`Basic ${Buffer.from('project-secret').toString('base64')}`, {})).toBe('200 ')
  expect(await status('Basic project-secret', {})).toBe('200 ')
  expect(await status('Basic project-secret:', { project_id: '42' })).toBe('200 ')
  expect(await status(basic('project-secret', 'password'), {})).toBe(rejected)
  expect(await status(basic('project-secret'), { project_id: '43' })).toBe(rejected)
  expect(await status('Bearer project-secret', {})).toBe(rejected)
  expect(await status(null, { project_id: '42' })).toBe(rejected)
})

test('the project token does not allow exports', async () => {
  await start({ token: 'project-token' })
  const { status } = await request(simulator, '/api/2.0/export', {
    query: { from_date: DAY, to_date: DAY },
    authorization: basic('project-token'),
  })
  expect(status).toBe(400)
})
