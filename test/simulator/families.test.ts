import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Fault, type PlanPart, type Simulator, startSimulator } from '../../lib/simulator/index.ts'
import { ask, basic } from './asking.ts'

const DAYS = { from_date: '2026-08-01', to_date: '2026-08-02' }

interface Route {
  readonly path: string
  readonly query?: Record<string, string>
  readonly part: PlanPart
}

/** Each route of the query family. */
const QUERIES: readonly Route[] = [
  ...['/api/query', '/api/2.0'].flatMap((prefix): Route[] => [
    { path: `${prefix}/engage`, part: 'engage' },
    { path: `${prefix}/engage/properties`, part: 'engage' },
    { path: `${prefix}/cohorts/list`, part: 'cohorts' },
    { path: `${prefix}/funnels/list`, part: 'funnels' },
    { path: `${prefix}/funnels`, part: 'funnels', query: { funnel_id: '7', ...DAYS } },
    { path: `${prefix}/segmentation`, part: 'counts', query: { event: 'A', ...DAYS } },
    { path: `${prefix}/events`, part: 'counts', query: { event: '["A"]', ...DAYS } },
    { path: `${prefix}/events/names`, part: 'counts' },
  ]),
  { path: '/api/2.0/engage/revenue', part: 'revenue', query: DAYS },
  { path: '/api/2.0/annotations', part: 'old_annotations' },
]

const ANNOTATIONS: Route = { path: '/api/app/projects/1000001/annotations', part: 'annotations' }

let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({ requestsPerHour: 2, retryAfter: false, today: '2026-08-31' })
  simulator.funnels.set({ id: 7, name: 'Buy', steps: ['A'] })
  simulator.profiles.set('ann', { plan: 'pro' })
})

afterEach(() => simulator.close())

describe.each(QUERIES)('$path', ({ path, query = {}, part }) => {
  const told = async (authorization?: string | null) => {
    const { status, text } = await ask(simulator, path, {
      query,
      ...(authorization === undefined ? {} : { authorization }),
    })
    return { status, body: JSON.parse(text) }
  }

  test('wants credentials, takes a secret, and spends the budget of all queries', async () => {
    for (const authorization of [null, basic('nobody', 'nothing'), basic(simulator.credentials.token)]) {
      const { status, body } = await told(authorization)
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'Unable to authenticate request' })
    }
    expect((await told(basic(simulator.credentials.apiSecret))).status).toBe(200)
    expect((await ask(simulator, '/api/query/events/names')).status).toBe(200)
    const { status, body } = await told()
    expect(status).toBe(429)
    expect(body.error).toMatch(/^Query rate limit exceeded for project_id: 1000001\. 1\/5 .* 3\/2 /)
    expect(body.request).toContain(path)
  })

  test('can be refused by its own name and by that of the family', async () => {
    simulator.refuse(part, 402)
    expect(await told()).toMatchObject({
      status: 402,
      body: { error: expect.stringContaining('does not allow API calls') },
    })
    simulator.refuse(part, undefined)
    simulator.refuse('query', 404)
    expect(await told()).toMatchObject({ status: 404, body: { error: 'Not Found' } })
  })
})

describe.each([...QUERIES, ANNOTATIONS])('faults at $path', ({ path, query = {} }) => {
  const struck = async (fault: Fault) => {
    simulator.fault({ ...fault, match: { exactPath: path } })
    return ask(simulator, path, { query })
  }

  test.each<[Fault, number]>([
    [{ kind: 'rate-limit', retryAfter: 7 }, 429],
    [{ kind: 'payment' }, 402],
    [{ kind: 'timeout' }, 400],
    [{ kind: 'status', status: 503 }, 503],
    [{ kind: 'body', body: '{"error":"late"}', contentType: 'application/json' }, 200],
  ])('%j', async (fault, status) => {
    expect((await struck(fault)).status).toBe(status)
    expect((await ask(simulator, path, { query })).status).toBe(200)
  })

  test('a body that is cut, and a connection that is reset', async () => {
    const { status, wire, broken } = await struck({ kind: 'cut', atByte: 1 })
    expect({ status, bytes: wire.length }).toEqual({ status: 200, bytes: 1 })
    expect(broken).toBeDefined()
    const clean = await struck({ kind: 'cut-clean', atByte: 1 })
    expect({ bytes: clean.wire.length, broken: clean.broken }).toEqual({ bytes: 1, broken: undefined })
    await expect(struck({ kind: 'reset' })).rejects.toThrow()
  })
})
