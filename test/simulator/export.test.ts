import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { ask, basic, DAY, DAY_MS, event, events, exported, lines } from './asking.ts'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0, ...options })
}

afterEach(() => simulator.close())

function numbers(text: string): number[] {
  return lines(text).map((line) => JSON.parse(line).properties.n)
}

const inOrder = (count: number) => Array.from({ length: count }, (_, number) => number)

test('days are inclusive on both sides and cut at UTC midnight', async () => {
  await start()
  const at = (text: string) => ({ event: text, properties: { time: Date.parse(text), $insert_id: 'i' } })
  const moments = [
    '2026-07-31T23:59:59.999Z',
    '2026-08-01T00:00:00Z',
    '2026-08-02T23:59:59.999Z',
    '2026-08-03T00:00:00Z',
  ]
  await simulator.ingest(moments.map(at))
  const { status, headers, text } = await exported(simulator, '2026-08-01', '2026-08-02')
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

test('an empty range is a 200 without a byte', async () => {
  await start()
  const { status, wire } = await exported(simulator, DAY, DAY, {}, { 'accept-encoding': 'gzip' })
  expect({ status, bytes: wire.length }).toEqual({ status: 200, bytes: 0 })
})

test('a trailing slash makes no difference', async () => {
  await start()
  await simulator.ingest([event(1)])
  const { text } = await ask(simulator, '/api/2.0/export/', { query: { from_date: DAY, to_date: DAY } })
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
  [{ from_date: DAY, to_date: DAY, where: 'properties[' }, 'Error in where: properties[…] wants a name in quotes'],
])('400 for %j', async (query: Record<string, string>, message) => {
  await start({ today: '2026-08-10' })
  const { status, text } = await ask(simulator, '/api/2.0/export', { query })
  expect({ status, text }).toEqual({ status: 400, text: message })
})

test('today is the day in the zone of the project', async () => {
  await start({ timezone: 'Pacific/Kiritimati' })
  const ahead = new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10)
  expect((await exported(simulator, ahead, ahead)).status).toBe(200)
  await simulator.close()
  await start({ timezone: 'Pacific/Niue' })
  const utcDay = new Date().toISOString().slice(0, 10)
  const behind = new Date(Date.now() - 11 * 3_600_000).toISOString().slice(0, 10)
  expect((await exported(simulator, behind, behind)).status).toBe(200)
  const { status } = await exported(simulator, utcDay, utcDay)
  // At some hours the day is the same, and at some moment of this test it may have become so.
  const isSame = new Date(Date.now() - 11 * 3_600_000).toISOString().slice(0, 10) === utcDay
  if (!isSame) expect(status).toBe(400)
})

test('the event filter takes names as they are read, not as they are written', async () => {
  await start()
  await simulator.ingest([
    event(1, 'Login'),
    event(2, 'Logout'),
    event(3, 'Größe "XL"\n'),
    `{"properties":{"time":${DAY_MS},"n":4},"event":"Log\\u0069n"}`,
    `{ "event" : "Login", "properties":{"time":${DAY_MS},"n":5}}`,
  ])
  const filter = (...names: string[]) => exported(simulator, DAY, DAY, { event: JSON.stringify(names) })
  expect(numbers((await filter('Login')).text).sort()).toEqual([1, 4, 5])
  expect(numbers((await filter('Größe "XL"\n', 'Logout')).text).sort()).toEqual([2, 3])
  expect((await filter('Logi')).text).toBe('')
  expect((await filter()).text).toBe('')
})

test('where is evaluated, also on the time as the project shows it', async () => {
  await start()
  await simulator.ingest(events(20))
  const where = async (text: string) => numbers((await exported(simulator, DAY, DAY, { where: text })).text).sort()
  expect(await where('properties["n"] >= 18')).toEqual([18, 19])
  expect(await where('properties["n"] in [3, 5] and defined(properties["distinct_id"])')).toEqual([3, 5])
  expect(await where(`event["$time"] < datetime("${DAY}T00:00:00") + 0.001`)).toEqual([0])
  expect(await where(`properties["$time"] >= datetime(${DAY_MS / 1000}) and properties["n"] == 0`)).toEqual([0])
})

test('where joins with the event filter', async () => {
  await start()
  await simulator.ingest([event(1, 'Login'), event(2, 'Login'), event(2, 'Logout')])
  const query = { event: '["Login"]', where: 'properties["n"] == 2' }
  expect(lines((await exported(simulator, DAY, DAY, query)).text)).toHaveLength(1)
})

test('an expression whose types do not fit is a 400 while no byte is out', async () => {
  await start()
  await simulator.ingest(events(3))
  const { status, text } = await exported(simulator, DAY, DAY, { where: 'properties["n"] and true' })
  expect({ status, text }).toEqual({ status: 400, text: 'Error in where: and takes truth values, not a number' })
})

test('an expression that fails later ends the body early', async () => {
  await start()
  // More than a block of good lines before the one that does not fit.
  const filler = 'x'.repeat(1000)
  await simulator.ingest(Array.from({ length: 3000 }, (_, n) => event(n, 'Page viewed', { filler, ok: true })))
  await simulator.ingest([event(3000, 'Page viewed', { ok: 1 })])
  const where = 'properties["ok"] and true'
  const answers = await Promise.all(inOrder(12).map(() => exported(simulator, DAY, DAY, { where })))
  // Which block comes first differs by request: the bad line may be in the first one or in a later one.
  const late = answers.filter(({ status }) => status === 200)
  expect(late.length).toBeGreaterThan(0)
  for (const { text } of late) expect(text.endsWith('\nexport terminated early\n')).toBe(true)
})

test('limit gives the first events in storage order', async () => {
  await start()
  await simulator.ingest(events(50))
  await simulator.ingest([{ event: 'Earlier', properties: { time: DAY_MS - 1, n: -1 } }])
  const limited = await exported(simulator, '2026-07-31', DAY, { limit: '11' })
  expect(numbers(limited.text).sort((a, b) => a - b)).toEqual([-1, ...inOrder(10)])
  const filtered = await exported(simulator, DAY, DAY, { limit: '2', where: 'properties["n"] > 40' })
  expect(numbers(filtered.text).sort()).toEqual([41, 42])
})

test('time is in whole seconds unless milliseconds are asked for', async () => {
  await start()
  const line = `{"event":"e","properties":{"a":1.10,"time":${DAY_MS + 1999},"b":[1e5]}}`
  await simulator.ingest([line])
  for (const query of [{ time_in_ms: 'false' }, { time_in_ms: '0' }]) {
    const { text } = await exported(simulator, DAY, DAY, query)
    expect(text).toBe(`${line.replace(String(DAY_MS + 1999), String(DAY_MS / 1000 + 1))}\n`)
  }
  expect((await exported(simulator, DAY, DAY, { time_in_ms: '1' })).text).toBe(`${line}\n`)
})

test('a legacy project writes local wall-clock times under local days, by the rules of the zone', async () => {
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
      lines((await exported(simulator, day, day, query)).text)
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

test('gzip is used for bodies above 1400 bytes, when asked for', async () => {
  await start()
  await simulator.ingest([event(1, 'short')])
  await simulator.ingest(Array.from({ length: 40 }, (_, n) => event(n, 'long')))
  const gzip = { 'accept-encoding': 'deflate, gzip;q=0.5' }
  const short = await exported(simulator, DAY, DAY, { event: '["short"]' }, gzip)
  expect(short.headers['content-encoding']).toBeUndefined()
  expect(lines(short.text)).toHaveLength(1)
  const long = await exported(simulator, DAY, DAY, { event: '["long"]' }, gzip)
  expect(long.headers['content-encoding']).toBe('gzip')
  expect(lines(long.text)).toHaveLength(40)
  expect(long.wire.length).toBeLessThan(long.text.length)
  for (const coding of ['identity', 'gzip;q=0', 'br']) {
    const plain = await exported(simulator, DAY, DAY, { event: '["long"]' }, { 'accept-encoding': coding })
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(lines(plain.text)).toHaveLength(40)
  }
})

test('the order differs from request to request and is the same for the same seed', async () => {
  const orders = async () => {
    await start({ seed: 7 })
    await simulator.ingest(events(200))
    const first = numbers((await exported(simulator, DAY, DAY)).text)
    const second = numbers((await exported(simulator, DAY, DAY)).text)
    await simulator.close()
    return { first, second }
  }
  const { first, second } = await orders()
  expect(await orders()).toEqual({ first, second })
  expect(first).not.toEqual(second)
  expect(first).not.toEqual(inOrder(200))
  for (const order of [first, second]) expect([...order].sort((a, b) => a - b)).toEqual(inOrder(200))
})

test('a day of several blocks is whole, and its blocks are shuffled too', async () => {
  await start()
  const filler = 'x'.repeat(2000)
  await simulator.ingest(Array.from({ length: 2000 }, (_, n) => event(n, 'Page viewed', { filler })))
  const order = numbers((await exported(simulator, DAY, DAY, {}, { 'accept-encoding': 'gzip' })).text)
  expect([...order].sort((a, b) => a - b)).toEqual(inOrder(2000))
  const second = numbers((await exported(simulator, DAY, DAY)).text)
  const third = numbers((await exported(simulator, DAY, DAY)).text)
  const blockOf = (n: number | undefined) => Math.floor((n ?? 0) / 500)
  const beginnings = [order, second, third].map((one) => blockOf(one[0]))
  expect(beginnings.some((block) => block > 0)).toBe(true)
})

test('an export that is under way does not see events that come meanwhile', async () => {
  await start()
  await simulator.ingest(events(10))
  const [{ text }] = await Promise.all([exported(simulator, DAY, DAY), simulator.ingest(events(10))])
  expect([10, 20]).toContain(lines(text).length)
})

test('a plan without raw export answers 402', async () => {
  await start({ plan: { export: 402 } })
  const { status, text } = await exported(simulator, DAY, DAY)
  expect(status).toBe(402)
  expect(text).toMatch(/^Your plan does not support raw data export\./)
})

test('a service account has to name the project; a secret need not', async () => {
  await start({ projectId: '42', apiSecret: 'project-secret', serviceAccount: { user: 'robot', secret: 's:e' } })
  const query = { from_date: DAY, to_date: DAY }
  const status = async (authorization: string | null, project: Record<string, string>) => {
    const search = new URLSearchParams({ ...query, ...project })
    const headers: Record<string, string> = authorization === null ? {} : { authorization }
    const response = await fetch(`${simulator.url}/api/2.0/export?${search}`, { headers })
    return `${response.status} ${await response.text()}`
  }
  const refused = '400 Unable to authenticate request'
  expect(await status(basic('robot', 's:e'), { project_id: '42' })).toBe('200 ')
  expect(await status('Basic robot:s:e', { project_id: '42' })).toBe('200 ')
  expect(await status(basic('robot', 's:e'), {})).toBe(refused)
  expect(await status(basic('robot', 's:e'), { project_id: '43' })).toBe(refused)
  expect(await status(basic('robot', 'wrong'), { project_id: '42' })).toBe(refused)
  expect(await status(basic('project-secret'), {})).toBe('200 ')
  expect(await status(`Basic ${Buffer.from('project-secret').toString('base64')}`, {})).toBe('200 ')
  expect(await status('Basic project-secret', {})).toBe('200 ')
  expect(await status('Basic project-secret:', { project_id: '42' })).toBe('200 ')
  expect(await status(basic('project-secret', 'password'), {})).toBe(refused)
  expect(await status(basic('project-secret'), { project_id: '43' })).toBe(refused)
  expect(await status('Bearer project-secret', {})).toBe(refused)
  expect(await status(null, { project_id: '42' })).toBe(refused)
})

test('the project token opens no export', async () => {
  await start({ token: 'project-token' })
  const { status } = await ask(simulator, '/api/2.0/export', {
    query: { from_date: DAY, to_date: DAY },
    authorization: basic('project-token'),
  })
  expect(status).toBe(400)
})
