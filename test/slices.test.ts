import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { halves, loadsLeft, planSliceDays, planSlices, sliceName } from '../lib/slices.ts'
import { addDays, countDays, type Day, daysOf } from '../lib/time/days.ts'

const ORIGIN: Day = '2026-01-01'
const dayOf = (count: number): Day => addDays(ORIGIN, count)
const days = fc.uniqueArray(fc.nat(60), { maxLength: 40 }).map((counts) => counts.sort((a, b) => a - b).map(dayOf))

describe('slices', () => {
  it('have exactly the given days, each once, in order, and no more than allowed', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 10 }), (given, sliceDays) => {
        const slices = planSlices(given, sliceDays)
        expect(slices.flatMap(({ firstDay, lastDay }) => daysOf(firstDay, lastDay))).toEqual(given)
        for (const { firstDay, lastDay } of slices) expect(countDays(firstDay, lastDay)).toBeLessThanOrEqual(sliceDays)
      }),
    )
  })

  it('are no more than needed: two neighbours never fit into one', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 10 }), (given, sliceDays) => {
        const slices = planSlices(given, sliceDays)
        for (const [at, next] of slices.slice(1).entries()) {
          const before = slices[at] ?? next
          const touch = addDays(before.lastDay, 1) === next.firstDay
          if (touch) expect(countDays(before.firstDay, before.lastDay)).toBe(sliceDays)
        }
      }),
    )
  })

  it('are as long as the limit on requests per hour requires', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 0, max: 200 }), (count, perHour) => {
        const sliceDays = planSliceDays(count, perHour)
        expect(sliceDays).toBeGreaterThanOrEqual(1)
        const planned = perHour === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(perHour * 0.8))
        expect(Math.ceil(count / sliceDays)).toBeLessThanOrEqual(planned)
        if (sliceDays > 1) expect(Math.ceil(count / (sliceDays - 1))).toBeGreaterThan(planned)
      }),
    )
  })

  it.each([
    [48, 60, 1],
    [49, 60, 2],
    [365, 60, 8],
    [365, 0, 1],
    [0, 60, 1],
    [10, 1, 10],
  ])('of %i days with %i requests an hour span %i', (count, perHour, sliceDays) => {
    expect(planSliceDays(count, perHour)).toBe(sliceDays)
  })

  it('have two halves that make up the whole, and are as equal as possible', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.integer({ min: 1, max: 100 }), (start, more) => {
        const slice = { firstDay: dayOf(start), lastDay: dayOf(start + more) }
        const [first = slice, second = slice] = halves(slice) ?? []
        expect([...daysOf(first.firstDay, first.lastDay), ...daysOf(second.firstDay, second.lastDay)]).toEqual(
          daysOf(slice.firstDay, slice.lastDay),
        )
        const difference = countDays(first.firstDay, first.lastDay) - countDays(second.firstDay, second.lastDay)
        expect(Math.abs(difference)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('are named by their days', () => {
    expect(sliceName({ firstDay: ORIGIN, lastDay: ORIGIN })).toBe('2026-01-01')
    expect(sliceName({ firstDay: ORIGIN, lastDay: '2026-01-03' })).toBe('2026-01-01 to 2026-01-03')
  })
})

describe('the loads that a table still takes', () => {
  it('are as many as it takes in 24 hours, less those of the last 24', () => {
    const now = Date.parse('2026-08-10T12:00:00Z')
    const at = (hoursAgo: number) => ({ loadedAt: new Date(now - hoursAgo * 3_600_000) })
    const ledger = [at(100), at(24.001), at(23.9), at(1), at(0)]
    expect(loadsLeft(ledger, 1500, now)).toBe(1497)
    expect(loadsLeft(ledger, 2, now)).toBe(0)
    expect(loadsLeft(ledger, Number.POSITIVE_INFINITY, now)).toBe(Number.POSITIVE_INFINITY)
    expect(loadsLeft([], 1500, now)).toBe(1500)
  })
})
