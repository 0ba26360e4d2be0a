import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addDays,
  countDays,
  dayAt,
  dayInZone,
  earlier,
  endOfDayInZone,
  isDay,
  isZone,
  later,
  startOfDay,
} from '../../lib/time/days.ts'
import { runs } from '../runs.ts'

const HOUR = 3_600_000
const day = fc.integer({ min: 0, max: 50_000 }).map((count) => dayAt(count * 24 * HOUR))
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'America/Sao_Paulo',
  'America/Havana',
  'America/St_Johns',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Pacific/Chatham',
]

/** The calendar day on the wall of a zone, without the library that the code under test uses. */
function wallDay(ms: number, zone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    ms,
  )
}

describe('days', () => {
  it.each(['2026-02-28', '2024-02-29', '1970-01-01', '2000-12-31'])('%s is a day', (text) => {
    expect(isDay(text)).toBe(true)
  })

  it.each([
    '2026-02-29',
    '2026-02-30',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-1-1',
    '2026-01-01T00:00:00Z',
    '',
    'today',
    ' 2026-01-01',
    '2026-01-01\n',
    '+02026-01-01',
  ])('%j is not a day', (text) => {
    expect(isDay(text)).toBe(false)
  })

  it('are counted alike forwards and backwards', () => {
    fc.assert(
      fc.property(day, fc.integer({ min: -1000, max: 1000 }), (first, count) => {
        const shifted = addDays(first, count)
        expect(isDay(shifted)).toBe(true)
        expect(addDays(shifted, -count)).toBe(first)
        expect(countDays(first, shifted)).toBe(count < 0 ? 0 : count + 1)
        expect(shifted < first).toBe(count < 0)
        expect([earlier(first, shifted), later(first, shifted)]).toEqual([first, shifted].sort())
      }),
    )
  })

  it('begin at midnight and end before the next', () => {
    fc.assert(
      fc.property(day, (date) => {
        expect(dayAt(startOfDay(date))).toBe(date)
        expect(dayAt(startOfDay(date) - 1)).toBe(addDays(date, -1))
        expect(dayAt(startOfDay(date) + 24 * HOUR - 1)).toBe(date)
      }),
    )
  })
})

describe('days in a zone', () => {
  it('end at the first moment that is on a later day in the zone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 14_000, max: 22_000 }), fc.constantFrom(...ZONES), (count, zone) => {
        const date = dayAt(count * 24 * HOUR)
        const end = endOfDayInZone(date, zone)
        expect(wallDay(end, zone) > date, `${date} in ${zone}`).toBe(true)
        expect(wallDay(end - 1, zone) <= date, `${date} in ${zone}`).toBe(true)
      }),
      { numRuns: runs(1500) },
    )
  })

  it.each([
    ['Europe/Berlin', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25', 25],
    ['Europe/Berlin', '2026-06-01', 24],
    ['America/New_York', '2026-03-08', 23],
    ['America/New_York', '2026-11-01', 25],
    ['Australia/Lord_Howe', '2026-04-05', 24.5],
    ['America/Sao_Paulo', '2018-11-04', 23],
    ['America/Sao_Paulo', '2018-02-17', 25],
    ['Africa/Cairo', '2024-04-26', 23],
    ['UTC', '2026-03-29', 24],
  ])('in %s, %s has %d hours', (zone, date, hours) => {
    expect(endOfDayInZone(date, zone) - endOfDayInZone(addDays(date, -1), zone)).toBe(hours * HOUR)
  })

  it('end at the first midnight if clocks go back over it', () => {
    expect(new Date(endOfDayInZone('2018-11-03', 'America/Havana')).toISOString()).toBe('2018-11-04T04:00:00.000Z')
  })

  it('that a zone left out end with the day before', () => {
    expect(endOfDayInZone('2011-12-30', 'Pacific/Apia')).toBe(endOfDayInZone('2011-12-29', 'Pacific/Apia'))
  })

  it('are those of the wall clock', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000_000_000 }), fc.constantFrom(...ZONES), (seconds, zone) => {
        expect(dayInZone(seconds * 1000, zone)).toBe(wallDay(seconds * 1000, zone))
      }),
      { numRuns: runs(500) },
    )
  })

  it('are known only in zones that exist', () => {
    for (const zone of ZONES) expect(isZone(zone), zone).toBe(true)
    for (const zone of ['+05:30', '-03', '+0530', '+00:00', '05:30', '\u221203']) expect(isZone(zone), zone).toBe(false)
    for (const zone of ['Etc/GMT+5', 'EST5EDT', 'GMT', 'europe/berlin']) expect(isZone(zone), zone).toBe(true)
    for (const zone of ['', 'Berlin', 'Europe/Atlantis', 'UTC+25', 'local time']) expect(isZone(zone), zone).toBe(false)
  })
})
