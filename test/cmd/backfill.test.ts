import { describe, expect, it } from 'vitest'
import { farFromMidnight } from '../far-from-midnight.ts'
import { ended, eventsOf, Workplace } from './run-mixload.ts'
import { logged } from './stages.ts'

await farFromMidnight()

const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'] as const
const SPAN = ['backfill', '--from', DAYS[0], '--to', DAYS[3]]

async function workplaceWithEvents(perDay = 50): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, perDay))
  return place
}

describe('mixload backfill', () => {
  it('loads every day once, with types, ledger and views', async () => {
    await using place = await workplaceWithEvents()
    const ran = await place.run(SPAN)
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('200 rows in 4 slices, 4 requests') })
    expect(
      await place.query('SELECT count(*) AS n, sum(amount) AS s, typeof(any_value(amount)) AS t FROM export'),
    ).toEqual([{ n: 200n, s: 4 * ((49 * 25) / 4), t: 'DOUBLE' }])
    expect(
      await place.query('SELECT CAST(_day AS VARCHAR) AS d, count(*) AS n FROM export GROUP BY 1 ORDER BY 1'),
    ).toEqual(DAYS.map((d) => ({ d, n: 50n })))
    const loads = await place.query(
      'SELECT CAST(first_day AS VARCHAR) AS d, row_count, request_count, write_mode FROM _mixload_loads ORDER BY loaded_at',
    )
    expect(loads).toEqual(DAYS.map((d) => ({ d, row_count: 50n, request_count: 1n, write_mode: 'append' })))
    expect(await place.query('SELECT count(*) AS n FROM export_latest')).toEqual([{ n: 200n }])
    expect(await place.query('SELECT count(*) AS n FROM export_latest_by_time')).toEqual([{ n: 200n }])
  })

  it('asks for nothing when every day is in the ledger', async () => {
    await using place = await workplaceWithEvents()
    await place.run(SPAN)
    const before = place.simulator.requests.filter(({ path }) => path.endsWith('/export')).length
    const again = await place.run(SPAN)
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to load') })
    expect(place.simulator.requests.filter(({ path }) => path.endsWith('/export')).length).toBe(before)
    expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 200n }])
  })

  it('replaces the days that it reads again with --write replace, after a day that was not over', async () => {
    await using place = await Workplace.create()
    const today = new Date().toISOString().slice(0, 10)
    await place.simulator.ingest(eventsOf(today, 1))
    const span = ['backfill', '--from', today, '--to', today, '--write', 'replace']
    await place.run(span)
    await place.simulator.ingest([
      { event: 'Later', properties: { time: Date.now() - 1000, distinct_id: 'x', $insert_id: 'later' } },
    ])
    expect(await place.run(span)).toMatchObject({ code: 0 })
    const rows = await place.query('SELECT event FROM export')
    expect(rows.filter(({ event }) => event === 'Later')).toHaveLength(1)
    expect(rows).toHaveLength(2)
  })

  it('requests several days at a time when there are more days than requests', async () => {
    await using place = await workplaceWithEvents()
    const ran = await place.run(SPAN, { MIXLOAD_REQUESTS_PER_HOUR: '3' })
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('200 rows in 2 slices') })
    expect(
      await place.query('SELECT CAST(_day AS VARCHAR) AS d, count(*) AS n FROM export GROUP BY 1 ORDER BY 1'),
    ).toEqual(DAYS.map((d) => ({ d, n: 50n })))
  })

  it('loads only the requested events, and does not count those days as whole', async () => {
    await using place = await workplaceWithEvents(30)
    expect(await place.run([...SPAN, '--events', 'Order Completed'])).toMatchObject({ code: 0 })
    expect(await place.query('SELECT event, count(*) AS n FROM export GROUP BY 1')).toEqual([
      { event: 'Order Completed', n: 40n },
    ])
    expect(await place.run(SPAN)).toMatchObject({ code: 0, stdout: expect.stringContaining('80 rows') })
    expect(await place.query('SELECT count(*) AS n FROM export_latest')).toEqual([{ n: 120n }])
  })

  it('names the missing variable, and does not start', async () => {
    await using place = await Workplace.create()
    const ran = await place.run(SPAN, { MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined })
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('MIXPANEL_SERVICE_ACCOUNT_SECRET')
    expect(place.simulator.requests).toHaveLength(0)
    expect(await place.run(['backfill'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--from') })
  })

  it('refuses settings that would lose or shift events', async () => {
    await using place = await workplaceWithEvents(3)
    const replaced = await place.run([...SPAN, '--events', 'Order Completed', '--write', 'replace'])
    expect(replaced).toMatchObject({ code: 2, stderr: expect.stringContaining('Use one of the two') })
    place.simulator.fault({ kind: 'status', status: 404, body: '{}', match: { path: '/api/app/me' } })
    const local = await place.run([...SPAN, '--legacy-time'])
    expect(local).toMatchObject({ code: 2, stderr: expect.stringContaining('set --timezone') })
    for (const zone of ['+05:30', '-03']) {
      const offset = await place.run([...SPAN, '--legacy-time', `--timezone=${zone}`])
      expect(offset).toMatchObject({ code: 2, stderr: expect.stringContaining('not an offset') })
      const results = { projects: { [place.simulator.credentials.projectId]: { timezone: zone } } }
      place.simulator.fault({ kind: 'body', body: JSON.stringify({ results }), match: { path: '/api/app/me' } })
      const given = await place.run(SPAN)
      expect(given).toMatchObject({ code: 2, stderr: expect.stringContaining('an offset. Set --timezone') })
    }
    expect(place.simulator.requests.filter(({ path }) => path.endsWith('/export'))).toHaveLength(0)
  })

  it('never prints a secret, whatever fails', async () => {
    await using place = await workplaceWithEvents(5)
    const secret = 'wrong-and-secret'
    const refused = await place.run(SPAN, { MIXPANEL_SERVICE_ACCOUNT_SECRET: secret })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('does not accept the service account')
    expect(refused.stdout + refused.stderr).not.toContain(secret)
    expect(refused.stdout + refused.stderr).not.toContain(
      Buffer.from(`test.mp-service-account:${secret}`).toString('base64'),
    )
  })

  it('stops on ^C with whole slices only, and continues when it is run again', async () => {
    await using place = await workplaceWithEvents(40)
    place.simulator.fault({ kind: 'stall', atByte: 100, ms: 60_000, match: { fromDate: DAYS[2] } })
    const child = place.start(SPAN)
    const end = ended(child)
    await logged(child, 'slice-loaded', 2)
    child.kill('SIGINT')
    expect(await end).toMatchObject({ code: 130 })
    expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 80n }])
    place.simulator.clearFaults()
    expect(await place.run(SPAN)).toMatchObject({ code: 0 })
    expect(await place.query('SELECT count(*) AS n, count(DISTINCT mp_insert_id) AS d FROM export')).toEqual([
      { n: 160n, d: 160n },
    ])
  })
})
