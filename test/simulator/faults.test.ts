import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Fault, type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { DAY, events, lines, type ReceivedResponse, request, requestExport } from './requests.ts'

const COUNT = 200
const GZIP = { 'accept-encoding': 'gzip' }

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
  await simulator.ingest(events(COUNT))
})

afterEach(() => simulator.close())

const get = (headers = {}, query = {}): Promise<ReceivedResponse> => requestExport(simulator, DAY, DAY, query, headers)

async function expectComplete(): Promise<void> {
  const { status, text } = await get()
  expect({ status, count: lines(text).length }).toEqual({ status: 200, count: COUNT })
}

test('cut: the connection ends at a byte of the body', async () => {
  simulator.fault({ kind: 'cut', atByte: 5000 })
  const { status, bytes, failure } = await get()
  expect({ status, bytes: bytes.length }).toEqual({ status: 200, bytes: 5000 })
  expect(failure).toBeDefined()
  await expectComplete()
})

test('cut: for a compressed body, compressed bytes count', async () => {
  simulator.fault({ kind: 'cut', atByte: 700 })
  const { headers, bytes, failure } = await get(GZIP)
  expect(headers['content-encoding']).toBe('gzip')
  expect(bytes.length).toBe(700)
  expect(failure).toBeDefined()
})

test('cut: at byte 0 only headers arrive', async () => {
  simulator.fault({ kind: 'cut', atByte: 0 })
  const { status, bytes, failure } = await get()
  expect({ status, bytes: bytes.length }).toEqual({ status: 200, bytes: 0 })
  expect(failure).toBeDefined()
})

test('cut: after the end, the whole body arrives, but not the last chunk', async () => {
  simulator.fault({ kind: 'cut', atByte: 1e9 })
  const { text, failure } = await get()
  expect(lines(text)).toHaveLength(COUNT)
  expect(failure).toBeDefined()
})

test('cut: a JSON response can be cut, too', async () => {
  simulator.fault({ kind: 'cut', atByte: 10, match: { path: '/api/app/me' } })
  const { bytes, failure } = await request(simulator, '/api/app/me')
  expect(bytes.length).toBe(10)
  expect(failure).toBeDefined()
})

test('cut-clean: the body is too short and looks complete', async () => {
  for (const headers of [{}, GZIP]) {
    simulator.fault({ kind: 'cut-clean', atByte: 5003 })
    const { status, text, failure } = await get(headers)
    expect({ status, bytes: text.length, failure }).toEqual({ status: 200, bytes: 5003, failure: undefined })
    expect(text.endsWith('\n')).toBe(false)
  }
  simulator.fault({ kind: 'cut-clean', atByte: 0 })
  expect(await get()).toMatchObject({ status: 200, text: '', failure: undefined })
})

test.each([
  [{}, COUNT, 'terminated early'],
  [{ afterLines: 0 }, 0, 'terminated early'],
  [{ afterLines: 7 }, 7, 'terminated early'],
  [{ afterLines: 1e6, text: 'export terminated early' as const }, COUNT, 'export terminated early'],
])('terminated-early: %j', async (more, count, ending) => {
  for (const headers of [{}, GZIP]) {
    simulator.fault({ kind: 'terminated-early', ...more })
    const { status, text, failure } = await get(headers)
    expect({ status, failure }).toEqual({ status: 200, failure: undefined })
    const all = lines(text)
    expect(all.pop()).toBe(ending)
    expect(all).toHaveLength(count)
    for (const line of all) expect(JSON.parse(line)).toHaveProperty('properties')
  }
})

test('terminated-early: the body of an empty day has only the text', async () => {
  simulator.fault({ kind: 'terminated-early' })
  expect((await requestExport(simulator, '2026-07-01', '2026-07-01')).text).toBe('terminated early\n')
})

test('error-json: the body ends with the start of an error', async () => {
  simulator.fault({ kind: 'error-json', afterLines: 3 })
  const { status, text, failure } = await get()
  expect({ status, failure }).toEqual({ status: 200, failure: undefined })
  expect(lines(text)).toHaveLength(4)
  expect(text.endsWith('\n{"error":')).toBe(true)
  simulator.fault({ kind: 'error-json', text: '{"error": "scan fai' })
  expect(lines((await get()).text).at(-1)).toBe('{"error": "scan fai')
})

test('a body fault does not change an error response', async () => {
  simulator.fault({ kind: 'terminated-early' })
  const { status, text } = await requestExport(simulator, DAY, 'tomorrow')
  expect({ status, text }).toEqual({ status: 400, text: 'Error in to_date: invalid date, expected yyyy-mm-dd' })
})

test('rate-limit: 429 in the form of each family', async () => {
  simulator.fault({ kind: 'rate-limit', retryAfter: 17 })
  const limited = await get()
  expect(limited.status).toBe(429)
  expect(limited.headers['retry-after']).toBe('17')
  expect(JSON.parse(limited.text)).toEqual({ error: 'too many export requests in progress for this project' })
  simulator.fault({ kind: 'rate-limit', times: 2 })
  const names = await request(simulator, '/api/query/events/names')
  expect(names.headers['retry-after']).toBeUndefined()
  expect(JSON.parse(names.text).error).toMatch(/^Query rate limit exceeded for project_id: 1000001\. 1\/5 queries/)
  const imported = await request(simulator, '/import', { method: 'POST', body: '[]' })
  expect(JSON.parse(imported.text)).toMatchObject({ code: 429, status: 'Too Many Requests' })
})

test('timeout: 400 with the request in the body', async () => {
  simulator.fault({ kind: 'timeout' })
  const { status, text } = await get()
  const target = `/api/2.0/export?project_id=1000001&from_date=${DAY}&to_date=${DAY}&time_in_ms=true`
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 400,
    body: { request: target, error: 'Timeout Error.' },
  })
})

test('payment: 402', async () => {
  simulator.fault({ kind: 'payment', times: 2 })
  expect(await get()).toMatchObject({ status: 402, text: expect.stringContaining('raw data export') })
  const names = await request(simulator, '/api/2.0/events/names')
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
  expect(await get()).toMatchObject({ status: 503, text: 'upstream connect error' })
  simulator.fault({ kind: 'status', status: 500 })
  expect(await get()).toMatchObject({ status: 500, text: '' })
})

test('slow-first-byte: nothing is sent for a while', async () => {
  simulator.fault({ kind: 'slow-first-byte', ms: 60 })
  const started = performance.now()
  const { text } = await get()
  expect(performance.now() - started).toBeGreaterThan(55)
  expect(lines(text)).toHaveLength(COUNT)
})

test.each([0, 3000])('stall: the body pauses at byte %i', async (atByte) => {
  simulator.fault({ kind: 'stall', atByte, ms: 3_600_000 })
  const leaving = new AbortController()
  const response = await requestPlainly(leaving.signal)
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
  const response = await requestPlainly()
  expect(lines(await response.text())).toHaveLength(COUNT)
  expect(performance.now() - began).toBeGreaterThan(195)
})

function requestPlainly(signal?: AbortSignal): Promise<Response> {
  const { user, secret } = simulator.credentials.serviceAccount
  const query = `project_id=1000001&from_date=${DAY}&to_date=${DAY}&time_in_ms=true`
  return fetch(`${simulator.url}/api/2.0/export?${query}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${secret}`)}`, 'accept-encoding': 'identity' },
    signal: signal ?? null,
  })
}

test('a client that disconnects during a pause does not block others', async () => {
  simulator.fault({ kind: 'stall', atByte: 100, ms: 3_600_000 })
  simulator.fault({ kind: 'slow-first-byte', ms: 3_600_000 })
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(
      fetch(`${simulator.url}/api/2.0/export?from_date=${DAY}&to_date=${DAY}`, {
        headers: { authorization: `Basic ${btoa('simulator-project-secret:')}` },
        signal: AbortSignal.timeout(40),
      }).then((response) => response.text()),
    ).rejects.toThrow()
  }
  await expectComplete()
  await simulator.close()
})

test('clients can disconnect at any time', async () => {
  await simulator.ingest(events(30_000))
  const authorization = `Basic ${btoa('simulator-project-secret:')}`
  const aborted = Array.from({ length: 40 }, async (_, ms) => {
    const headers = { authorization, 'accept-encoding': ms % 2 === 0 ? 'gzip' : 'identity' }
    const response = await fetch(`${simulator.url}/api/2.0/export?from_date=${DAY}&to_date=${DAY}`, {
      headers,
      signal: AbortSignal.timeout(ms),
    })
    await response.text()
  })
  const outcomes = await Promise.allSettled(aborted)
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
  expect((await get({}, { limit: '5' })).status).toBe(200)
})

test('reset: the connection is reset before any byte', async () => {
  simulator.fault({ kind: 'reset' })
  await expect(get()).rejects.toThrow(/ECONNRESET|other side closed/)
  expect(simulator.requests.at(-1)?.status).toBe(0)
  await expectComplete()
})

test('body: any bytes, compressed or not, with or without the header', async () => {
  const getBody = async (fault: Omit<Fault & { kind: 'body' }, 'kind'>) => {
    simulator.fault({ kind: 'body', ...fault })
    return get(GZIP)
  }
  expect(await getBody({ body: '<html>', status: 502, contentType: 'text/html' })).toMatchObject({
    status: 502,
    text: '<html>',
    headers: { 'content-type': 'text/html' },
  })
  const compressed = await getBody({ body: 'line\n', gzip: true })
  expect(compressed).toMatchObject({ status: 200, text: 'line\n', headers: { 'content-encoding': 'gzip' } })
  const unmarked = await getBody({ body: 'line\n', gzip: true, keepEncodingHeader: false })
  expect(unmarked.headers['content-encoding']).toBeUndefined()
  expect(gunzipSync(unmarked.bytes).toString()).toBe('line\n')
  const half = gzipSync('line\n'.repeat(1000)).subarray(0, 30)
  const message = await getBody({ body: half, keepEncodingHeader: true }).catch((error: Error) => error.message)
  expect(message).toBe('unexpected end of file')
})

test('faults apply in order, with their times and skip', async () => {
  simulator.fault({ kind: 'status', status: 501, times: 2, skip: 1 })
  simulator.fault({ kind: 'status', status: 502, skip: 1 })
  simulator.fault({ kind: 'status', status: 503, times: Number.POSITIVE_INFINITY })
  const statuses: number[] = []
  for (let attempt = 0; attempt < 6; attempt++) statuses.push((await get()).status)
  // Both faults skip the first request. The next two get the first fault, and the others do not see
  // them.
  expect(statuses).toEqual([503, 501, 501, 502, 503, 503])
  simulator.clearFaults()
  await expectComplete()
})

test('a fault applies only to matching requests', async () => {
  const status = async (match: Fault['match'], path: string, query: Record<string, string> = {}) => {
    simulator.clearFaults()
    simulator.fault({ kind: 'status', status: 555, match })
    return (await request(simulator, path, { query })).status === 555
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
