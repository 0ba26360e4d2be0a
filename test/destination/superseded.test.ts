import { describe, expect, it } from 'vitest'
import { dayCondition } from '../../lib/destination/superseded.ts'
import { daysOf } from '../../lib/time/days.ts'

describe('the condition for days', () => {
  it.each([
    [null, 'true'],
    [{ days: [], isUndated: false }, 'false'],
    [{ days: [], isUndated: true }, '_day IS NULL'],
    [{ days: ['2026-08-03'], isUndated: false }, "_day = DATE '2026-08-03'"],
    [
      { days: ['2026-08-05', '2026-07-31', '2026-08-01'], isUndated: true },
      "_day BETWEEN DATE '2026-07-31' AND DATE '2026-08-01' OR _day = DATE '2026-08-05' OR _day IS NULL",
    ],
  ])('of %j is %s', (days, condition) => expect(dayCondition(days)).toBe(condition))

  it('has at most a hundred ranges, which have all of the days and few others', () => {
    // Every other day, and much later one more.
    const days = [...daysOf('2015-01-01', '2019-12-31').filter((_, at) => at % 2 === 0), '2026-08-03']
    const condition = dayCondition({ days, isUndated: false })
    expect(condition).toBe("_day BETWEEN DATE '2015-01-01' AND DATE '2019-12-30' OR _day = DATE '2026-08-03'")
  })
})
