import fc from 'fast-check'
import { DateTime } from 'luxon'
import { expect, it } from 'vitest'
import { exportDaysOf } from '../../lib/run/whole-days.ts'
import { dayAt, dayInZone, daysOf } from '../../lib/time/days.ts'
import { comparableDays } from '../../lib/verify/export-days.ts'

const zones = fc.constantFrom(
  'UTC',
  'America/Los_Angeles',
  'Asia/Tokyo',
  'Pacific/Kiritimati',
  'Africa/Cairo',
  'Asia/Kolkata',
)
const moments = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2027, 0, 1) })

it('every moment of a day is in one of its export days', () => {
  fc.assert(
    fc.property(zones, moments, (zone, ms) => {
      const day = dayInZone(ms, zone)
      expect(exportDaysOf(day, { zone, daysAreLocal: false })).toContain(dayAt(ms))
      expect(exportDaysOf(day, { zone, daysAreLocal: true })).toEqual([day])
    }),
  )
})

it('every one of its export days has a moment of the day', () => {
  fc.assert(
    fc.property(zones, moments, (zone, ms) => {
      const day = dayInZone(ms, zone)
      const start = DateTime.fromISO(day, { zone }).startOf('day')
      const hours = Array.from({ length: 26 }, (_, hour) => start.plus({ hours: hour }).toMillis())
      const seen = new Set(hours.filter((at) => dayInZone(at, zone) === day).map(dayAt))
      expect(new Set(exportDaysOf(day, { zone, daysAreLocal: false }))).toEqual(seen)
    }),
  )
})

it('days are compared only where all of their export days are whole', () => {
  const clock = { zone: 'Asia/Tokyo', daysAreLocal: false }
  const whole = new Set(daysOf('2026-08-01', '2026-08-04'))
  expect(comparableDays(whole, '2026-07-30', '2026-08-06', clock)).toEqual(daysOf('2026-08-02', '2026-08-04'))
  expect(comparableDays(whole, '2026-07-30', '2026-08-06', { zone: 'UTC', daysAreLocal: false })).toEqual(
    daysOf('2026-08-01', '2026-08-04'),
  )
})
