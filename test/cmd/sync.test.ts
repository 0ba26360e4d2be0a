import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { eventsOf, Workplace } from './run-mixload.ts'

await farFromMidnight()

const ZONE = 'UTC'
const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const daysAgo = (count: number) => addDays(yesterday, 1 - count)
const exportDays = (place: Workplace) =>
  place.simulator.requests
    .filter(({ path }) => path.includes('/export'))
    .map(({ query }) => String(query.from_date))
    .sort()

describe('mixload sync', () => {
  it('says what to run first when the ledger is empty', async () => {
    await using place = await Workplace.create()
    expect(await place.run(['sync'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('mixload backfill --from'),
    })
  })

  it('reads the days since the last whole one and the attribution window again, and loads late events', async () => {
    await using place = await Workplace.create()
    for (const back of [8, 7, 6, 5, 4, 3]) await place.simulator.ingest(eventsOf(daysAgo(back), 10))
    await place.run(['backfill', '--from', daysAgo(8), '--to', daysAgo(3)])
    await place.simulator.ingest(eventsOf(daysAgo(2), 10))
    await place.simulator.ingest(eventsOf(yesterday, 10))
    const late = {
      event: 'Late',
      properties: { time: Date.parse(`${daysAgo(4)}T05:00:00Z`), distinct_id: 'l', $insert_id: 'late' },
    }
    const tooLate = {
      event: 'Too late',
      properties: { ...late.properties, time: Date.parse(`${daysAgo(7)}T05:00:00Z`), $insert_id: 'x' },
    }
    await place.simulator.ingest([late, tooLate])
    const before = exportDays(place).length
    expect(await place.run(['sync', '--attribution-window', '2'])).toMatchObject({ code: 0 })
    expect(exportDays(place).slice(before)).toHaveLength(4)
    const rows = await place.query('SELECT event, count(*) AS n FROM export_latest GROUP BY 1 ORDER BY 1')
    expect(rows).toEqual([
      { event: 'Late', n: 1n },
      { event: 'Order Completed', n: 32n },
      { event: 'Page Viewed', n: 48n },
    ])
  })

  it('asks for yesterday in the time zone of the project', async () => {
    const zone = 'Pacific/Auckland'
    await using place = await Workplace.create({ timezone: zone })
    const dayBefore = () => DateTime.now().setZone(zone).minus({ days: 1 }).toISODate()
    const before = dayBefore()
    expect(await place.run(['sync', '--from', daysAgo(1)])).toMatchObject({ code: 0 })
    const lastDay = place.simulator.requests.filter(({ path }) => path.includes('/export')).at(-1)?.query.to_date
    // Midnight may have passed there in the meantime.
    expect([before, dayBefore()]).toContain(lastDay)
  })

  it('reads yesterday to its end in the time zone of the project, and says to which moment it is complete', async () => {
    const zone = 'Etc/GMT+10'
    await using place = await Workplace.create({ timezone: zone })
    const now = DateTime.now().setZone(zone)
    const dayBefore = now.minus({ days: 1 }).startOf('day')
    const lastHour = dayBefore.endOf('day').minus({ minutes: 30 }).toMillis()
    await place.simulator.ingest([{ event: 'Last', properties: { time: lastHour, distinct_id: 'p', $insert_id: 'i' } }])
    const ran = await place.run(['sync', '--from', String(dayBefore.toISODate())])
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    expect(await place.query('SELECT event FROM export_latest')).toEqual([{ event: 'Last' }])
    const complete = ran.stdout.match(/complete to (.+)/)?.[1] ?? ''
    expect(Date.parse(complete)).toBeGreaterThanOrEqual(dayBefore.plus({ days: 1 }).toMillis())
    expect(await place.run(['status'])).toMatchObject({ stdout: expect.stringContaining(complete) })
    const verified = await place.run(['verify', '--from', String(dayBefore.toISODate()), '--json'])
    expect(verified, verified.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(verified.stdout)).toMatchObject({ compared: 1, differences: [] })
  })

  it('is not misled by events from the future or without a time, keeps them, and reports them', async () => {
    await using place = await Workplace.create({ timezone: ZONE })
    await place.simulator.ingest(eventsOf(yesterday, 5))
    const line = (time: unknown, id: string) =>
      JSON.stringify({ event: 'Odd', properties: { time, distinct_id: id, $insert_id: id } })
    const future = Date.parse('2031-01-01T00:00:00Z')
    place.simulator.fault({
      kind: 'body',
      match: { path: '/api/2.0/export' },
      body: `${line(future, 'future')}\n${line(null, 'null')}\n${line('soon', 'text')}\n${line(Date.parse(`${yesterday}T01:00:00Z`), 'fine')}\n`,
    })
    const ran = await place.run(['sync', '--from', yesterday])
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain('2 events without a usable time')
    expect(ran.stdout).toContain('1 event dated outside')
    expect(
      await place.query(
        'SELECT distinct_id, epoch_ms(time) AS t, CAST(_day AS VARCHAR) AS d, time__text FROM export ORDER BY 1',
      ),
    ).toEqual([
      { distinct_id: 'fine', t: BigInt(Date.parse(`${yesterday}T01:00:00Z`)), d: yesterday, time__text: null },
      { distinct_id: 'future', t: BigInt(future), d: yesterday, time__text: null },
      { distinct_id: 'null', t: null, d: yesterday, time__text: null },
      { distinct_id: 'text', t: null, d: yesterday, time__text: 'soon' },
    ])
    const status = await place.run(['status', '--json'])
    expect(JSON.parse(status.stdout)).toMatchObject({ last_whole_day: yesterday })
  })

  it('fills a gap that an earlier run left', async () => {
    await using place = await Workplace.create()
    for (const back of [9, 8, 7]) await place.simulator.ingest(eventsOf(daysAgo(back), 3))
    await place.run(['backfill', '--from', daysAgo(9), '--to', daysAgo(9)])
    await place.run(['backfill', '--from', daysAgo(7), '--to', daysAgo(7)])
    const status = JSON.parse((await place.run(['status', '--json'])).stdout)
    expect(status.gaps).toEqual([{ first_day: daysAgo(8), last_day: daysAgo(8) }])
    await place.run(['sync', '--attribution-window', '0', '--to', daysAgo(6)])
    expect(JSON.parse((await place.run(['status', '--json'])).stdout).gaps).toEqual([])
    expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 9n }])
  })
})

describe('mixload plan, check and views', () => {
  it('plan downloads nothing', async () => {
    await using place = await Workplace.create()
    const ran = await place.run(['plan', '--from', '2026-01-01', '--to', '2026-04-10', '--json'], {
      MIXLOAD_REQUESTS_PER_HOUR: '60',
    })
    expect(ran.code).toBe(0)
    const plan = JSON.parse(ran.stdout)
    expect(plan).toMatchObject({ days: 100, requests: 34, requests_left_this_hour: 60, minutes_waiting_for_budget: 0 })
    expect(exportDays(place)).toEqual([])
  })

  it('plan counts the requests of earlier runs', async () => {
    await using place = await Workplace.create()
    const limit = { MIXLOAD_REQUESTS_PER_HOUR: '10' }
    await place.run(['backfill', '--from', '2026-03-01', '--to', '2026-03-04'], limit)
    const plan = JSON.parse(
      (await place.run(['plan', '--from', '2026-03-01', '--to', '2026-03-20', '--json'], limit)).stdout,
    )
    expect(plan).toMatchObject({ days: 16, requests: 8, requests_left_this_hour: 6, minutes_waiting_for_budget: 12 })
  })

  it('check needs fewer than five requests', async () => {
    await using place = await Workplace.create({ timezone: 'Europe/Berlin' })
    const ran = await place.run(['check'])
    expect(ran.code).toBe(0)
    for (const line of ran.stdout.trim().split('\n')) expect(line).toMatch(/^ok {2}/)
    expect(ran.stdout).toContain('Europe/Berlin')
    expect(place.simulator.requests.length).toBeLessThan(5)
  })

  it('check says what to do', async () => {
    await using place = await Workplace.create()
    place.simulator.fault({ kind: 'payment', match: { path: '/api/2.0/export' } })
    const ran = await place.run(['check', '--timezone', 'Asia/Tokyo'])
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/NO {2}timezone: .*Mixpanel says UTC/)
    expect(ran.stdout).toMatch(/NO {2}export: This project's plan does not include it/)
    const refused = await place.run(['check'], { MIXPANEL_SERVICE_ACCOUNT_SECRET: 'no' })
    expect(refused.stdout).toMatch(/NO {2}credentials: .*does not accept/)
    expect(refused.stdout).not.toContain('--streams')
    expect(refused.stdout.match(/^NO {2}/gm)).toHaveLength(1)
    const unheard = await place.run(['check'], { MIXPANEL_API_URL: 'http://127.0.0.1:1' })
    expect(unheard.code).toBe(1)
    expect(unheard.stdout).toMatch(/NO {2}export: Cannot connect/)
    expect(unheard.stdout).not.toContain('clock')
  })

  it('views recreates the views', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(eventsOf('2026-03-01', 3))
    await place.run(['backfill', '--from', '2026-03-01', '--to', '2026-03-01'])
    expect(await place.run(['views'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^export_latest\nexport_latest_by_time\nidentities\n/),
    })
  })

  it('status creates nothing if nothing has been loaded', async () => {
    await using place = await Workplace.create()
    expect(await place.run(['status'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing loaded yet'),
    })
    await expect(place.query('SELECT 1')).rejects.toThrow()
  })

  it('views creates nothing if nothing has been loaded, and says what to do', async () => {
    await using place = await Workplace.create()
    const ran = await place.run(['views'])
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('Run mixload backfill first') })
    await expect(place.query('SELECT 1')).rejects.toThrow()
  })
})
