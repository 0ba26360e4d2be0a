import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { basic, type RequestOptions, request } from './requests.ts'

const BASE = '/api/app/projects/1000001/annotations'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, ...options })
}

afterEach(() => simulator.close())

async function get(path: string, options: RequestOptions = {}): Promise<{ status: number; body: unknown }> {
  const { status, text } = await request(simulator, path, options)
  return { status, body: JSON.parse(text) }
}

function send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) {
  return get(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

const USER = { id: 1, first_name: '', last_name: '' }

test('dates in the list have the offset of the project, in winter and in summer', async () => {
  await start({ timezone: 'Europe/Berlin' })
  simulator.annotations.set({ id: 7, date: '2026-01-15 12:00:00', description: 'Winter' })
  simulator.annotations.set({ date: '2026-07-15', description: 'Summer', tags: ['release'] })
  expect(await get(BASE)).toEqual({
    status: 200,
    body: {
      status: 'ok',
      results: [
        { id: 7, project_id: 1000001, date: '2026-01-15T12:00:00+01:00', description: 'Winter', user: USER },
        {
          id: 1001,
          project_id: 1000001,
          date: '2026-07-15T00:00:00+02:00',
          description: 'Summer',
          user: USER,
          tags: [{ id: 1, name: 'release' }],
        },
      ],
    },
  })
})

test('dates can be configured to have no offset', async () => {
  await start({ annotationDates: 'plain', timezone: 'Europe/Berlin' })
  simulator.annotations.set({ id: 7, date: '2026-01-15 12:00:00', description: 'Winter' })
  expect(await get(BASE)).toMatchObject({ body: { results: [{ date: '2026-01-15 12:00:00' }] } })
})

test('fromDate and toDate filter, both inclusive; their old names are ignored', async () => {
  await start()
  for (const day of [1, 2, 3]) simulator.annotations.set({ id: day, date: `2026-01-0${day} 23:00:00`, description: '' })
  const ids = async (query: Record<string, string>) => {
    const { body } = await get(BASE, { query })
    return (body as { results: { id: number }[] }).results.map(({ id }) => id)
  }
  expect(await ids({ fromDate: '2026-01-02' })).toEqual([2, 3])
  expect(await ids({ fromDate: '2026-01-01', toDate: '2026-01-02' })).toEqual([1, 2])
  expect(await ids({ from_date: '2026-01-02', to_date: '2026-01-02' })).toEqual([1, 2, 3])
})

test('annotations can be created, read, changed and deleted', async () => {
  await start()
  expect(await send('POST', `${BASE}/tags`, { name: 'release' })).toMatchObject({
    status: 200,
    body: { status: 'ok', results: { id: 1, name: 'release', project_id: 1000001, has_annotations: false } },
  })
  const created = await send('POST', BASE, { date: '2026-02-15 12:00:00', description: 'v1', tags: [1] })
  expect(created).toMatchObject({ status: 201, body: { status: 'ok', results: { id: 1001, description: 'v1' } } })
  expect(await get(`${BASE}/1001`)).toEqual({ ...created, status: 200 })
  expect(await get(`${BASE}/tags`)).toMatchObject({ body: { results: [{ id: 1, has_annotations: true }] } })
  expect(await send('PATCH', `${BASE}/1001`, { description: 'v2', tags: [] })).toMatchObject({
    status: 200,
    body: { results: { id: 1001, date: '2026-02-15T12:00:00+00:00', description: 'v2' } },
  })
  expect(simulator.annotations.get(1001)).toMatchObject({ description: 'v2', tags: [] })
  expect(await send('DELETE', `${BASE}/1001`)).toEqual({ status: 200, body: { status: 'ok', results: { id: 1001 } } })
  expect(simulator.annotations.size).toBe(0)
  expect(await get(`${BASE}/1001`)).toEqual({ status: 404, body: { status: 'error', error: 'Annotation not found' } })
})

test.each([
  {},
  { date: '2026-02-15', description: 7 },
  { date: 'soon', description: '' },
  { date: '2026-02-15', description: '', tags: [9] },
])('%j is not a valid annotation', async (body) => {
  await start()
  expect(await send('POST', BASE, body)).toMatchObject({ status: 400, body: { status: 'error' } })
  expect(simulator.annotations.size).toBe(0)
})

test('the app API requires the service account and its own project', async () => {
  await start()
  const secret = await get(BASE, { authorization: basic(simulator.credentials.apiSecret) })
  expect(secret).toEqual({ status: 401, body: { status: 'error', error: 'Invalid service account credentials' } })
  const refused = await get('/api/app/projects/5/annotations')
  expect(refused).toMatchObject({ status: 403, body: { status: 'error' } })
})

test('the old endpoint accepts a secret, and has plain dates and neither tags nor users', async () => {
  await start({ timezone: 'Europe/Berlin' })
  simulator.annotations.set({ id: 7, date: '2026-01-15 12:00:00', description: 'Winter', tags: ['x'] })
  simulator.annotations.set({ id: 8, date: '2026-01-17', description: 'Later' })
  const old = await get('/api/2.0/annotations', {
    authorization: basic(simulator.credentials.apiSecret),
    query: { from_date: '2026-01-15', to_date: '2026-01-16' },
  })
  const winter = { id: 7, project_id: 1000001, date: '2026-01-15 12:00:00', description: 'Winter' }
  expect(old).toEqual({ status: 200, body: { annotations: [winter] } })
})

test('the plan can lack the new and the old endpoint separately, each with the error of its family', async () => {
  await start({ plan: { app: 403, old_annotations: 404 } })
  expect(await get(BASE)).toMatchObject({ status: 403, body: { status: 'error' } })
  expect(await get('/api/2.0/annotations')).toEqual({
    status: 404,
    body: { request: '/api/2.0/annotations?project_id=1000001', error: 'Not Found' },
  })
  simulator.refuse('app', undefined)
  simulator.refuse('old_annotations', undefined)
  expect((await get(BASE)).status).toBe(200)
  simulator.refuse('annotations', 402)
  expect([(await get(BASE)).status, (await get('/api/2.0/annotations')).status]).toEqual([402, 402])
})

test('annotations can be loaded from files; the error names an invalid line', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'annotations-'))
  const good = join(directory, 'good.ndjson')
  const bad = join(directory, 'bad.ndjson')
  try {
    await writeFile(
      good,
      '{"date":"2026-01-15","description":"One"}\n\n{"id":3,"date":"2026-01-15","description":"Two"}',
    )
    await writeFile(bad, '\n{"date":"2026-01-15"}\n')
    await start({ annotations: [good] })
    expect(simulator.annotations.all().map(({ id, date }) => [id, date])).toEqual([
      [1001, '2026-01-15 00:00:00'],
      [3, '2026-01-15 00:00:00'],
    ])
    await expect(startSimulator({ annotations: [bad] })).rejects.toThrow(`${bad}, line 2`)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('faults apply to the app API as well', async () => {
  await start()
  simulator.fault({ kind: 'status', status: 503, match: { path: BASE } })
  expect((await request(simulator, BASE)).status).toBe(503)
  expect((await request(simulator, BASE)).status).toBe(200)
})
