import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endpointRecords, profileRecords, revenueStream } from '../../lib/streams/revenue.ts'
import { RevenueTally } from '../../lib/streams/transactions.ts'
import { addDays, countDays } from '../../lib/time/days.ts'
import { failureOf } from '../conformance/failures.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

const SLICE = { firstDay: '2026-08-01', lastDay: '2026-08-03' }

describe("the answer of Mixpanel's revenue endpoint", () => {
  const records = (answer: unknown) => endpointRecords(answer, SLICE, 'Revenue')

  it('has a record for each requested day, and none for the total', () => {
    const answer = {
      computed_at: '2026-08-03T12:43:48.889421+00:00',
      status: 'ok',
      results: {
        $overall: { amount: 99.5, count: 124, paid_count: 3 },
        '2026-08-02': { amount: 0, count: 62, paid_count: 0, refunds: 1 },
        '2026-08-01': { amount: 99.5, count: 62, paid_count: 3 },
        '2026-08-04': { amount: 1, count: 62, paid_count: 1 },
      },
    }
    expect(records(answer)).toEqual([
      { date: '2026-08-01', _day: '2026-08-01', amount: 99.5, count: 62, paid_count: 3, source: 'endpoint' },
      { date: '2026-08-02', _day: '2026-08-02', amount: 0, count: 62, paid_count: 0, refunds: 1, source: 'endpoint' },
    ])
  })

  it.each([[{}], [[]], [{ results: [] }], [{ results: { '2026-08-01': 4 } }], [{ results: { '2025-08-01': {} } }]])(
    'is refused if it is %j',
    async (answer) => {
      const failure = await failureOf(Promise.resolve().then(() => records(answer)))
      expect(failure.code).toBe('BODY_UNREADABLE')
    },
  )
})

const cents = fc.integer({ min: -10_000, max: 1_000_000 })
const charge = fc.record({ cents, day: fc.integer({ min: -3, max: 5 }), hour: fc.integer({ min: 0, max: 23 }) })
const profile = fc.array(charge, { maxLength: 5 })

describe('revenue summed from profiles', () => {
  const tallyOf = (zone: string, profiles: readonly { readonly $transactions?: unknown }[]) => {
    const tally = new RevenueTally(zone)
    for (const [at, { $transactions }] of profiles.entries()) tally.add(`id-${at}`, $transactions)
    return { tally, profiles: profiles.length }
  }
  const at = (day: number, hour: number) => `${addDays(SLICE.firstDay, day)}T${String(hour).padStart(2, '0')}:30:00`

  it('is the sum to the cent, in whatever order, with each profile counted once a day', () => {
    fc.assert(
      fc.property(fc.array(profile), (profiles) => {
        const given = profiles.map((charges) => ({
          $transactions: charges.map(({ cents, day, hour }) => ({ $amount: cents / 100, $time: at(day, hour) })),
        }))
        const forth = profileRecords(tallyOf('Europe/Berlin', given), SLICE)
        const back = profileRecords(tallyOf('Europe/Berlin', given.toReversed()), SLICE)
        expect(back).toEqual(forth)
        expect(forth).toHaveLength(countDays(SLICE.firstDay, SLICE.lastDay))
        for (const [day, record] of forth.entries()) {
          const charges = profiles.map((list) => list.filter((item) => item.day === day))
          const sum = charges.flat().reduce((total, charge) => total + charge.cents, 0)
          expect(record).toEqual({
            date: addDays(SLICE.firstDay, day),
            _day: addDays(SLICE.firstDay, day),
            amount: sum / 100,
            count: profiles.length,
            paid_count: charges.filter((list) => list.length > 0).length,
            source: 'profiles',
          })
        }
      }),
    )
  })

  it('goes by the days of the project, with and without a zone in the text', () => {
    const charge = (time: string) => ({ $transactions: [{ $amount: 1, $time: time }] })
    const days = (time: string) => {
      const tally = tallyOf('America/Los_Angeles', [charge(time)])
      return profileRecords(tally, SLICE).flatMap(({ date, amount }) => (amount === 1 ? [date] : []))
    }
    expect(days('2026-08-02T23:30:00')).toEqual(['2026-08-02'])
    expect(days('2026-08-02T06:30:00Z')).toEqual(['2026-08-01'])
    expect(days('2026-08-02T23:30:00-07:00')).toEqual(['2026-08-02'])
    expect(days('2026-08-02')).toEqual(['2026-08-02'])
  })

  it('takes amounts that are texts, and reports how many transactions cannot be counted', () => {
    const time = '2026-08-01T10:00:00'
    const { tally } = tallyOf('UTC', [
      { $transactions: [{ $amount: '49.90', $time: time }, { $amount: 'free', $time: time }, { $amount: 3 }, null] },
      { $transactions: 'none' },
      {},
    ])
    expect(tally.revenueOf('2026-08-01')).toEqual({ amount: 49.9, paidCount: 1 })
    expect(tally.unread).toBe(3)
    expect([...tally.payers]).toEqual(['id-0'])
  })

  it('counts a profile only once if it comes again', () => {
    const tally = new RevenueTally('UTC')
    const transactions = [{ $amount: 5, $time: '2026-08-01' }]
    for (const id of ['ann', 'bob', 'ann']) tally.add(id, transactions)
    expect(tally.revenueOf('2026-08-01')).toEqual({ amount: 10, paidCount: 2 })
  })
})

const SLICES = [SLICE, { firstDay: '2026-08-05', lastDay: '2026-08-05' }]
const ENDPOINT = '/api/2.0/engage/revenue'
const PAGE = 'POST /api/query/engage'
const ROWS = `SELECT CAST(date AS VARCHAR) AS date, amount, count, paid_count, source FROM revenue_latest ORDER BY date`

/**
 * Ann pays twice on the first day and once on the fifth, Bob once on the first; others pay nothing.
 */
function sell({ simulator }: SimulatedProject, others: number): void {
  const charge = ($amount: number, day: string) => ({ $amount, $time: `${day}T10:00:00` })
  const ann = [charge(49.9, '2026-08-01'), charge(0.2, '2026-08-01'), charge(7, '2026-08-05')]
  simulator.profiles.set('ann', { $transactions: ann })
  simulator.profiles.set('bob', { $transactions: [charge(0.1, '2026-08-01')] })
  for (let at = 0; at < others; at++) simulator.profiles.set(`other-${at}`, { plan: 'free' })
}

function rowsOf(source: string, count: bigint): readonly object[] {
  const row = (date: string, amount: number, paid: bigint) => ({ date, amount, count, paid_count: paid, source })
  return [row('2026-08-01', 50.2, 2n), row('2026-08-02', 0, 0n), row('2026-08-03', 0, 0n), row('2026-08-05', 7, 1n)]
}

describe('revenue', () => {
  it('comes from the endpoint while it answers, with one request per slice', async () => {
    await using project = await simulatedProject()
    sell(project, 3)
    const summary = await project.run(revenueStream(), { slices: SLICES })
    expect(summary).toMatchObject({ stream: 'revenue', slices: 2, requests: 2, rows: 4, rejects: 0 })
    expect(project.requested()[0]).toBe(`GET ${ENDPOINT}?unit=day&from_date=2026-08-01&to_date=2026-08-03`)
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('endpoint', 5n))
    expect(project.warnings()).toEqual([])
  })

  it.each([404, 402, 400, 403, 410, 500])('comes from the profiles if the endpoint answers %i', async (status) => {
    await using project = await simulatedProject()
    project.simulator.refuse('revenue', { status, error: 'Gone' })
    sell(project, 3)
    await project.run(revenueStream(), { slices: SLICES })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 5n))
    expect(project.warnings()).toEqual([expect.stringMatching(/revenue endpoint failed .* summed from the profiles/)])
    // The endpoint is asked once, and one page has all profiles.
    expect([...new Set(project.requested())]).toEqual([expect.stringContaining(ENDPOINT), PAGE])
  })

  it('comes from the profiles if the endpoint takes too long, as in Europe', async () => {
    await using project = await simulatedProject()
    project.simulator.fault({ kind: 'timeout', times: Number.POSITIVE_INFINITY, match: { path: ENDPOINT } })
    sell(project, 0)
    await project.run(revenueStream(), { slices: SLICES })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 2n))
  })

  it('requests only the profiles that paid, if there are many', async () => {
    await using project = await simulatedProject({ plan: { revenue: 404 } })
    sell(project, 48)
    await project.run(revenueStream(), { slices: SLICES, settings: { engagePageSize: 10 } })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 50n))
    expect(project.requested().filter((text) => text === PAGE)).toHaveLength(2)
  })

  it('reads all profiles if Mixpanel does not find those that paid', async () => {
    await using project = await simulatedProject({ plan: { revenue: 404 }, engage: { repeatedPerPage: 3 } })
    sell(project, 18)
    const match = { parameters: { where: 'defined(properties["$transactions"])' } }
    project.simulator.fault({ kind: 'status', status: 400, body: '{"error":"no such function"}', match })
    await project.run(revenueStream(), { slices: SLICES, settings: { engagePageSize: 5 } })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 20n))
    const none = '{"page":0,"page_size":5,"session_id":"s","status":"ok","total":0,"results":[]}'
    project.simulator.fault({ kind: 'body', body: none, match })
    await project.run(revenueStream(), { slices: SLICES, settings: { engagePageSize: 19 } })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 20n))
  })

  it('is requested up to the project’s today', async () => {
    await using project = await simulatedProject({ today: '2026-08-02' })
    sell(project, 0)
    await project.run(revenueStream(), { slices: SLICES })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('endpoint', 2n).slice(0, 2))
    expect(project.warnings()).toEqual([])
  })

  it('is read again if the session of the profiles is lost', async () => {
    await using project = await simulatedProject({ plan: { revenue: 404 } })
    sell(project, 18)
    const where = { where: 'defined(properties["$transactions"])' }
    project.simulator.fault({
      kind: 'status',
      status: 400,
      body: '{"error":"no"}',
      times: 2,
      match: { parameters: where },
    })
    project.simulator.fault({ kind: 'session-lost', match: { parameters: { page: '2' } } })
    await project.run(revenueStream(), { slices: SLICES, settings: { engagePageSize: 5 } })
    expect(await project.workshop.rows(ROWS)).toEqual(rowsOf('profiles', 20n))
  })

  it('fails if neither endpoint nor profiles are on the plan', async () => {
    await using project = await simulatedProject({ plan: { revenue: 402, engage: 402 } })
    expect((await failureOf(project.run(revenueStream(), { slices: SLICES }))).code).toBe('PLAN_REFUSED')
  })

  it('fails if the credentials are wrong, and does not request the profiles', async () => {
    await using project = await simulatedProject()
    const credentials = { kind: 'service-account', user: 'nobody', secret: 'wrong' } as const
    const failure = await failureOf(project.run(revenueStream(), { slices: SLICES, credentials }))
    expect(failure.code).toBe('CREDENTIALS_REFUSED')
    expect(project.requested()).toHaveLength(1)
  })

  it('that was summed again shows the new sum', async () => {
    await using project = await simulatedProject({ plan: { revenue: 404 } })
    sell(project, 0)
    await project.run(revenueStream(), { slices: SLICES })
    project.simulator.profiles.set('cem', { $transactions: [{ $amount: 3, $time: '2026-08-02' }] })
    await project.run(revenueStream(), { slices: SLICES })
    expect(await project.workshop.rows(ROWS)).toContainEqual({
      date: '2026-08-02',
      amount: 3,
      count: 3n,
      paid_count: 1n,
      source: 'profiles',
    })
  })
})
