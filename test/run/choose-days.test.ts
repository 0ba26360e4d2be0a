import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { syncDays as chosen } from '../../lib/run/choose-days.ts'
import { addDays, type Day, daysOf } from '../../lib/time/days.ts'

const ORIGIN: Day = '2026-01-01'
const dayOf = (count: number): Day => addDays(ORIGIN, count)

describe('sync reads', () => {
  /** The days that are read, where the first day is that of the ledger unless one is given. */
  const syncDays = (known: ReadonlySet<Day>, from: Day | undefined, lastDay: Day, daysReadAgain: number) => {
    const clock = { zone: 'UTC', daysAreLocal: false }
    const first = from ?? [...known].sort()[0]
    return chosen({ name: 'export', whole: known, from: first, lastDay, daysReadAgain, heldBack: [], clock })
  }
  const whole = (...counts: readonly number[]) => new Set(counts.map(dayOf))

  it('nothing when nothing was ever loaded and no first day is given', () => {
    expect(() => syncDays(new Set(), undefined, dayOf(10), 5)).toThrow('export: the ledger has no whole day')
  })

  it('all from the first day given when nothing was ever loaded', () => {
    expect(syncDays(new Set(), dayOf(8), dayOf(10), 5)).toEqual([dayOf(8), dayOf(9), dayOf(10)])
  })

  it('what is new and the window before it', () => {
    expect(syncDays(whole(1, 2, 3, 4), undefined, dayOf(6), 2)).toEqual([3, 4, 5, 6].map(dayOf))
  })

  it('only what is new without a window', () => {
    expect(syncDays(whole(1, 2), undefined, dayOf(4), 0)).toEqual([dayOf(3), dayOf(4)])
    expect(syncDays(whole(1, 2), undefined, dayOf(2), 0)).toEqual([])
  })

  it('days that were left out before', () => {
    expect(syncDays(whole(1, 4, 5, 6), undefined, dayOf(6), 1)).toEqual([2, 3, 6].map(dayOf))
  })

  it('nothing before the first day given, the window included', () => {
    expect(syncDays(whole(1, 2, 3), dayOf(3), dayOf(4), 5)).toEqual([dayOf(3), dayOf(4)])
  })

  it('days before the first that was loaded, where an earlier first day is given', () => {
    expect(syncDays(whole(3), dayOf(1), dayOf(3), 0)).toEqual([dayOf(1), dayOf(2)])
  })

  it('every missing day and the window, each once and in order, and never a day after yesterday', () => {
    const first = fc.option(fc.nat(30), { nil: undefined })
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30)), first, fc.nat(30), fc.nat(10), (counts, from, yesterday, window) => {
        const known = counts.filter((count) => count <= yesterday)
        fc.pre(from !== undefined || known.length > 0)
        const read = syncDays(whole(...known), from === undefined ? undefined : dayOf(from), dayOf(yesterday), window)
        const start = from ?? (known.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...known))
        const last = Math.max(...known)
        const expected = daysOf(dayOf(0), dayOf(yesterday)).filter(
          (_, count) => count >= start && (!known.includes(count) || (count <= last && count > last - window)),
        )
        expect(read).toEqual(expected)
      }),
    )
  })
})
