import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { addDays, daysOf } from '../../lib/time/days.ts'
import { Workplace } from './run-mixload.ts'

const QUARTER_MS = 15 * 60_000

/** Each quarter of an hour of these days, as moments. */
function quarters(zone: string, first: string, last: string): readonly number[] {
  const from = DateTime.fromISO(first, { zone }).toMillis()
  const until = DateTime.fromISO(addDays(last, 1), { zone }).toMillis()
  return Array.from({ length: (until - from) / QUARTER_MS }, (_, at) => from + at * QUARTER_MS)
}

/** What a clock in the zone shows, as milliseconds in UTC. */
function clockReading(ms: number, zone: string): number {
  return DateTime.fromMillis(ms, { zone }).setZone('UTC', { keepLocalTime: true }).toMillis()
}

/** The first moment at which a clock in the zone shows this. */
function firstMoment(reading: number, zone: string): number {
  const local = DateTime.fromMillis(reading, { zone: 'UTC' }).setZone(zone, { keepLocalTime: true })
  return Math.min(...local.getPossibleOffsets().map((moment) => moment.toMillis()))
}

async function loadedQuarters(zone: string, first: string, last: string) {
  const place = await Workplace.create({ legacyTime: true, timezone: zone })
  const moments = quarters(zone, first, last)
  await place.simulator.ingest(
    moments.map((time) => ({ event: 'Tick', properties: { time, distinct_id: 'x', $insert_id: `${time}` } })),
  )
  // The time zone is requested from Mixpanel.
  const ran = await place.run(['backfill', '--from', first, '--to', last, '--legacy-time'])
  expect(ran.code, ran.stderr).toBe(0)
  return { place, moments }
}

const ticks = (place: Workplace) =>
  place.query(`SELECT CAST(mp_insert_id AS BIGINT) AS truth, epoch_ms(time) AS time, _time_raw AS raw,
    CAST(_day AS VARCHAR) AS day FROM export ORDER BY 1`)

describe('a project older than 2023', () => {
  it.each([
    ['America/Los_Angeles', '2026-03-07', '2026-03-09', [96, 92, 96], 0],
    ['America/Los_Angeles', '2026-10-31', '2026-11-02', [96, 100, 96], 4],
    ['Australia/Lord_Howe', '2026-04-04', '2026-04-06', [96, 98, 96], 2],
    ['Australia/Lord_Howe', '2026-10-03', '2026-10-05', [96, 94, 96], 0],
    // Clocks go forward at midnight, so that the day begins at one.
    ['Africa/Cairo', '2026-04-23', '2026-04-25', [96, 92, 96], 0],
  ])(
    'in %s, %s to %s: every moment is right, and its day is the local day',
    async (zone, first, last, counts, twice) => {
      const { place, moments } = await loadedQuarters(zone, first, last)
      await using _ = place
      const rows = await ticks(place)
      expect(rows).toHaveLength(moments.length)
      let ambiguous = 0
      for (const { truth, time, raw, day } of rows) {
        const reading = clockReading(Number(truth), zone)
        expect(Number(raw)).toBe(reading)
        expect(day).toBe(new Date(reading).toISOString().slice(0, 10))
        // A reading that comes twice counts as the earlier moment: nothing in it distinguishes the
        // second hour from the first.
        expect(Number(time)).toBe(firstMoment(reading, zone))
        if (time !== truth) ambiguous++
      }
      expect(ambiguous).toBe(twice)
      expect(
        await place.query('SELECT CAST(first_day AS VARCHAR) AS d, row_count AS n FROM _mixload_loads ORDER BY 1'),
      ).toEqual(daysOf(first, last).map((d, at) => ({ d, n: BigInt(counts[at] ?? 0) })))
    },
  )

  it('has a local time that clocks skipped moved forward by the gap, and keeps the original number', async () => {
    const zone = 'America/Los_Angeles'
    await using place = await Workplace.create({ legacyTime: true, timezone: zone })
    const raw = Date.parse('2026-03-08T02:30:00Z')
    const body = `${JSON.stringify({ event: 'Tick', properties: { time: raw, distinct_id: 'x', $insert_id: '1' } })}\n`
    place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
    await place.run(['backfill', '--from', '2026-03-08', '--to', '2026-03-08', '--legacy-time'])
    expect(await ticks(place)).toEqual([
      { truth: 1n, time: BigInt(Date.parse('2026-03-08T03:30:00-07:00')), raw: BigInt(raw), day: '2026-03-08' },
    ])
  })

  it('has late rows counted by its local days', async () => {
    const zone = 'America/Los_Angeles'
    const { place } = await loadedQuarters(zone, '2026-10-31', '2026-11-02')
    await using _ = place
    const late = (iso: string) => ({
      event: 'Late',
      properties: { time: Date.parse(iso), distinct_id: 'x', $insert_id: iso },
    })
    // The last minute of the day of 25 hours, and the first of the day after.
    await place.simulator.ingest([late('2026-11-01T23:59:00-08:00'), late('2026-11-02T00:00:00-08:00')])
    const ran = await place.run([
      ...['sync', '--legacy-time', '--to', '2026-11-02', '--slice-days', '2', '--attribution-window', '2'],
    ])
    expect(ran.stdout).toContain('\n  2026-11-01: +1 late\n  2026-11-02: +1 late\n')
  })
})
