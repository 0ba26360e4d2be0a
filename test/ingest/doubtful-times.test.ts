import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeDoubt } from '../../lib/ingest/doubtful-times.ts'

const NOW = Date.parse('2026-08-03T12:00:00Z')
const HOUR_MS = 3_600_000
const usual = fc.integer({ min: Date.parse('1973-03-04T00:00:00Z'), max: NOW + HOUR_MS })

describe('the time of an event to import', () => {
  it('is usual from 1971 to an hour ahead, in milliseconds and in seconds', () => {
    fc.assert(
      fc.property(usual, (ms) => {
        expect(timeDoubt(ms, NOW)).toBeUndefined()
        expect(timeDoubt(Math.floor(ms / 1000), NOW)).toBeUndefined()
      }),
    )
  })

  it('is doubtful in microseconds and nanoseconds, whatever it is', () => {
    fc.assert(
      fc.property(usual, (ms) => {
        expect(timeDoubt(ms * 1000, NOW)).toBe('microseconds')
        expect(timeDoubt(ms * 1e6, NOW)).toBe('microseconds')
      }),
    )
  })

  it('is doubtful more than an hour ahead, and in 1970', () => {
    expect(timeDoubt(NOW + HOUR_MS + 1, NOW)).toBe('future')
    expect(timeDoubt(1_950_000_000, NOW)).toBe('future')
    expect([0, 10, 31_535_999].map((time) => timeDoubt(time, NOW))).toEqual(['early', 'early', 'early'])
    expect(timeDoubt(31_536_000, NOW)).toBeUndefined()
  })
})
