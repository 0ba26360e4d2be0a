import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDays, dayAt } from '../../lib/time/days.ts'
import { clockMs, dayNumber, dayOfNumber, eventClock, FILE_CLOCK, isStorable } from '../../lib/time/event-time.ts'
import { INSTANT_MS_MAX } from '../../lib/time/instants.ts'

const DAY_MS = 86_400_000
/** Slices from February 1970 on, of up to a month. */
const slice = fc
  .tuple(fc.integer({ min: 60, max: 40_000 }), fc.nat(31))
  .map(([first, more]) => [dayAt(first * DAY_MS), dayAt((first + more) * DAY_MS)] as const)

describe('the number in time', () => {
  it('within the days asked for is read as milliseconds', () => {
    fc.assert(
      fc.property(slice, fc.double({ min: 0, max: 0.999, noNaN: true }), ([first, last], part) => {
        const clock = eventClock(first, last)
        const time = clock.from + Math.floor(part * (clock.until - clock.from))
        expect(clockMs(clock, time)).toBe(time)
      }),
    )
  })

  it('that only as seconds is near the days asked for is read as seconds', () => {
    fc.assert(
      fc.property(slice, fc.integer({ min: -86_399, max: 86_399 }), ([first, last], seconds) => {
        const clock = eventClock(first, last)
        for (const edge of [clock.from, clock.until - 1000]) {
          const time = edge / 1000 + seconds
          expect(clockMs(clock, time)).toBe(time * 1000)
        }
      }),
    )
  })

  it('is never read in a way that loses an event that was sent in milliseconds', () => {
    fc.assert(
      fc.property(slice, fc.integer({ min: 0, max: 40_000 * DAY_MS }), ([first, last], time) => {
        const clock = eventClock(first, last)
        const isInSlice = time >= clock.from && time < clock.until
        if (isInSlice) expect(clockMs(clock, time)).toBe(time)
        expect([time, time * 1000]).toContain(clockMs(clock, time))
      }),
    )
  })

  it('in the first days of 1970, where it could be either, is read as milliseconds', () => {
    const clock = eventClock('1970-01-01', '1970-01-01')
    for (const time of [0, 1, 1000, 86_399, 86_400, 86_399_999]) expect(clockMs(clock, time)).toBe(time)
  })

  it('of an event that is far off stays what it is', () => {
    const clock = eventClock('2026-08-03', '2026-08-03')
    const seconds = clock.from / 1000
    for (const time of [0, -1, -seconds, seconds - 86_401, seconds + 2 * 86_400, clock.from * 1000]) {
      expect(clockMs(clock, time)).toBe(time)
    }
  })

  it('keeps its fraction', () => {
    const clock = eventClock('2026-08-03', '2026-08-03')
    expect(clockMs(clock, clock.from + 0.25)).toBe(clock.from + 0.25)
    expect(clockMs(clock, clock.from / 1000 + 0.5)).toBe(clock.from + 500)
  })
})

describe('the number in time of an event from a file', () => {
  it('is seconds if it is small, on either side of 1970, and milliseconds if not', () => {
    for (const time of [0, 1, -1, 1_700_000_000, 1_700_000_000.5, -86_400, 99_999_999_999]) {
      expect(clockMs(FILE_CLOCK, time)).toBe(time * 1000)
    }
    for (const time of [1e11, 1_700_000_000_000, -1e11 - 1, 8.64e15]) expect(clockMs(FILE_CLOCK, time)).toBe(time)
  })

  it('is read right in seconds up to the year 5138, and in milliseconds from March 1973', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e11, max: 99_999_999_999_999 }), (ms) => {
        expect(clockMs(FILE_CLOCK, ms)).toBe(ms)
        expect(clockMs(FILE_CLOCK, Math.floor(ms / 1000))).toBe(Math.floor(ms / 1000) * 1000)
      }),
    )
  })

  it('may be of any day from the year 1 to 9999', () => {
    expect(dayAt(FILE_CLOCK.from)).toBe('0001-01-01')
    expect(dayAt(FILE_CLOCK.until - 1)).toBe('9999-12-31')
    expect(new Date(FILE_CLOCK.from - 1).getUTCFullYear()).toBe(0)
  })
})

describe('the number of a day', () => {
  it('is that of all its moments, before 1970, too', () => {
    fc.assert(
      fc.property(fc.integer({ min: FILE_CLOCK.from, max: FILE_CLOCK.until - 1 }), (ms) => {
        expect(dayOfNumber(dayNumber(ms))).toBe(dayAt(ms))
      }),
    )
  })
})

describe('the days of a slice as milliseconds', () => {
  it('begin with the first day and end after the last', () => {
    fc.assert(
      fc.property(slice, ([first, last]) => {
        const { from, until, filedUnder } = eventClock(first, last)
        expect(filedUnder).toEqual({ firstDay: first, lastDay: last })
        expect([dayAt(from), dayAt(until)]).toEqual([first, addDays(last, 1)])
        expect([from % DAY_MS, until % DAY_MS]).toEqual([0, 0])
      }),
    )
  })
})

describe('a moment that a warehouse holds', () => {
  it('is any date to the millisecond, also of the year 53895', () => {
    for (const ms of [0, -1, 1.7e12, 1_638_576_000_000_000, INSTANT_MS_MAX, -INSTANT_MS_MAX]) {
      expect(isStorable(ms), String(ms)).toBe(true)
    }
  })

  it('is not beyond the calendar, has no fraction of a millisecond, and is a number', () => {
    for (const ms of [
      INSTANT_MS_MAX + 2,
      -INSTANT_MS_MAX - 2,
      1e300,
      0.5,
      1.7e12 + 0.25,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]) {
      expect(isStorable(ms), String(ms)).toBe(false)
    }
  })

  it('is what JavaScript can make a date of', () => {
    fc.assert(
      fc.property(fc.integer({ min: -9e15, max: 9e15 }), (ms) => {
        expect(isStorable(ms)).toBe(!Number.isNaN(new Date(ms).getTime()))
      }),
    )
  })

  it('is also one in seconds that binary fractions put a hair beside its millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (ms) => {
        expect(isStorable((ms / 1000) * 1000)).toBe(true)
      }),
    )
  })
})
