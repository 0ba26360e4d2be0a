import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOADS } from '../../lib/destination/ledger.ts'
import { DayTally } from '../../lib/time/day-tally.ts'
import { dayAt } from '../../lib/time/days.ts'
import { type EventClock, eventClock, FILE_CLOCK } from '../../lib/time/event-time.ts'

const FIRST = '2026-02-27'
const LAST = '2026-03-02'
const SLICE = eventClock(FIRST, LAST)

const tallied = (clock: EventClock, moments: readonly number[]) => {
  const tally = new DayTally(clock)
  for (const ms of moments) tally.note(ms)
  return tally
}

/** Moments around the slice, and some that are none. */
const moment = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: Date.parse('2026-02-20'), max: Date.parse('2026-03-10') }) },
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 9e15, 0, -1, SLICE.from, SLICE.from - 1, SLICE.until),
)

describe('rows by day', () => {
  it('have every event of a slice on one of its days, as `_day` has it', () => {
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 50 }), (moments) => {
        const expected: Record<string, number> = {}
        for (const ms of moments) {
          const own = Math.abs(ms) <= 8.64e15 ? dayAt(ms) : FIRST
          const day = own < FIRST || ms < 0 ? FIRST : own > LAST ? LAST : own
          expected[day] = (expected[day] ?? 0) + 1
        }
        const tally = tallied(SLICE, moments)
        expect(tally.dayRows()).toEqual(expected)
        expect(Object.keys(tally.dayRows())).toEqual(Object.keys(expected).sort())
        expect(tally.size).toBe(Object.keys(expected).length)
      }),
    )
  })

  it('have an event from a file on its own day, and leave out what has none', () => {
    const ms = Date.parse('2019-12-31T23:59:59.999Z')
    const tally = tallied(FILE_CLOCK, [ms, ms + 1, ms + 1, Number.NaN, Date.parse('9999-12-31T23:59:59.999Z') + 1])
    expect(tally.dayRows()).toEqual({ '2019-12-31': 1, '2020-01-01': 2 })
  })

  it('round to the millisecond before they look at the day, as the engine does', () => {
    const midnight = Date.parse('2026-03-01T00:00:00Z')
    expect(tallied(SLICE, [midnight - 0.4, midnight - 0.6]).dayRows()).toEqual({ '2026-02-28': 1, '2026-03-01': 1 })
  })

  it('come back from the text of the ledger', () => {
    const { dayRows } = LOADS.columns
    for (const rows of [{}, { '2026-03-01': 3 }, null]) expect(dayRows.fromText(dayRows.toText(rows))).toEqual(rows)
  })
})
