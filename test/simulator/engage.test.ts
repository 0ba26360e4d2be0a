import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { EngageSessions } from '../../lib/simulator/stores/engage-sessions.ts'
import { runs } from '../runs.ts'
import { type ReceivedResponse, request } from './requests.ts'

const PATH = '/api/query/engage'

interface Page {
  readonly page: number
  readonly page_size?: number
  readonly session_id: string
  readonly status: string
  readonly total?: number
  readonly results: { readonly $distinct_id: string; readonly $properties: Record<string, unknown> }[]
}

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ requestsPerHour: 0, ...options })
}

afterEach(() => simulator.close())

function form(fields: Record<string, string>, path = PATH): Promise<ReceivedResponse> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return request(simulator, path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() })
}

async function page(fields: Record<string, string> = {}): Promise<Page> {
  const { status, text } = await form(fields)
  expect(status, text).toBe(200)
  return JSON.parse(text)
}

/** Requests all pages of a query. */
async function pages(fields: Record<string, string> = {}): Promise<Page[]> {
  const found = [await page(fields)]
  const { session_id, total = 0, page_size = 0 } = found[0] as Page
  for (let number = 1; number * page_size < total; number++) {
    found.push(await page({ ...fields, session_id, page: String(number) }))
  }
  return found
}

function idsOf(found: readonly Page[]): string[] {
  return found.flatMap(({ results }) => results.map(({ $distinct_id }) => $distinct_id))
}

function fill(count: number): string[] {
  const ids = Array.from({ length: count }, (_, number) => `user-${number}`)
  for (const [n, id] of ids.entries()) simulator.profiles.set(id, { n, plan: n % 2 === 0 ? 'free' : 'pro' })
  return ids
}

const sorted = (ids: Iterable<string>) => [...ids].sort()

test('a query returns pages, and each profile is on one of them', async () => {
  await start({ engage: { pageSize: 10 } })
  const ids = fill(35)
  const found = await pages()
  expect(found.map(({ results }) => results.length)).toEqual([10, 10, 10, 5])
  expect(sorted(idsOf(found))).toEqual(sorted(ids))
  expect(found[0]).toMatchObject({ page: 0, page_size: 10, status: 'ok', total: 35 })
  expect(Object.keys(found[1] ?? {})).toEqual(['page', 'session_id', 'status', 'results'])
  expect(found[1]?.session_id).toBe(found[0]?.session_id)
})

test('an empty project has one empty page', async () => {
  await start()
  expect(await page()).toMatchObject({ page: 0, page_size: 1000, total: 0, results: [] })
})

test('both paths and both methods work, and later pages can have the total', async () => {
  await start({ engage: { totalOnEveryPage: true } })
  fill(3)
  for (const path of ['/api/query/engage', '/api/2.0/engage', '/api/2.0/engage/']) {
    const first = JSON.parse((await request(simulator, path, { query: { page_size: '2' } })).text) as Page
    expect(first).toMatchObject({ total: 3, page_size: 2 })
    const fields = { page_size: '2', session_id: first.session_id, page: '1' }
    expect(JSON.parse((await form(fields, path)).text)).toMatchObject({ page: 1, total: 3, page_size: 2 })
  }
})

test('the page size is limited to the maximum', async () => {
  await start({ engage: { pageSizeMax: 2 } })
  fill(3)
  expect(await page({ page_size: '5000' })).toMatchObject({ page_size: 2, total: 3 })
})

test('properties keep all digits of their numbers', async () => {
  await start()
  const properties = '{"big":9007199254740993,"one":1.0,"huge":1e400,"__proto__":1,"ä\\u00e9":[null,{"":true}]}'
  simulator.profiles.set('someone', properties)
  expect((await form({})).text).toContain(`"results":[{"$distinct_id":"someone","$properties":${properties}}]`)
  const { text } = await form({ output_properties: '["huge","big","one","__proto__","nothing"]' })
  expect(text).toContain('"$properties":{"big":9007199254740993,"one":1.0,"huge":1e400,"__proto__":1}')
})

test('any profile in JSON is returned unchanged', async () => {
  await start()
  const properties = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string({ unit: 'binary' }), properties), async (profiles) => {
      simulator.profiles.clear()
      for (const [id, values] of Object.entries(profiles)) simulator.profiles.set(id, values)
      const { results } = await page()
      const expected = Object.entries(profiles).map(([$distinct_id, values]) => ({
        $distinct_id,
        $properties: JSON.parse(JSON.stringify(values)),
      }))
      const byId = (a: { $distinct_id: string }, b: { $distinct_id: string }) =>
        a.$distinct_id < b.$distinct_id ? -1 : 1
      expect(results.sort(byId)).toEqual(expected.sort(byId))
    }),
    { numRuns: runs(25) },
  )
})

test('where filters by properties or user, and an invalid one is rejected with the reason', async () => {
  await start()
  fill(10)
  expect(idsOf([await page({ where: 'properties["n"] >= 8' })]).sort()).toEqual(['user-8', 'user-9'])
  expect(idsOf([await page({ where: 'user["plan"] == "pro" and user["n"] < 3' })])).toEqual(['user-1'])
  const { status, text } = await form({ where: 'properties[' })
  expect(status).toBe(400)
  expect(JSON.parse(text).error).toMatch(/^Error in where: /)
})

test('profiles can be requested by id; missing profiles do not count', async () => {
  await start()
  fill(5)
  expect(await page({ distinct_id: 'user-2' })).toMatchObject({ total: 1, results: [{ $distinct_id: 'user-2' }] })
  const found = await page({ distinct_ids: '["user-1","nobody","user-4"]' })
  expect(sorted(idsOf([found]))).toEqual(['user-1', 'user-4'])
  expect(found.total).toBe(2)
})

test('an empty list of properties selects none, or all if configured', async () => {
  await start()
  fill(1)
  expect((await page({ output_properties: '[]' })).results[0]?.$properties).toEqual({})
  await simulator.close()
  await start({ engage: { emptyOutputProperties: 'all' } })
  fill(1)
  expect((await page({ output_properties: '[]' })).results[0]?.$properties).toEqual({ n: 0, plan: 'free' })
})

test('groups have profiles of their own, by ids that may be negative', async () => {
  await start()
  fill(1)
  simulator.groupProfiles('-7199254740993').set('Acme', { $group_key: 'company_id', seats: 4 })
  const { results } = await page({ data_group_id: '-7199254740993' })
  expect(results).toEqual([{ $distinct_id: 'Acme', $properties: { $group_key: 'company_id', seats: 4 } }])
  expect(await page({ data_group_id: '5' })).toMatchObject({ total: 0 })
})

test('members of a cohort include those without a profile, unless the request excludes them', async () => {
  await start({ engage: { pageSize: 3 } })
  fill(6)
  simulator.cohorts.set({
    id: 7,
    name: 'Some',
    members: ['user-1', 'user-2', 'user-3', 'user-5', 'ghost-1', 'ghost-2'],
  })
  const filter_by_cohort = '{"id":7}'
  const all = await pages({ filter_by_cohort })
  expect(sorted(idsOf(all))).toEqual(['ghost-1', 'ghost-2', 'user-1', 'user-2', 'user-3', 'user-5'])
  const ghost = all.flatMap(({ results }) => results).find(({ $distinct_id }) => $distinct_id === 'ghost-1')
  expect(ghost?.$properties).toEqual({})
  const known = await pages({ filter_by_cohort, include_all_users: 'false' })
  expect(sorted(idsOf(known))).toEqual(['user-1', 'user-2', 'user-3', 'user-5'])
  expect((await form({ filter_by_cohort: '{"id":8}' })).status).toBe(400)
})

test('a page of an unknown or lost session, or of another query, is rejected with Mixpanel’s error', async () => {
  await start({ engage: { pageSize: 2 } })
  fill(5)
  const expectRejected = async (fields: Record<string, string>) => {
    const { status, text } = await form(fields)
    expect({ status, error: JSON.parse(text).error }).toEqual({
      status: 400,
      error: 'request for page in uncached query for params',
    })
  }
  await expectRejected({ session_id: 'nonsense', page: '1' })
  const { session_id } = await page()
  expect((await page({ session_id, page: '1' })).results).toHaveLength(2)
  expect((await page({ session_id, page: '1', page_size: '2' })).results).toHaveLength(2)
  await expectRejected({ session_id, page: '1', page_size: '3' })
  await expectRejected({ session_id, page: '1', where: 'properties["n"] > 1' })
  simulator.forgetSessions()
  await expectRejected({ session_id, page: '1' })
  const { status, text } = await form({ page: '1' })
  expect({ status, error: JSON.parse(text).error }).toEqual({
    status: 400,
    error: 'Missing required parameter: session_id',
  })
})

test('a session expires, and the oldest is removed when there are too many', async () => {
  const sessions = new EngageSessions(1000)
  const session = { query: '{}', distinctIds: ['ann'], pageSize: 1 }
  const { id } = sessions.start(session, 5000)
  expect(sessions.find(id, '{}', 5999)).toMatchObject(session)
  expect(sessions.find(id, '{}', 6000)).toBeUndefined()
  const ids = Array.from({ length: 101 }, () => sessions.start(session, 7000).id)
  expect(new Set(ids).size).toBe(101)
  expect([0, 1, 100].map((index) => sessions.find(ids[index] ?? '', '{}', 7000) !== undefined)).toEqual([
    false,
    true,
    true,
  ])
  await start({ engage: { sessionSeconds: 0 } })
  expect((await form({ session_id: (await page()).session_id, page: '1' })).status).toBe(400)
})

test('fault session-lost: this page and all later pages are rejected', async () => {
  await start({ engage: { pageSize: 2 } })
  fill(6)
  simulator.fault({ kind: 'session-lost', match: { path: PATH, parameters: { page: '2' } } })
  const { session_id } = await page()
  await page({ session_id, page: '1' })
  for (const number of ['2', '1', '2']) expect((await form({ session_id, page: number })).status).toBe(400)
  expect(sorted(idsOf(await pages()))).toHaveLength(6)
})

test('pages can repeat profiles of the page before: by a fault, or always', async () => {
  await start({ engage: { pageSize: 3, repeatedPerPage: 1 } })
  fill(9)
  const found = await pages()
  expect(found.map(({ results }) => results.length)).toEqual([3, 4, 4])
  expect(new Set(idsOf(found)).size).toBe(9)
  expect(found[1]?.results[0]).toEqual(found[0]?.results[2])
  simulator.fault({ kind: 'repeat', count: 3, match: { parameters: { page: '1' } } })
  expect((await pages()).map(({ results }) => results.length)).toEqual([3, 6, 4])
})

test('profiles that are deleted meanwhile are missing, and properties are current', async () => {
  await start({ engage: { pageSize: 3 } })
  fill(9)
  simulator.fault({ kind: 'vanish', count: 2, match: { exactPath: PATH, parameters: { page: '1' } } })
  simulator.onRequest(({ form }) => {
    if (form.page === '2') for (const id of simulator.profiles.ids()) simulator.profiles.set(id, { n: -1 })
  })
  const found = await pages()
  expect(found.map(({ results }) => results.length)).toEqual([3, 1, 3])
  expect(found[2]?.results.map(({ $properties }) => $properties)).toEqual([{ n: -1 }, { n: -1 }, { n: -1 }])
  expect(found[0]?.total).toBe(9)
  expect(simulator.profiles.size).toBe(7)
})

test('profiles are loaded from files, plain or compressed, and invalid lines are counted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'profiles-'))
  try {
    const users = join(directory, 'users.ndjson')
    const groups = join(directory, 'groups.ndjson.gz')
    const cohorts = join(directory, 'cohorts.ndjson')
    const numbered = '{"$distinct_id":12,"$properties":{"big":9007199254740993}}'
    await writeFile(users, `${numbered}\r\n\nnothing\n{"$distinct_id":"a","$properties":[]}\n`)
    await writeFile(groups, gzipSync('{"$distinct_id":"Acme","$properties":{}}'))
    await writeFile(cohorts, '{"id":3,"name":"Twelve","members":["12"]}\n')
    await start({ profiles: [users], groupProfiles: { '4': [groups] }, cohorts: [cohorts] })
    expect((await form({})).text).toContain(`"results":[${numbered}\r]`)
    expect(simulator.profiles.rejected).toBe(2)
    expect(idsOf([await page({ data_group_id: '4' })])).toEqual(['Acme'])
    expect(await page({ filter_by_cohort: '{"id":3}', include_all_users: 'false' })).toMatchObject({ total: 1 })
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('every page counts as a query', async () => {
  await start({ requestsPerHour: 3, engage: { pageSize: 1 } })
  fill(5)
  const { session_id } = await page()
  await page({ session_id, page: '1' })
  await page({ session_id, page: '2' })
  const { status, text, headers } = await form({ session_id, page: '3' })
  expect(status).toBe(429)
  expect(JSON.parse(text).error).toContain('1/5 queries running concurrently and 4/3 queries running in the last hour')
  expect(Number(headers['retry-after'])).toBeGreaterThan(3500)
})

test('forms are recorded', async () => {
  await start()
  await page({ page_size: '7' })
  expect(simulator.requests).toMatchObject([{ method: 'POST', path: PATH, form: { page_size: '7' }, status: 200 }])
})

test('a plan can lack single features, and can change', async () => {
  await start({ plan: { engage: 402, cohort_members: { status: 403, error: 'No cohorts for you' }, cohorts: 404 } })
  const get = async (fields: Record<string, string>, path = PATH) => {
    const { status, text } = await form(fields, path)
    return { status, error: JSON.parse(text).error }
  }
  const payment = { status: 402, error: 'Your plan does not allow API calls. Upgrade at mixpanel.com/pricing' }
  expect(await get({})).toEqual(payment)
  expect(await get({ data_group_id: '3' })).toEqual(payment)
  expect(await get({ filter_by_cohort: '{"id":1}' })).toEqual({ status: 403, error: 'No cohorts for you' })
  expect(await get({}, '/api/2.0/cohorts/list')).toEqual({ status: 404, error: 'Not Found' })
  simulator.refuse('engage', undefined)
  expect(await get({})).toEqual({ status: 200, error: undefined })
  simulator.refuse('query', 403)
  expect((await get({})).status).toBe(403)
})

test('cohorts are a list with the number of members, or another count', async () => {
  await start({ projectId: '77' })
  simulator.cohorts.set({ id: 5, name: 'Big', members: Array.from({ length: 2500 }, (_, n) => `m-${n}`) })
  simulator.cohorts.set({
    id: 6,
    name: 'Late',
    count: 9,
    description: 'x',
    created: '2025-02-03 04:05:06',
    is_visible: 0,
  })
  const { text } = await form({}, '/api/query/cohorts/list')
  const rest = { project_id: 77, data_group_id: null }
  expect(JSON.parse(text)).toEqual([
    { ...rest, id: 5, name: 'Big', count: 2500, is_visible: 1, description: '', created: '2026-01-01 00:00:00' },
    { ...rest, id: 6, name: 'Late', count: 9, is_visible: 0, description: 'x', created: '2025-02-03 04:05:06' },
  ])
  expect(new Set(idsOf(await pages({ filter_by_cohort: '{"id":5}' }))).size).toBe(2500)
  expect(simulator.cohorts.delete(5)).toBe(true)
  expect(JSON.parse((await request(simulator, '/api/2.0/cohorts/list')).text)).toHaveLength(1)
})
