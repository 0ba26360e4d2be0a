import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Fault, type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { type Answer, ask, DAY, events, exported, lines } from './asking.ts'

const COUNT = 200
const GZIP = { 'accept-encoding': 'gzip' }

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
  await simulator.ingest(events(COUNT))
})

afterEach(() => simulator.close())

const asked = (headers = {}, query = {}): Promise<Answer> => exported(simulator, DAY, DAY, query, headers)

async function expectWhole(): Promise<void> {
  const { status, text } = await asked()
  expect({ status, count: lines(text).length }).toEqual({ status: 200, count: COUNT })
}

test('cut: the connection ends at a byte of the body', async () => {
  simulator.fault({ kind: 'cut', atByte: 5000 })
  const { status, wire, broken } = await asked()
  expect({ status, bytes: wire.length }).toEqual({ status: 200, bytes: 5000 })
  expect(broken).toBeDefined()
  await expectWhole()
})

test('cut: of a packed body, the packed bytes count', async () => {
  simulator.fault({ kind: 'cut', atByte: 700 })
  const { headers, wire, broken } = await asked(GZIP)
  expect(headers['content-encoding']).toBe('gzip')
  expect(wire.length).toBe(700)
  expect(broken).toBeDefined()
})

test('cut: at byte 0 only headers arrive', async () => {
  simulator.fault({ kind: 'cut', atByte: 0 })
  const { status, wire, broken } = await asked()
  expect({ status, bytes: wire.length }).toEqual({ status: 200, bytes: 0 })
  expect(broken).toBeDefined()
})

test('cut: beyond the end the whole body arrives, but not its last chunk', async () => {
  simulator.fault({ kind: 'cut', atByte: 1e9 })
  const { text, broken } = await asked()
  expect(lines(text)).toHaveLength(COUNT)
  expect(broken).toBeDefined()
})

test('cut: an answer that is one piece can be cut too', async () => {
  simulator.fault({ kind: 'cut', atByte: 10, match: { path: '/api/app/me' } })
  const { wire, broken } = await ask(simulator, '/api/app/me')
  expect(wire.length).toBe(10)
  expect(broken).toBeDefined()
})

test('cut-clean: the body is short and looks whole', async () => {
  for (const headers of [{}, GZIP]) {
    simulator.fault({ kind: 'cut-clean', atByte: 5003 })
    const { status, text, broken } = await asked(headers)
    expect({ status, bytes: text.length, broken }).toEqual({ status: 200, bytes: 5003, broken: undefined })
    expect(text.endsWith('\n')).toBe(false)
  }
  simulator.fault({ kind: 'cut-clean', atByte: 0 })
  expect(await asked()).toMatchObject({ status: 200, text: '', broken: undefined })
})

test.each([
  [{}, COUNT, 'terminated early'],
  [{ afterLines: 0 }, 0, 'terminated early'],
  [{ afterLines: 7 }, 7, 'terminated early'],
  [{ afterLines: 1e6, text: 'export terminated early' as const }, COUNT, 'export terminated early'],
])('terminated-early: %j', async (more, good, ending) => {
  for (const headers of [{}, GZIP]) {
    simulator.fault({ kind: 'terminated-early', ...more })
    const { status, text, broken } = await asked(headers)
    expect({ status, broken }).toEqual({ status: 200, broken: undefined })
    const all = lines(text)
    expect(all.pop()).toBe(ending)
    expect(all).toHaveLength(good)
    for (const line of all) expect(JSON.parse(line)).toHaveProperty('properties')
  }
})

test('terminated-early: an empty day consists of the text alone', async () => {
  simulator.fault({ kind: 'terminated-early' })
  expect((await exported(simulator, '2026-07-01', '2026-07-01')).text).toBe('terminated early\n')
})

test('error-json: the body ends in the beginning of an error', async () => {
  simulator.fault({ kind: 'error-json', afterLines: 3 })
  const { status, text, broken } = await asked()
  expect({ status, broken }).toEqual({ status: 200, broken: undefined })
  expect(lines(text)).toHaveLength(4)
  expect(text.endsWith('\n{"error":')).toBe(true)
  simulator.fault({ kind: 'error-json', text: '{"error": "scan fai' })
  expect(lines((await asked()).text).at(-1)).toBe('{"error": "scan fai')
})

test('a fault of the body leaves an answer alone that is no 200', async () => {
  simulator.fault({ kind: 'terminated-early' })
  const { status, text } = await exported(simulator, DAY, 'tomorrow')
  expect({ status, text }).toEqual({ status: 400, text: 'Error in to_date: invalid date, expected yyyy-mm-dd' })
})

test('rate-limit: 429 in the words of each family', async () => {
  simulator.fault({ kind: 'rate-limit', retryAfter: 17 })
  const limited = await asked()
  expect(limited.status).toBe(429)
  expect(limited.headers['retry-after']).toBe('17')
  expect(JSON.parse(limited.text)).toEqual({ error: 'too many export requests in progress for this project' })
  simulator.fault({ kind: 'rate-limit', times: 2 })
  const names = await ask(simulator, '/api/query/events/names')
  expect(names.headers['retry-after']).toBeUndefined()
  expect(JSON.parse(names.text).error).toMatch(/^Query rate limit exceeded for project_id: 1000001\. 1\/5 queries/)
  const imported = await ask(simulator, '/import', { method: 'POST', body: '[]' })
  expect(JSON.parse(imported.text)).toMatchObject({ code: 429, status: 'Too Many Requests' })
})

test('timeout: 400 with the request in it', async () => {
  simulator.fault({ kind: 'timeout' })
  const { status, text } = await asked()
  const request = `/api/2.0/export?project_id=1000001&from_date=${DAY}&to_date=${DAY}&time_in_ms=true`
  expect({ status, body: JSON.parse(text) }).toEqual({ status: 400, body: { request, error: 'Timeout Error.' } })
})

test('payment: 402', async () => {
  simulator.fault({ kind: 'payment', times: 2 })
  expect(await asked()).toMatchObject({ status: 402, text: expect.stringContaining('raw data export') })
  const names = await ask(simulator, '/api/2.0/events/names')
  expect({ status: names.status, body: JSON.parse(names.text) }).toEqual({
    status: 402,
    body: {
      request: '/api/2.0/events/names?project_id=1000001',
      error: 'Your plan does not allow API calls. Upgrade at mixpanel.com/pricing',
    },
  })
})

test('status: any status and body', async () => {
  simulator.fault({ kind: 'status', status: 503, body: 'upstream connect error' })
  expect(await asked()).toMatchObject({ status: 503, text: 'upstream connect error' })
  simulator.fault({ kind: 'status', status: 500 })
  expect(await asked()).toMatchObject({ status: 500, text: '' })
})

test('slow-first-byte: nothing comes for a while', async () => {
  simulator.fault({ kind: 'slow-first-byte', ms: 60 })
  const began = performance.now()
  const { text } = await asked()
  expect(performance.now() - began).toBeGreaterThan(55)
  expect(lines(text)).toHaveLength(COUNT)
})

test.each([0, 3000])('stall: the body pauses at byte %i', async (atByte) => {
  simulator.fault({ kind: 'stall', atByte, ms: 3_600_000 })
  const leaving = new AbortController()
  const response = await askedPlainly(leaving.signal)
  const reader = response.body?.getReader()
  let bytes = 0
  while (bytes < atByte) bytes += (await reader?.read())?.value?.length ?? 0
  expect(bytes).toBe(atByte)
  const next = reader?.read().then(
    () => 'more',
    () => 'left',
  )
  expect(await Promise.race([next, sleep(100, 'nothing')])).toBe('nothing')
  leaving.abort()
  expect(await next).toBe('left')
})

test.each([0, 3000])('stall: the body goes on after its pause at byte %i', async (atByte) => {
  simulator.fault({ kind: 'stall', atByte, ms: 200 })
  const began = performance.now()
  const response = await askedPlainly()
  expect(lines(await response.text())).toHaveLength(COUNT)
  expect(performance.now() - began).toBeGreaterThan(195)
})

function askedPlainly(signal?: AbortSignal): Promise<Response> {
  const { user, secret } = simulator.credentials.serviceAccount
  const query = `project_id=1000001&from_date=${DAY}&to_date=${DAY}&time_in_ms=true`
  return fetch(`${simulator.url}/api/2.0/export?${query}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${secret}`)}`, 'accept-encoding': 'identity' },
    signal: signal ?? null,
  })
}

test('a client that leaves during a pause holds nothing up', async () => {
  simulator.fault({ kind: 'stall', atByte: 100, ms: 3_600_000 })
  simulator.fault({ kind: 'slow-first-byte', ms: 3_600_000 })
  for (let request = 0; request < 2; request++) {
    await expect(
      fetch(`${simulator.url}/api/2.0/export?from_date=${DAY}&to_date=${DAY}`, {
        headers: { authorization: `Basic ${btoa('simulator-project-secret:')}` },
        signal: AbortSignal.timeout(40),
      }).then((response) => response.text()),
    ).rejects.toThrow()
  }
  await expectWhole()
  await simulator.close()
})

test('clients may leave at any moment', async () => {
  await simulator.ingest(events(30_000))
  const authorization = `Basic ${btoa('simulator-project-secret:')}`
  const leaving = Array.from({ length: 40 }, async (_, ms) => {
    const headers = { authorization, 'accept-encoding': ms % 2 === 0 ? 'gzip' : 'identity' }
    const response = await fetch(`${simulator.url}/api/2.0/export?from_date=${DAY}&to_date=${DAY}`, {
      headers,
      signal: AbortSignal.timeout(ms),
    })
    await response.text()
  })
  const outcomes = await Promise.allSettled(leaving)
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
  expect((await asked({}, { limit: '5' })).status).toBe(200)
})

test('reset: the connection breaks before any byte', async () => {
  simulator.fault({ kind: 'reset' })
  await expect(asked()).rejects.toThrow(/ECONNRESET|other side closed/)
  expect(simulator.requests.at(-1)?.status).toBe(0)
  await expectWhole()
})

test('body: any bytes, packed or not, with or without the header', async () => {
  const give = async (fault: Omit<Fault & { kind: 'body' }, 'kind'>) => {
    simulator.fault({ kind: 'body', ...fault })
    return asked(GZIP)
  }
  expect(await give({ body: '<html>', status: 502, contentType: 'text/html' })).toMatchObject({
    status: 502,
    text: '<html>',
    headers: { 'content-type': 'text/html' },
  })
  const packed = await give({ body: 'line\n', gzip: true })
  expect(packed).toMatchObject({ status: 200, text: 'line\n', headers: { 'content-encoding': 'gzip' } })
  const unmarked = await give({ body: 'line\n', gzip: true, keepEncodingHeader: false })
  expect(unmarked.headers['content-encoding']).toBeUndefined()
  expect(gunzipSync(unmarked.wire).toString()).toBe('line\n')
  const half = gzipSync('line\n'.repeat(1000)).subarray(0, 30)
  const torn = await give({ body: half, keepEncodingHeader: true }).catch((error: Error) => error.message)
  expect(torn).toBe('unexpected end of file')
})

test('faults strike in the order of their setting, so many times, after so many requests', async () => {
  simulator.fault({ kind: 'status', status: 501, times: 2, skip: 1 })
  simulator.fault({ kind: 'status', status: 502, skip: 1 })
  simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY })
  const statuses: number[] = []
  for (let request = 0; request < 6; request++) statuses.push((await asked()).status)
  // The first request passes both skips; the next two are the first fault's, which the others never see.
  expect(statuses).toEqual([503, 501, 501, 502, 503, 503])
  simulator.clearFaults()
  await expectWhole()
})

test('a fault strikes only what it matches', async () => {
  const status = async (match: Fault['match'], path: string, query: Record<string, string> = {}) => {
    simulator.clearFaults()
    simulator.fault({ kind: 'status', status: 555, match })
    return (await ask(simulator, path, { query })).status === 555
  }
  const path = '/api/2.0/export'
  const range = { from_date: '2026-08-01', to_date: '2026-08-03' }
  expect(await status({ path }, path)).toBe(true)
  expect(await status({ path }, '/api/app/me')).toBe(false)
  expect(await status({ fromDate: '2026-08-01' }, path, range)).toBe(true)
  expect(await status({ fromDate: '2026-08-02' }, path, range)).toBe(false)
  expect(await status({ toDate: '2026-08-03' }, path, range)).toBe(true)
  expect(await status({ toDate: '2026-08-02' }, path, range)).toBe(false)
  expect(await status({ minDays: 3 }, path, range)).toBe(true)
  expect(await status({ minDays: 4 }, path, range)).toBe(false)
  expect(await status({ minDays: 1 }, path)).toBe(false)
  expect(await status({ unfiltered: true }, path, range)).toBe(true)
  expect(await status({ unfiltered: true }, path, { ...range, event: '["a"]' })).toBe(false)
  expect(await status({ event: 'a' }, path, { ...range, event: '["b","a"]' })).toBe(true)
  expect(await status({ event: 'a' }, path, { ...range, event: '["b"]' })).toBe(false)
  expect(await status({ event: 'a' }, path, { ...range, event: 'not JSON' })).toBe(false)
  expect(await status({ event: 'a' }, path, range)).toBe(false)
  expect(await status({ minDays: 2, fromDate: '2026-08-01' }, path, range)).toBe(true)
})
