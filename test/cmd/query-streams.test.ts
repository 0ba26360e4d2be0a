import { describe, expect, it } from 'vitest'
import { PROJECT, Workplace } from './run-mixload.ts'

const STREAMS = { MIXLOAD_STREAMS: 'cohorts,annotations,funnels,revenue' }
const SIGNUP = { id: 7509, name: 'Signup', steps: ['App Open', 'Signed Up'] }

/** Paths and spans of the requests since the last call. */
function newRequestsOf({ simulator }: Workplace): () => readonly string[] {
  let seen = 0
  return () => {
    const requests = simulator.requests.slice(seen)
    seen = simulator.requests.length
    return requests
      .filter(({ path }) => path !== '/api/app/me')
      .map(({ path, query }) => [path, query.from_date, query.to_date].filter((part) => part !== undefined).join(' '))
  }
}

describe('funnels and revenue, night after night', () => {
  it('sync reads the days again whose numbers can still change, with one request per funnel', async () => {
    await using place = await Workplace.create()
    const { funnels, profiles, cohorts, annotations } = place.simulator
    const newRequests = newRequestsOf(place)
    cohorts.set({ id: 7, name: 'Pros', members: ['ann'] })
    annotations.set({ id: 1, date: '2026-02-15 12:00:00', description: 'Release' })
    funnels.set(SIGNUP)
    funnels.setDay(7509, '2026-06-05', [320, 201])
    profiles.set('ann', { $transactions: [{ $amount: 5, $time: '2026-08-25T10:00:00' }] })
    const backfill = await place.run(['backfill', '--from', '2026-05-01', '--to', '2026-08-29'], STREAMS)
    expect(backfill, backfill.stderr).toMatchObject({ code: 0 })
    // 121 days: two spans.
    expect(newRequests()).toEqual([
      '/api/query/cohorts/list',
      `/api/app/projects/${PROJECT}/annotations`,
      '/api/query/funnels/list',
      '/api/query/funnels 2026-05-01 2026-08-08',
      '/api/query/funnels 2026-08-09 2026-08-29',
      '/api/2.0/engage/revenue 2026-05-01 2026-08-08',
      '/api/2.0/engage/revenue 2026-08-09 2026-08-29',
    ])
    funnels.setDay(7509, '2026-06-05', [320, 215])
    profiles.set('bob', { $transactions: [{ $amount: 7, $time: '2026-08-25T23:00:00' }] })
    const sync = await place.run(['sync', '--to', '2026-08-30'], STREAMS)
    expect(sync, sync.stderr).toMatchObject({ code: 0 })
    expect(newRequests()).toEqual([
      '/api/query/cohorts/list',
      `/api/app/projects/${PROJECT}/annotations`,
      '/api/query/funnels/list',
      '/api/query/funnels 2026-06-01 2026-08-30',
      '/api/2.0/engage/revenue 2026-08-25 2026-08-30',
    ])
    expect(await place.query(`SELECT completion FROM funnels_latest WHERE date = '2026-06-05'`)).toEqual([
      { completion: 215n },
    ])
    expect(await place.query(`SELECT amount, paid_count FROM revenue_latest WHERE date = '2026-08-25'`)).toEqual([
      { amount: 12, paid_count: 2n },
    ])
    for (const [table, rows] of Object.entries({
      funnels_latest: 122n,
      funnel_steps_latest: 244n,
      revenue_latest: 122n,
    })) {
      expect(await place.query(`SELECT count(*) AS n FROM ${table}`), table).toEqual([{ n: rows }])
    }
    const views = ['cohorts', 'annotations', 'funnels', 'funnel_steps', 'revenue'].map((table) => `${table}_latest\n`)
    const made = await place.run(['views'])
    expect(made.code).toBe(0)
    expect(made.stdout.split(/(?<=\n)/)).toEqual(expect.arrayContaining(views))
  })

  it('a stream that is not on the plan is skipped, and the others are loaded', async () => {
    await using place = await Workplace.create({ plan: { funnels: 402, annotations: 403 } })
    place.simulator.cohorts.set({ id: 7, name: 'Pros' })
    const ran = await place.run(['backfill', '--from', '2026-08-01', '--to', '2026-08-02'], STREAMS)
    expect(ran.code).toBe(3)
    expect(ran.stderr).toMatch(/funnels.*402/)
    expect(ran.stderr).toMatch(/annotations.*403/)
    expect(await place.query('SELECT id FROM cohorts_latest')).toEqual([{ id: 7n }])
    expect(await place.query('SELECT count(*) AS n FROM revenue_latest')).toEqual([{ n: 2n }])
  })

  it('a funnel that is refused is skipped and listed, with exit code 3, and the others are loaded', async () => {
    await using place = await Workplace.create()
    place.simulator.funnels.set(SIGNUP)
    place.simulator.funnels.set({ ...SIGNUP, id: 9070, name: 'Broken' })
    place.simulator.fault({
      kind: 'status',
      status: 400,
      body: '{"error":"no such event"}',
      times: Number.POSITIVE_INFINITY,
      match: { exactPath: '/api/query/funnels', parameters: { funnel_id: '9070' } },
    })
    const ran = await place.run(['backfill', '--from', '2026-08-01', '--to', '2026-08-02'], STREAMS)
    expect(ran.code).toBe(3)
    expect(ran.stdout).toMatch(/^funnels: Funnel 9070 \(Broken\) skipped: .*no such event/m)
    expect(await place.query('SELECT DISTINCT funnel_id FROM funnels_latest')).toEqual([{ funnel_id: 7509n }])
  })

  it('a project secret loads them, too', async () => {
    await using place = await Workplace.create()
    place.simulator.annotations.set({ id: 1, date: '2026-02-15 12:00:00', description: 'Release' })
    place.simulator.funnels.set(SIGNUP)
    const ran = await place.run(
      ['backfill', '--from', '2026-08-01', '--to', '2026-08-02', '--timezone', 'Europe/Berlin'],
      {
        ...STREAMS,
        MIXPANEL_SERVICE_ACCOUNT: undefined,
        MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined,
        MIXPANEL_API_SECRET: place.simulator.credentials.apiSecret,
      },
    )
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(await place.query('SELECT epoch(date) AS date FROM annotations_latest')).toEqual([
      { date: Date.parse('2026-02-15T11:00:00Z') / 1000 },
    ])
    expect(await place.query('SELECT count(*) AS n FROM funnels_latest')).toEqual([{ n: 2n }])
  })
})
