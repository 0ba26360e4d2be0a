import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../../lib/simulator/index.ts'
import { eventsOf, Workplace } from './run-mixload.ts'

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'] as const
const ONE_DAY = ['backfill', '--from', DAYS[0], '--to', DAYS[0]]
const FOUR_DAYS = ['backfill', '--from', DAYS[0], '--to', DAYS[3], '--slice-days', '4']
const PER_DAY = 60

async function workplaceWithEvents(): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, PER_DAY))
  return place
}

const exports = (place: Workplace) => place.simulator.requests.filter(({ path }) => path.includes('/export')).length
const rowsOf = async (place: Workplace) => Number((await place.query('SELECT count(*) AS n FROM export'))[0]?.n)

/** Half of a gzip member, sent as if it were whole. */
const HALF_GZIP = gzipSync(`${JSON.stringify({ event: 'x', properties: { time: 1 } })}\n`.repeat(100)).subarray(0, 40)

const PASSING: readonly (readonly [name: string, fault: Fault])[] = [
  ['a cut connection', { kind: 'cut', atByte: 300 }],
  ['a body that ends within a line', { kind: 'cut-clean', atByte: 1234 }],
  ['half a gzip member', { kind: 'body', body: HALF_GZIP, keepEncodingHeader: true }],
  ['good lines, then terminated early', { kind: 'terminated-early', afterLines: 20 }],
  ['nothing but terminated early', { kind: 'terminated-early', afterLines: 0 }],
  ['export terminated early', { kind: 'terminated-early', text: 'export terminated early', afterLines: 5 }],
  ['a cut error object', { kind: 'error-json', afterLines: 10 }],
  ['a whole error object', { kind: 'error-json', afterLines: 10, text: '{"error": "query failed"}' }],
  [
    'an error page with status 200',
    { kind: 'body', body: '<html><body>Bad gateway</body></html>', contentType: 'text/html' },
  ],
  ['429 with Retry-After', { kind: 'rate-limit', retryAfter: 1 }],
  ['429 without Retry-After', { kind: 'rate-limit' }],
  ['a timeout that comes as 400', { kind: 'timeout' }],
  ['502', { kind: 'status', status: 502, body: 'bad gateway' }],
  ['a connection reset before the first byte', { kind: 'reset' }],
  ['a first byte that takes its time', { kind: 'slow-first-byte', ms: 100 }],
]

describe('after a temporary fault the request is repeated, and the day is whole', () => {
  it.each(PASSING)('%s', async (_, fault) => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({ ...fault, match: { path: '/api/2.0/export' } })
    expect(await place.run(ONE_DAY)).toMatchObject({ code: 0 })
    expect(exports(place)).toBe(fault.kind === 'slow-first-byte' ? 1 : 2)
    expect(await place.query('SELECT count(*) AS n, count(DISTINCT mp_insert_id) AS d FROM export')).toEqual([
      { n: BigInt(PER_DAY), d: BigInt(PER_DAY) },
    ])
    expect(await place.query('SELECT row_count, request_count FROM _mixload_loads')).toEqual([
      { row_count: BigInt(PER_DAY), request_count: BigInt(exports(place)) },
    ])
  })
})

describe('a slice that does not arrive whole', () => {
  it('is halved, down to single days', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({
      kind: 'terminated-early',
      afterLines: 3,
      times: Number.POSITIVE_INFINITY,
      match: { minDays: 2 },
    })
    const ran = await place.run(FOUR_DAYS)
    expect(ran).toMatchObject({ code: 0 })
    expect(await rowsOf(place)).toBe(4 * PER_DAY)
    expect(await place.query('SELECT count(*) AS n FROM _mixload_loads WHERE first_day = last_day')).toEqual([
      { n: 4n },
    ])
  })

  it('is halved if Mixpanel takes too long', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({ kind: 'timeout', times: Number.POSITIVE_INFINITY, match: { minDays: 3 } })
    expect(await place.run(FOUR_DAYS)).toMatchObject({ code: 0 })
    expect(await rowsOf(place)).toBe(4 * PER_DAY)
  })

  it('is requested event by event if it is a single day, and loaded in one commit', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({
      kind: 'terminated-early',
      afterLines: 3,
      times: Number.POSITIVE_INFINITY,
      match: { unfiltered: true, path: '/api/2.0/export' },
    })
    expect(await place.run(ONE_DAY)).toMatchObject({ code: 0 })
    expect(await rowsOf(place)).toBe(PER_DAY)
    expect(await place.query('SELECT row_count FROM _mixload_loads')).toEqual([{ row_count: BigInt(PER_DAY) }])
  })

  it('is skipped if it is a day that never does; the others are loaded, and the next run loads it', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({
      kind: 'terminated-early',
      afterLines: 3,
      times: Number.POSITIVE_INFINITY,
      match: { fromDate: DAYS[1] },
    })
    const ran = await place.run(['backfill', '--from', DAYS[0], '--to', DAYS[3]])
    expect(ran.code).toBe(3)
    expect(ran.stdout).toContain(`${DAYS[1]} skipped`)
    expect(await rowsOf(place)).toBe(3 * PER_DAY)
    place.simulator.clearFaults()
    expect(await place.run(['backfill', '--from', DAYS[0], '--to', DAYS[3]])).toMatchObject({ code: 0 })
    expect(await rowsOf(place)).toBe(4 * PER_DAY)
  })
})

describe('what repeating a request does not fix', () => {
  it('wrong credentials, reported as 400, end the run at once', async () => {
    await using place = await workplaceWithEvents()
    const ran = await place.run([...ONE_DAY, '--timezone', 'UTC'], { MIXPANEL_SERVICE_ACCOUNT_SECRET: 'no' })
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('CREDENTIALS_REFUSED') })
    expect(exports(place)).toBe(1)
  })

  it('402 skips the stream and says that the plan does not have it', async () => {
    await using place = await workplaceWithEvents()
    place.simulator.fault({ kind: 'payment', match: { path: '/api/2.0/export' } })
    const ran = await place.run(ONE_DAY)
    expect(ran).toMatchObject({ code: 3, stdout: expect.stringContaining('skipped. This project') })
    expect(exports(place)).toBe(1)
  })

  it('a last day after the project’s today is left for a later run', async () => {
    await using place = await Workplace.create({ today: '2026-03-03' })
    for (const day of DAYS.slice(0, 3)) await place.simulator.ingest(eventsOf(day, PER_DAY))
    const ran = await place.run(FOUR_DAYS)
    expect(ran.code).toBe(0)
    expect(await rowsOf(place)).toBe(3 * PER_DAY)
    expect(await place.query('SELECT CAST(last_day AS VARCHAR) AS d FROM _mixload_loads')).toEqual([
      { d: '2026-03-03' },
    ])
  })
})
