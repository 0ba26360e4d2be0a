import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { DAY, event, events, lines, request, requestExport } from './requests.ts'

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 0, requestsPerSecond: 0 })
})

afterEach(() => simulator.close())

function setFaults(faults: unknown) {
  const body = typeof faults === 'string' ? faults : JSON.stringify(faults)
  return request(simulator, '/_simulator/faults', { method: 'POST', body, authorization: null })
}

test('faults can be set and cleared over HTTP', async () => {
  expect((await setFaults({ kind: 'timeout', times: 'always', match: { path: '/api/2.0/export' } })).status).toBe(200)
  for (let attempt = 0; attempt < 3; attempt++) expect((await requestExport(simulator, DAY, DAY)).status).toBe(400)
  const { status } = await request(simulator, '/_simulator/faults', { method: 'DELETE' })
  expect(status).toBe(200)
  expect((await requestExport(simulator, DAY, DAY)).status).toBe(200)
})

test('every kind of fault can be set over HTTP, one or a list', async () => {
  const kinds = [
    { kind: 'cut', atByte: 1 },
    { kind: 'cut-clean', atByte: 1 },
    { kind: 'terminated-early', text: 'export terminated early', afterLines: 2 },
    { kind: 'error-json', text: '{', afterLines: 2 },
    { kind: 'rate-limit', retryAfter: 2 },
    { kind: 'timeout' },
    { kind: 'status', status: 500, body: 'x' },
    { kind: 'payment' },
    { kind: 'slow-first-byte', ms: 1 },
    { kind: 'stall', atByte: 1, ms: 1 },
    { kind: 'reset' },
    { kind: 'session-lost' },
    { kind: 'repeat', count: 1 },
    { kind: 'vanish', count: 1 },
    { kind: 'body', body: 'x', status: 200, contentType: 'text/plain', gzip: true, keepEncodingHeader: false },
  ]
  const match = {
    path: '/',
    exactPath: '/a',
    parameters: { page: '1' },
    fromDate: DAY,
    toDate: DAY,
    event: 'e',
    unfiltered: false,
    minDays: 1,
  }
  const { status, text } = await setFaults(kinds.map((kind) => ({ ...kind, match, times: 2, skip: 1 })))
  expect({ status, body: JSON.parse(text) }).toEqual({ status: 200, body: { set: kinds.length } })
})

test.each([
  'not JSON',
  {},
  { kind: 'explosion' },
  { kind: 'cut' },
  { kind: 'cut', atByte: -1 },
  { kind: 'timeout', time: 2 },
  { kind: 'timeout', match: { day: DAY } },
  { kind: 'status', status: 42 },
  [{ kind: 'timeout' }, { kind: 'cut' }],
])('%j is not a valid fault', async (body) => {
  const { status, text } = await setFaults(body)
  expect(status).toBe(400)
  expect(JSON.parse(text).error).not.toBe('')
  expect((await requestExport(simulator, DAY, DAY)).status).toBe(200)
})

test('requests are recorded, except those to the simulator itself', async () => {
  const before = Date.now()
  await requestExport(simulator, DAY, DAY)
  await request(simulator, '/nowhere', { authorization: null, query: { project_id: '7' } })
  const expected = [
    {
      method: 'GET',
      path: '/api/2.0/export',
      query: { project_id: '1000001', from_date: DAY, to_date: DAY, time_in_ms: 'true' },
      status: 200,
    },
    { method: 'GET', path: '/nowhere', query: { project_id: '7' }, status: 404 },
  ]
  expect(simulator.requests).toMatchObject(expected)
  expect(simulator.requests[0]?.at).toBeGreaterThanOrEqual(before)
  const { text } = await request(simulator, '/_simulator/requests')
  expect(JSON.parse(text)).toEqual(simulator.requests)
})

test('unknown paths and methods are 404 in JSON', async () => {
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/api/2.0/nothing'],
    ['DELETE', '/api/2.0/engage'],
    ['POST', '/api/2.0/export'],
    ['GET', '/import'],
  ] as const) {
    const { status, headers, text } = await request(simulator, path, { method })
    expect(status).toBe(404)
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(text).error).toBe('Not Found')
  }
})

test('event names are sorted by frequency, under both prefixes', async () => {
  await simulator.ingest([event(1, 'Login'), ...events(3), event(2, 'Größe')])
  for (const path of ['/api/query/events/names', '/api/2.0/events/names', '/api/2.0/events/names/']) {
    expect(JSON.parse((await request(simulator, path)).text)).toEqual(['Page viewed', 'Login', 'Größe'])
  }
  const limited = await request(simulator, '/api/query/events/names', { query: { type: 'general', limit: '1' } })
  expect(JSON.parse(limited.text)).toEqual(['Page viewed'])
  const invalid = await request(simulator, '/api/query/events/names', { query: { limit: 'all' } })
  expect(invalid.status).toBe(400)
})

test('the query family rejects wrong credentials with 400 and the request in the body', async () => {
  const { status, text } = await request(simulator, '/api/query/events/names', { authorization: 'Basic nobody' })
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 400,
    body: { request: '/api/query/events/names?project_id=1000001', error: 'Unable to authenticate request' },
  })
})

test('app/me has the name, the time zone and the workspaces of the project', async () => {
  await using second = await startSimulator({ projectId: '77', projectName: 'Shop', timezone: 'Europe/Paris' })
  for (const path of ['/api/app/me', '/api/app/me/']) {
    const { status, text } = await request(second, path, { query: { include_workspace_users: 'false' } })
    expect(status).toBe(200)
    const body = JSON.parse(text)
    expect(body.status).toBe('ok')
    expect(body.results.user_email).toBe('simulator.local.mp-service-account')
    expect(body.results.projects['77']).toMatchObject({
      name: 'Shop',
      timezone: 'Europe/Paris',
      domain: 'mixpanel.com',
    })
    expect(Object.keys(body.results.organizations)).toEqual([String(body.results.projects['77'].organization_id)])
    expect(Object.values(body.results.workspaces)).toMatchObject([{ project_id: 77, is_default: true }])
  }
})

test('app/me requires the service account', async () => {
  for (const authorization of [null, 'Basic simulator-project-secret', 'Basic nobody:nothing']) {
    const { status, text } = await request(simulator, '/api/app/me', { authorization })
    expect({ status, body: JSON.parse(text) }).toEqual({
      status: 401,
      body: { status: 'error', error: 'Invalid service account credentials' },
    })
  }
})

test('it listens on loopback, on a port that can be set, and can be closed twice', async () => {
  expect(simulator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const port = Number(new URL(simulator.url).port)
  await expect(startSimulator({ port })).rejects.toThrow('EADDRINUSE')
  await simulator.close()
  await simulator.close()
  await using again = await startSimulator({ port })
  expect(again.url).toBe(simulator.url)
  expect(lines((await requestExport(again, DAY, DAY)).text)).toEqual([])
})

test('the global Request and Response are not replaced', () => {
  expect(Response.name).toBe('Response')
  expect(new Response('x')).toBeInstanceOf(globalThis.Response)
  expect(Object.getOwnPropertyNames(Response)).toContain('redirect')
})
