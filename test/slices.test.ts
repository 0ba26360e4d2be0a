import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../lib/destination/contract.ts'
import { EVERYTHING, exportScope, requestSelection, type Selection, WHOLE } from '../lib/destination/selection.ts'
import {
  completeTo,
  type DayClock,
  endOfDay,
  halves,
  loadsLeft,
  missingDays,
  planSliceDays,
  planSlices,
  sliceName,
  syncDays,
  wholeDays,
} from '../lib/slices.ts'
import { addDays, countDays, type Day, endOfDayInZone } from '../lib/time/days.ts'

const ORIGIN: Day = '2026-01-01'
const UTC: DayClock = { zone: 'UTC', daysAreLocal: false }
const dayOf = (count: number): Day => addDays(ORIGIN, count)
const daysOf = (first: Day, last: Day) => missingDays(first, last, new Set())
const days = fc.uniqueArray(fc.nat(60), { maxLength: 40 }).map((counts) => counts.sort((a, b) => a - b).map(dayOf))

const A = exportScope(['A'])
const B = exportScope(['B'])
/** Only the first two can make a day whole for events A. */
const SELECTIONS: readonly Selection[] = [
  EVERYTHING,
  requestSelection(A),
  requestSelection(B),
  requestSelection(WHOLE, 0),
  requestSelection(A, 0),
  { kind: 'file', file: 'a', bytes: 1, sha256: 'x' },
  { kind: 'unknown', text: '{"events":["A"],"later":1}' },
]

function loaded(firstDay: Day, lastDay: Day, startedAt: number, selection = EVERYTHING): LoadRecord {
  return {
    loadId: 'load',
    stream: 'export',
    firstDay,
    lastDay,
    selection,
    rowCount: 1,
    rejectCount: 0,
    byteCount: 1,
    requestCount: 1,
    startedAt: new Date(startedAt),
    loadedAt: new Date(startedAt + 1000),
    writeMode: 'append',
    mixloadVersion: '0',
    dayRows: null,
  }
}

describe('the moment to which events are complete', () => {
  const local: DayClock = { zone: 'US/Pacific', daysAreLocal: true }
  const pacific: DayClock = { zone: 'US/Pacific', daysAreLocal: false }
  const at = (text: string) => Date.parse(text)
  const day = (name: Day, startedAt: string) => loaded(name, name, at(startedAt))

  it('is the end of the last day before a gap', () => {
    const ledger = [day('2026-08-01', '2026-08-09'), day('2026-08-02', '2026-08-09'), day('2026-08-04', '2026-08-09')]
    expect(completeTo(ledger, WHOLE, UTC)?.getTime()).toBe(at('2026-08-03T00:00Z'))
    expect(completeTo(ledger, WHOLE, local)?.getTime()).toBe(at('2026-08-03T07:00Z'))
    expect(completeTo([], WHOLE, UTC)).toBeUndefined()
  })

  it('is when the next day was read, if that was before its end', () => {
    const ledger = [day('2026-08-01', '2026-08-02T12:30Z'), day('2026-08-02', '2026-08-02T12:30Z')]
    expect(completeTo(ledger, WHOLE, pacific)?.getTime()).toBe(at('2026-08-02T12:30Z'))
    expect(completeTo(ledger.slice(0, 1), WHOLE, pacific)?.getTime()).toBe(at('2026-08-02T00:00Z'))
  })
})

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

describe('a day is whole', () => {
  const end = (day: Day) => endOfDay(day, UTC)

  it('when a load of it began after it was over, and not a moment before', () => {
    expect([...wholeDays([loaded(ORIGIN, ORIGIN, end(ORIGIN))], WHOLE, UTC)]).toEqual([ORIGIN])
    expect([...wholeDays([loaded(ORIGIN, ORIGIN, end(ORIGIN) - 1)], WHOLE, UTC)]).toEqual([])
  })

  it('on its own, even if the load spans days that were not over', () => {
    const last = addDays(ORIGIN, 2)
    const whole = wholeDays([loaded(ORIGIN, last, end(addDays(ORIGIN, 1)))], WHOLE, UTC)
    expect([...whole]).toEqual([ORIGIN, addDays(ORIGIN, 1)])
  })

  it('for what was selected, or when all was loaded, and not by a load of something else', () => {
    const late = end(dayOf(10))
    const ledger = [
      loaded(dayOf(0), dayOf(0), late, requestSelection(A)),
      loaded(dayOf(1), dayOf(1), late, requestSelection(B)),
      loaded(dayOf(2), dayOf(2), late),
    ]
    expect([...wholeDays(ledger, A, UTC)]).toEqual([dayOf(0), dayOf(2)])
    expect([...wholeDays(ledger, WHOLE, UTC)]).toEqual([dayOf(2)])
  })

  it('never by a load that has no days', () => {
    expect(
      wholeDays([{ ...loaded(ORIGIN, ORIGIN, end(ORIGIN)), firstDay: null, lastDay: null }], WHOLE, UTC).size,
    ).toBe(0)
  })

  it('only when it is over in the zone of the project, and in UTC too where days are cut there', () => {
    for (const zone of ['America/Los_Angeles', 'Asia/Tokyo', 'Europe/Berlin']) {
      const local = endOfDayInZone(ORIGIN, zone)
      expect(endOfDay(ORIGIN, { zone, daysAreLocal: true })).toBe(local)
      expect(endOfDay(ORIGIN, { zone, daysAreLocal: false })).toBe(Math.max(local, end(ORIGIN)))
    }
  })

  it('if and only if some load covers it, whatever the ledger', () => {
    const load = fc.record({
      first: fc.nat(20),
      more: fc.nat(5),
      startedOn: fc.nat(25),
      selection: fc.constantFrom(...SELECTIONS),
    })
    fc.assert(
      fc.property(fc.array(load, { maxLength: 12 }), fc.constantFrom(WHOLE, A), (loads, scope) => {
        const ledger = loads.map((load) =>
          loaded(dayOf(load.first), dayOf(load.first + load.more), end(dayOf(load.startedOn)), load.selection),
        )
        const expected = daysOf(dayOf(0), dayOf(30)).filter((_, count) =>
          loads.some(
            (load) =>
              load.first <= count &&
              count <= load.first + load.more &&
              count <= load.startedOn &&
              (load.selection === EVERYTHING || (load.selection === SELECTIONS[1] && scope === A)),
          ),
        )
        expect([...wholeDays(ledger, scope, UTC)].sort()).toEqual(expected)
      }),
    )
  })
})

describe('sync reads', () => {
  const whole = (...counts: readonly number[]) => new Set(counts.map(dayOf))

  it('nothing when nothing was ever loaded and no first day is given', () => {
    expect(syncDays(new Set(), undefined, dayOf(10), 5)).toEqual([])
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

describe('the loads that a table still takes', () => {
  it('are as many as it takes in 24 hours, less those of the last 24', () => {
    const now = Date.parse('2026-08-10T12:00:00Z')
    const at = (hoursAgo: number) => loaded('2026-08-01', '2026-08-01', now - hoursAgo * 3_600_000 - 1000)
    const ledger = [at(100), at(24.001), at(23.9), at(1), at(0)]
    expect(loadsLeft(ledger, 1500, now)).toBe(1497)
    expect(loadsLeft(ledger, 2, now)).toBe(0)
    expect(loadsLeft(ledger, Number.POSITIVE_INFINITY, now)).toBe(Number.POSITIVE_INFINITY)
    expect(loadsLeft([], 1500, now)).toBe(1500)
  })
})
