import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { addDays, countDays, dayAt } from '../../lib/time/days.ts'
import { dayOf, parseFirstDay, parseLastDay } from '../../lib/time/given-day.ts'

const TODAY = '2026-08-31'
const anyDay = fc.integer({ min: 0, max: 50_000 }).map((count) => dayAt(count * 86_400_000))

function first(text: string, today = TODAY): string | undefined {
  const given = parseFirstDay(text)
  return given === undefined ? undefined : dayOf(given, today)
}
function last(text: string, today = TODAY): string | undefined {
  const given = parseLastDay(text)
  return given === undefined ? undefined : dayOf(given, today)
}

describe('a day can be given as', () => {
  it.each([
    ['2026-03-05', '2026-03-05', '2026-03-05'],
    ['2026-01', '2026-01-01', '2026-01-31'],
    ['2026-02', '2026-02-01', '2026-02-28'],
    ['2024-02', '2024-02-01', '2024-02-29'],
    ['2025-12', '2025-12-01', '2025-12-31'],
    ['2025', '2025-01-01', '2025-12-31'],
    ['2024', '2024-01-01', '2024-12-31'],
    ['30d', '2026-08-01', '2026-08-01'],
    ['1d', '2026-08-30', '2026-08-30'],
    ['0d', '2026-08-31', '2026-08-31'],
    // A month or year that is not over ends yesterday; a day is taken as it is.
    ['2026-08', '2026-08-01', '2026-08-30'],
    ['2026', '2026-01-01', '2026-08-30'],
    ['2027-01-01', '2027-01-01', '2027-01-01'],
  ])('%s', (text, firstDay, lastDay) => {
    expect([first(text), last(text)]).toEqual([firstDay, lastDay])
  })

  it.each(['', 'd', '-1d', '1.5d', '30 d', '123456d', '30w', '26', '2026-13', '2026-00', '2026-1', '2026-02-30', 'x'])(
    'and not as %j',
    (text) => {
      expect([first(text), last(text)]).toEqual([undefined, undefined])
    },
  )

  it('a month or year from its first day to its last', () => {
    fc.assert(
      fc.property(anyDay, fc.constantFrom('month', 'year'), (day, unit) => {
        const text = day.slice(0, unit === 'month' ? 7 : 4)
        const moment = DateTime.fromISO(day, { zone: 'UTC' })
        expect(first(text)).toBe(moment.startOf(unit).toISODate())
        expect(last(text, '2200-01-01')).toBe(moment.endOf(unit).toISODate())
        expect(last(text, day)).toBe(addDays(day, -1))
      }),
    )
  })

  it('days before today, so that 30d until yesterday are 30 days', () => {
    fc.assert(
      fc.property(anyDay, fc.integer({ min: 1, max: 20_000 }), (today, count) => {
        const from = first(`${count}d`, today) ?? ''
        expect(last(`${count}d`, today)).toBe(from)
        expect(countDays(from, addDays(today, -1))).toBe(count)
      }),
    )
  })
})
