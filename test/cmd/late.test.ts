import { describe, expect, it } from 'vitest'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { eventsOf, Workplace } from './run-mixload.ts'
import { WAREHOUSES } from './warehouses.ts'

await farFromMidnight()

const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const daysAgo = (count: number) => addDays(yesterday, 1 - count)
const HOUR_MS = 3_600_000

/** Events of a day that Mixpanel processes now. */
const arriving = (day: string, count: number, name = 'late') =>
  eventsOf(day, count, { mp_processing_time_ms: Date.now() }).map((event, at) => {
    const { properties } = event as { properties: object }
    return { ...event, properties: { ...properties, $insert_id: `${name}-${day}-${at}` } }
  })

const wheres = (place: Workplace) => place.simulator.requests.flatMap(({ query }) => query.where ?? [])
const exports = (place: Workplace) => place.simulator.requests.filter(({ path }) => path.endsWith('/export'))
const perDay = (place: Workplace) =>
  place.query('SELECT CAST(_day AS VARCHAR) AS d, count(*) AS n FROM export GROUP BY 1 ORDER BY 1')

/** Days 9 to 2 ago, each with ten events, loaded. */
async function loaded(more: Readonly<Record<string, string>> = {}): Promise<Workplace> {
  const place = await Workplace.create()
  for (let back = 9; back >= 2; back--) await place.simulator.ingest(eventsOf(daysAgo(back), 10))
  await place.run(['backfill', '--from', daysAgo(9), '--to', daysAgo(2)], more)
  return place
}

describe('late rows', () => {
  it('of days in the attribution window are loaded, and the output counts them by day', async () => {
    await using place = await loaded()
    await place.simulator.ingest(arriving(daysAgo(4), 137))
    await place.simulator.ingest(arriving(daysAgo(3), 2))
    await place.simulator.ingest(eventsOf(yesterday, 10))
    const ran = await place.run(['sync'])
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain(`\n  ${daysAgo(4)}: +137 late\n  ${daysAgo(3)}: +2 late\n`)
    expect(ran.stdout.match(/late$/gm)).toHaveLength(2)
    const [table] = ran.stdout.match(/^export +\d.*$/m) ?? []
    expect(table?.split(/ +/)).toEqual(['export', '6', '6', '149', '139', '0', '0', expect.stringMatching(/^\d+\.\d$/)])
    expect(await place.query('SELECT count(*) AS n FROM export_latest')).toEqual([{ n: 229n }])
    const again = await place.run(['sync', '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({ stream: 'export', rows: 0, late: {}, late_rows: 0 })
  })

  it('are in the JSON output, and are counted even if a request spans several days', async () => {
    await using place = await loaded({ MIXLOAD_SLICE_DAYS: '3' })
    expect(await place.query('SELECT day_rows FROM _mixload_loads ORDER BY loaded_at LIMIT 1')).toEqual([
      { day_rows: JSON.stringify({ [daysAgo(9)]: 10, [daysAgo(8)]: 10, [daysAgo(7)]: 10 }) },
    ])
    await place.simulator.ingest(arriving(daysAgo(5), 4))
    const ran = await place.run(['sync', '--slice-days', '2', '--json', '--to', daysAgo(2)])
    expect(JSON.parse(ran.stdout)).toMatchObject({ slices: 3, late: { [daysAgo(5)]: 4 }, late_rows: 4 })
  })
})

describe('--write replace', () => {
  it('takes over duplicates, deletions, merged people and compaction with the day, in one commit', async () => {
    await using place = await loaded({ MIXLOAD_WRITE: 'replace' })
    const day = daysAgo(3)
    const line = (id: string, person: string, more: object = {}) =>
      JSON.stringify({
        event: 'Page Viewed',
        properties: { time: Date.parse(`${day}T08:00:00Z`), distinct_id: person, $insert_id: id, ...more },
      })
    const answer = (...lines: string[]) => {
      place.simulator.clearFaults()
      const body = lines.map((text) => `${text}\n`).join('')
      place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export', fromDate: day }, body })
    }
    const stored = () =>
      place.query(`SELECT distinct_id AS p, mp_insert_id AS i FROM export WHERE _day = '${day}' ORDER BY 1, 2`)
    const window = ['--to', daysAgo(2), '--attribution-window', '2']
    const sync = () => place.run(['sync', '--write', 'replace', '--max-removed', '70%', ...window])

    answer(line('a', 'anna'), line('a', 'anna'), line('b', 'device-1'), line('c', 'anna'))
    const first = await sync()
    expect(first.stdout).toContain(`${day}: 6 rows fewer than before`)
    expect(await stored()).toEqual([
      { p: 'anna', i: 'a' },
      { p: 'anna', i: 'a' },
      { p: 'anna', i: 'c' },
      { p: 'device-1', i: 'b' },
    ])
    // Compacted, re-keyed, deleted, and one more.
    answer(line('a', 'anna'), line('b', 'anna', { $distinct_id_before_identity: 'device-1' }), line('d', 'bo'))
    expect((await sync()).stdout).toContain(`${day}: 1 row fewer than before`)
    expect(await stored()).toEqual([
      { p: 'anna', i: 'a' },
      { p: 'anna', i: 'b' },
      { p: 'bo', i: 'd' },
    ])
    expect(
      await place.query(`SELECT DISTINCT _day FROM export WHERE _load_id IN (
      SELECT load_id FROM _mixload_loads WHERE stream = 'export' AND loaded_at = (SELECT max(_loaded_at) FROM export)
    )`),
    ).toHaveLength(1)
  })
})

describe('--late-arrivals', () => {
  it('loads imports of days before the attribution window under their own days, and lists these', async () => {
    await using place = await loaded()
    await place.simulator.ingest([...arriving(daysAgo(8), 5), ...arriving(daysAgo(9), 2), ...arriving(daysAgo(3), 1)])
    const ran = await place.run(['sync', '--late-arrivals', '--attribution-window', '2', '--to', daysAgo(2)])
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain(`\n  ${daysAgo(9)}: +2 late\n  ${daysAgo(8)}: +5 late\n  ${daysAgo(3)}: +1 late\n`)
    expect(ran.stdout).toContain('in 3 slices, 3 requests')
    const [request] = exports(place).filter(({ query }) => query.where !== undefined)
    expect(request?.query).toMatchObject({ from_date: daysAgo(9), to_date: daysAgo(4) })
    // Three hours before the first of these days was read.
    const [{ s }] = (await place.query('SELECT epoch_ms(min(started_at)) AS s FROM _mixload_loads')) as [{ s: bigint }]
    expect(wheres(place)).toEqual([`properties["mp_processing_time_ms"] > ${Number(s) - 3 * HOUR_MS}`])
    expect(await perDay(place)).toEqual([
      { d: daysAgo(9), n: 12n },
      { d: daysAgo(8), n: 15n },
      { d: daysAgo(7), n: 10n },
      { d: daysAgo(6), n: 10n },
      { d: daysAgo(5), n: 10n },
      { d: daysAgo(4), n: 10n },
      { d: daysAgo(3), n: 11n },
      { d: daysAgo(2), n: 10n },
    ])
    expect(await place.query('SELECT count(*) AS n FROM export_latest')).toEqual([{ n: 88n }])
  })

  it('does not make a day whole, and other commands see neither a gap nor a selection', async () => {
    await using place = await loaded()
    await place.run(['sync', '--late-arrivals', '--to', daysAgo(2)])
    const [late] = await place.query(`SELECT selection, CAST(last_day AS VARCHAR) AS d, row_count, day_rows
      FROM _mixload_loads WHERE selection <> ''`)
    expect(late).toEqual({
      selection: expect.stringMatching(/^\{"late_since":\d+\}$/),
      d: daysAgo(7),
      row_count: 0n,
      day_rows: '{}',
    })
    expect(JSON.parse((await place.run(['status', '--json'])).stdout)).toMatchObject({
      last_whole_day: daysAgo(2),
      gaps: [],
    })
    expect(await place.run(['backfill', '--from', daysAgo(9), '--to', daysAgo(2)])).toMatchObject({
      stdout: expect.stringContaining('nothing to load'),
    })
  })

  it('does not load again what existed when a day was read, although it requests it', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(eventsOf(daysAgo(9), 10))
    await place.run(['backfill', '--from', daysAgo(9), '--to', daysAgo(9)])
    // As if that had been a week ago, and the day after had come since, processed a day later.
    await place.change(`UPDATE mixpanel._mixload_loads SET started_at = started_at - INTERVAL 7 DAY`)
    const processed = { mp_processing_time_ms: Date.now() - 24 * HOUR_MS }
    await place.simulator.ingest(eventsOf(daysAgo(8), 10, processed))
    await place.run(['backfill', '--from', daysAgo(8), '--to', daysAgo(8)])
    await place.simulator.ingest(eventsOf(daysAgo(7), 10, processed))
    await place.simulator.ingest(arriving(daysAgo(8), 3))
    const ran = await place.run(['sync', '--late-arrivals', '--attribution-window', '0', '--to', daysAgo(7), '--json'])
    expect(JSON.parse(ran.stdout)).toMatchObject({ rows: 13, late: { [daysAgo(8)]: 3 } })
    expect(await perDay(place)).toEqual([
      { d: daysAgo(9), n: 10n },
      { d: daysAgo(8), n: 13n },
      { d: daysAgo(7), n: 10n },
    ])
  })

  it('with --write replace reads whole days instead, so that nothing is there twice', async () => {
    await using place = await loaded({ MIXLOAD_WRITE: 'replace' })
    await place.simulator.ingest([...arriving(daysAgo(8), 5), ...arriving(daysAgo(6), 1)])
    const options = ['--late-arrivals', '--attribution-window', '1', '--to', daysAgo(2), '--write', 'replace']
    const before = exports(place).length
    const ran = await place.run(['sync', ...options])
    expect(ran.stdout).toContain(`\n  ${daysAgo(8)}: +5 late\n  ${daysAgo(6)}: +1 late\n`)
    expect(
      exports(place)
        .slice(before)
        .map(({ query }) => query.from_date),
    ).toEqual([daysAgo(2), daysAgo(9), daysAgo(8), daysAgo(6)])
    expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 86n }])
    const [late] = await place.query(`SELECT row_count FROM _mixload_loads WHERE selection <> ''`)
    expect(late).toEqual({ row_count: 0n })
  })

  it('requests the same late arrivals again if a day could not be read', async () => {
    await using place = await loaded({ MIXLOAD_WRITE: 'replace' })
    await place.simulator.ingest(arriving(daysAgo(8), 5))
    const options = ['--late-arrivals', '--attribution-window', '0', '--to', daysAgo(2), '--write', 'replace']
    const match = { path: '/api/2.0/export', fromDate: daysAgo(8) }
    place.simulator.fault({ kind: 'terminated-early', afterLines: 3, match, times: Number.POSITIVE_INFINITY })
    expect(await place.run(['sync', ...options])).toMatchObject({ code: 3 })
    place.simulator.clearFaults()
    expect((await place.run(['sync', ...options])).stdout).toContain(`${daysAgo(8)}: +5 late`)
    const [first, second] = wheres(place)
    expect(second).toBe(first)
  })

  it('files events of a project with local times under its local days', async () => {
    const zone = 'America/Los_Angeles'
    await using place = await Workplace.create({ legacyTime: true, timezone: zone })
    const legacy = ['--legacy-time', '--timezone', zone]
    const days = { from: '2026-03-01', to: '2026-03-12' }
    const span = ['--from', days.from, '--to', days.to]
    await place.simulator.ingest(eventsOf('2026-03-05', 4))
    await place.run(['backfill', ...span, ...legacy])
    const late = (iso: string, id: string) => ({
      event: 'Late',
      properties: { time: Date.parse(iso), distinct_id: 'x', $insert_id: id, mp_processing_time_ms: Date.now() },
    })
    // 23:30 on March 7th, and 03:30 on March 8th, the morning on which clocks go forward.
    await place.simulator.ingest([late('2026-03-08T07:30:00Z', 'a'), late('2026-03-08T10:30:00Z', 'b')])
    const ran = await place.run(['sync', '--late-arrivals', '--attribution-window', '0', ...span, ...legacy])
    expect(ran.stdout).toContain('\n  2026-03-07: +1 late\n  2026-03-08: +1 late\n')
    expect(
      await place.query(`SELECT CAST(_day AS VARCHAR) AS d, epoch_ms(time) AS t, _time_raw AS raw
        FROM export WHERE event = 'Late' ORDER BY time`),
    ).toEqual([
      {
        d: '2026-03-07',
        t: BigInt(Date.parse('2026-03-08T07:30:00Z')),
        raw: BigInt(Date.parse('2026-03-07T23:30:00Z')),
      },
      {
        d: '2026-03-08',
        t: BigInt(Date.parse('2026-03-08T10:30:00Z')),
        raw: BigInt(Date.parse('2026-03-08T03:30:00Z')),
      },
    ])
  })

  it('requests less at a time if the wide request takes Mixpanel too long', async () => {
    await using place = await loaded()
    await place.simulator.ingest([...arriving(daysAgo(9), 1), ...arriving(daysAgo(7), 1)])
    place.simulator.fault({ kind: 'timeout', match: { minDays: 3 }, times: Number.POSITIVE_INFINITY })
    const ran = await place.run(['sync', '--late-arrivals', '--to', daysAgo(2), '--json'])
    expect(JSON.parse(ran.stdout)).toMatchObject({ late: { [daysAgo(9)]: 1, [daysAgo(7)]: 1 }, skipped_slices: [] })
  })
})

describe.each(Object.entries(WAREHOUSES))('late rows in %s', (_, newWarehouse) => {
  it.each(['append', 'replace'] as const)('are counted as they are stored, with --write %s', async (write) => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const environment = { MIXLOAD_DESTINATION: warehouse.url, MIXLOAD_WRITE: write }
    const span = ['--from', daysAgo(6), '--to', daysAgo(2)]
    for (let back = 6; back >= 2; back--) await place.simulator.ingest(arriving(daysAgo(back), 5, 'first'))
    expect(await place.run(['backfill', ...span, '--slice-days', '2'], environment)).toMatchObject({ code: 0 })
    await place.simulator.ingest([...arriving(daysAgo(6), 4), ...arriving(daysAgo(2), 3)])
    const ran = await place.run(
      ['sync', '--late-arrivals', '--attribution-window', '1', '--to', daysAgo(2), '--json'],
      environment,
    )
    expect(ran.code, ran.stderr).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ late: { [daysAgo(6)]: 4, [daysAgo(2)]: 3 }, late_rows: 7 })
    const events = await warehouse.events()
    const counts = Object.fromEntries(
      [...Map.groupBy(events, ({ day }) => day)].map(([day, rows]) => [day, rows.length]),
    )
    expect(counts).toEqual({
      [daysAgo(6)]: 9,
      [daysAgo(5)]: 5,
      [daysAgo(4)]: 5,
      [daysAgo(3)]: 5,
      [daysAgo(2)]: 8,
    })
    expect(new Set(events.map(({ insertId }) => insertId)).size).toBe(32)
    // All of it was processed in the last minute, and most of it is requested again.
    const again = await place.run(
      ['sync', '--late-arrivals', '--attribution-window', '0', '--to', daysAgo(2), '--json'],
      environment,
    )
    expect(JSON.parse(again.stdout)).toMatchObject({ rows: 0, late: {} })
    expect(await warehouse.events()).toHaveLength(events.length)
  })
})
