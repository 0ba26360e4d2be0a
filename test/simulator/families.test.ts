import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Fault, type PlanFeature, type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { basic, request } from './requests.ts'

const DAYS = { from_date: '2026-08-01', to_date: '2026-08-02' }

interface Route {
  readonly path: string
  readonly query?: Record<string, string>
  readonly feature: PlanFeature
}

/** Each route of the query family. */
const QUERIES: readonly Route[] = [
  ...['/api/query', '/api/2.0'].flatMap((prefix): Route[] => [
    { path: `${prefix}/engage`, feature: 'engage' },
    { path: `${prefix}/engage/properties`, feature: 'engage' },
    { path: `${prefix}/cohorts/list`, feature: 'cohorts' },
    { path: `${prefix}/funnels/list`, feature: 'funnels' },
    { path: `${prefix}/funnels`, feature: 'funnels', query: { funnel_id: '7', ...DAYS } },
    { path: `${prefix}/segmentation`, feature: 'counts', query: { event: 'A', ...DAYS } },
    { path: `${prefix}/events`, feature: 'counts', query: { event: '["A"]', ...DAYS } },
    { path: `${prefix}/events/names`, feature: 'counts' },
  ]),
  { path: '/api/2.0/engage/revenue', feature: 'revenue', query: DAYS },
  { path: '/api/2.0/annotations', feature: 'old_annotations' },
]

const ANNOTATIONS: Route = { path: '/api/app/projects/1000001/annotations', feature: 'annotations' }

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 2, retryAfter: false, today: '2026-08-31' })
  simulator.funnels.set({ id: 7, name: 'Buy', steps: ['A'] })
  simulator.profiles.set('ann', { plan: 'pro' })
})

afterEach(() => simulator.close())

describe.each(QUERIES)('$path', ({ path, query = {}, feature }) => {
  const get = async (authorization?: string | null) => {
    const { status, text } = await request(simulator, path, {
      query,
      ...(authorization === undefined ? {} : { authorization }),
    })
    return { status, body: JSON.parse(text) }
  }

  test('requires credentials, accepts a secret, and shares the limit of all queries', async () => {
    for (const authorization of [null, basic('nobody', 'nothing'), basic(simulator.credentials.token)]) {
      const { status, body } = await get(authorization)
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'Unable to authenticate request' })
    }
    expect((await get(basic(simulator.credentials.apiSecret))).status).toBe(200)
    expect((await request(simulator, '/api/query/events/names')).status).toBe(200)
    const { status, body } = await get()
    expect(status).toBe(429)
    expect(body.error).toMatch(/^Query rate limit exceeded for project_id: 1000001\. 1\/5 .* 3\/2 /)
    expect(body.request).toContain(path)
  })

  test('can be missing from the plan by itself or with its family', async () => {
    simulator.refuse(feature, 402)
    expect(await get()).toMatchObject({
      status: 402,
      body: { error: expect.stringContaining('does not allow API calls') },
    })
    simulator.refuse(feature, undefined)
    simulator.refuse('query', 404)
    expect(await get()).toMatchObject({ status: 404, body: { error: 'Not Found' } })
  })
})

describe.each([...QUERIES, ANNOTATIONS])('faults at $path', ({ path, query = {} }) => {
  const requestWith = async (fault: Fault) => {
    simulator.fault({ ...fault, match: { exactPath: path } })
    return request(simulator, path, { query })
  }

  test.each<[Fault, number]>([
    [{ kind: 'rate-limit', retryAfter: 7 }, 429],
    [{ kind: 'payment' }, 402],
    [{ kind: 'timeout' }, 400],
    [{ kind: 'status', status: 503 }, 503],
    [{ kind: 'body', body: '{"error":"late"}', contentType: 'application/json' }, 200],
  ])('%j', async (fault, status) => {
    expect((await requestWith(fault)).status).toBe(status)
    expect((await request(simulator, path, { query })).status).toBe(200)
  })

  test('an incomplete body, and a connection that is reset', async () => {
    const { status, bytes, failure } = await requestWith({ kind: 'cut', atByte: 1 })
    expect({ status, bytes: bytes.length }).toEqual({ status: 200, bytes: 1 })
    expect(failure).toBeDefined()
    const clean = await requestWith({ kind: 'cut-clean', atByte: 1 })
    expect({ bytes: clean.bytes.length, failure: clean.failure }).toEqual({ bytes: 1, failure: undefined })
    await expect(requestWith({ kind: 'reset' })).rejects.toThrow()
  })
})
