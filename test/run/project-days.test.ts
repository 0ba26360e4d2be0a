import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { ENGINE_CAPABILITIES } from '../../lib/destination/capabilities.ts'
import type { DestinationCapabilities, LoadRecord } from '../../lib/destination/contract.ts'
import { EVERYTHING, WHOLE } from '../../lib/destination/selection.ts'
import { toBackfill, toSync } from '../../lib/run/choose-days.ts'
import { planStreams } from '../../lib/run/stream-plan.ts'
import { completeDays, completeTo, type DayClock, exportDaysOf } from '../../lib/run/whole-days.ts'
import { settingsFrom } from '../../lib/settings.ts'
import { addDays, type Day, dayAt, dayInZone, daysOf, earlier } from '../../lib/time/days.ts'
import { runs } from '../runs.ts'

/** Of a destination without limits. */
const CAPABILITIES: DestinationCapabilities = {
  ...ENGINE_CAPABILITIES,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: false,
}
const QUARTER_MS = 900_000
const HOUR_MS = 3_600_000

/** On both sides of Greenwich, at the date line, with half hours, and with changes of the clock. */
const zones = fc.constantFrom(
  ...['UTC', 'US/Pacific', 'America/St_Johns', 'America/Sao_Paulo', 'America/Havana', 'Etc/GMT+12', 'Pacific/Niue'],
  ...['Europe/Berlin', 'Africa/Cairo', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Auckland'],
  ...['Pacific/Chatham', 'Pacific/Kiritimati', 'Pacific/Apia'],
)
/** Weeks in which clocks change somewhere, and the one in which Samoa skipped a day. */
const starts = fc.constantFrom('2026-03-05', '2026-03-27', '2026-04-01', '2026-10-01', '2026-10-29', '2011-12-27')
const clocks = fc.record({ zone: zones, daysAreLocal: fc.boolean() })

function loaded(day: Day, startedAt: number): LoadRecord {
  return {
    loadId: `${day}-${startedAt}`,
    stream: 'export',
    firstDay: day,
    lastDay: day,
    selection: EVERYTHING,
    rowCount: 1,
    rejectCount: 0,
    byteCount: 1,
    requestCount: 1,
    startedAt: new Date(startedAt),
    loadedAt: new Date(startedAt),
    writeMode: 'append',
    mixloadVersion: '0',
    dayRows: null,
  }
}

/** The export day of a moment, in plain words. */
const exportDay = (ms: number, { zone, daysAreLocal }: DayClock) => (daysAreLocal ? dayInZone(ms, zone) : dayAt(ms))

/** One event in each quarter of an hour: the moments that the loads have and do not have. */
function copied(ledger: readonly LoadRecord[], clock: DayClock, from: number, until: number) {
  const events = Array.from({ length: (until - from) / QUARTER_MS }, (_, at) => from + at * QUARTER_MS)
  return events.map((ms) => {
    const day = exportDay(ms, clock)
    return { ms, isThere: ledger.some((load) => load.firstDay === day && load.startedAt.getTime() > ms) }
  })
}

describe('a run', () => {
  /** Runs at these moments, and what the warehouse has afterwards. */
  async function nights(clock: DayClock, from: Day, moments: readonly number[], to?: Day) {
    const settings = settingsFrom({ streams: ['export'], from, to, legacyTime: clock.daysAreLocal })
    const ledger: LoadRecord[] = []
    for (const [night, now] of moments.entries()) {
      const destination = { capabilities: CAPABILITIES, ledger: async () => [...ledger] }
      const toLoad = night === 0 ? toBackfill(settings) : toSync(settings)
      const [plan] = await planStreams({ settings, destination, zone: clock.zone, now, ...toLoad })
      for (const day of plan?.days ?? []) {
        const today = [dayInZone(now, clock.zone), clock.daysAreLocal ? dayInZone(now, clock.zone) : dayAt(now)]
        expect(day <= today.reduce(earlier), `${day} was requested at ${new Date(now).toISOString()}`).toBe(true)
        ledger.push(loaded(day, now))
      }
    }
    return ledger
  }

  it('has every event of the days from the first to yesterday, in the zone of the project', async () => {
    await fc.assert(
      fc.asyncProperty(
        clocks,
        starts,
        fc.array(fc.integer({ min: 26, max: 7 * 24 }), { minLength: 1, maxLength: 5 }),
        async (clock, from, hours) => {
          const start = DateTime.fromISO(from, { zone: clock.zone }).startOf('day').toMillis()
          const moments = hours.map((hour) => start + hour * HOUR_MS + 7 * 60_000).sort((a, b) => a - b)
          const ledger = await nights(clock, from, moments)
          const now = moments.at(-1) ?? start
          const yesterday = addDays(dayInZone(now, clock.zone), -1)
          const events = copied(ledger, clock, start, now)
          const missing = events.filter(({ ms, isThere }) => !isThere && dayInZone(ms, clock.zone) <= yesterday)
          expect(missing.map(({ ms }) => new Date(ms).toISOString())).toEqual([])

          const complete = completeDays(ledger, WHOLE, clock, { first: from, last: yesterday })
          expect(complete).toEqual(daysOf(from, yesterday))

          const reached = completeTo(ledger, WHOLE, clock)?.getTime()
          if (reached === undefined) return
          expect(events.filter(({ ms, isThere }) => !isThere && ms < reached)).toEqual([])
          expect(events.filter(({ ms, isThere }) => isThere && ms >= reached)).toEqual([])
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('reads the days of --from and --to to their ends, and nothing that is whole again', async () => {
    await fc.assert(
      fc.asyncProperty(clocks, starts, fc.nat(3), async (clock, from, count) => {
        const to = addDays(from, count)
        const start = DateTime.fromISO(from, { zone: clock.zone }).startOf('day').toMillis()
        const later = start + 20 * 24 * HOUR_MS
        const ledger = await nights(clock, from, [later], to)
        const events = copied(ledger, clock, start, later)
        expect(events.filter(({ ms, isThere }) => !isThere && dayInZone(ms, clock.zone) <= to)).toEqual([])
        expect(ledger.length).toBeLessThanOrEqual(count + 2)
        const settings = settingsFrom({ streams: ['export'], from, to, legacyTime: clock.daysAreLocal })
        const destination = { capabilities: CAPABILITIES, ledger: async () => ledger }
        const given = { settings, destination, zone: clock.zone, now: later, ...toBackfill(settings) }
        expect((await planStreams(given))[0]?.days).toEqual([])
      }),
      { numRuns: runs(100) },
    )
  })
})

describe('the days of the project', () => {
  const moments = fc.integer({ min: Date.UTC(2010, 0, 1), max: Date.UTC(2027, 0, 1) })

  it('have each of their moments in one of their export days', () => {
    fc.assert(
      fc.property(clocks, moments, (clock, ms) => {
        expect(exportDaysOf(dayInZone(ms, clock.zone), clock)).toContain(exportDay(ms, clock))
      }),
    )
  })

  it('have a moment in each of their export days', () => {
    fc.assert(
      fc.property(zones, moments, (zone, ms) => {
        const day = dayInZone(ms, zone)
        const start = DateTime.fromISO(day, { zone }).startOf('day')
        const quarters = Array.from({ length: 4 * 26 }, (_, at) => start.plus({ minutes: 15 * at }).toMillis())
        const seen = new Set(quarters.filter((at) => dayInZone(at, zone) === day).map(dayAt))
        expect(new Set(exportDaysOf(day, { zone, daysAreLocal: false }))).toEqual(seen)
      }),
    )
  })

  it('are complete exactly if every one of their events was read, whatever was loaded when', () => {
    const load = fc.record({ day: fc.nat(6), hours: fc.integer({ min: -24, max: 48 }) })
    fc.assert(
      fc.property(clocks, starts, fc.array(load, { maxLength: 14 }), (clock, from, loads) => {
        const first = Date.parse(`${from}T00:00:00Z`)
        const ledger = loads.map(({ day, hours }) =>
          loaded(addDays(from, day), first + day * 24 * HOUR_MS + hours * HOUR_MS),
        )
        const span = { first: addDays(from, -1), last: addDays(from, 8) }
        const events = copied(ledger, clock, first - 48 * HOUR_MS, first + 10 * 24 * HOUR_MS)
        const byDay = Map.groupBy(events, ({ ms }) => dayInZone(ms, clock.zone))
        // Samoa had no 30 December 2011.
        const days = daysOf(span.first, span.last).filter((day) => byDay.has(day))
        const complete = completeDays(ledger, WHOLE, clock, span).filter((day) => byDay.has(day))
        expect(complete).toEqual(days.filter((day) => byDay.get(day)?.every(({ isThere }) => isThere)))
      }),
      { numRuns: runs(200) },
    )
  })
})
