import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { EVERYTHING, exportScope, requestSelection, type Selection, WHOLE } from '../../lib/destination/selection.ts'
import { completeTo, type DayClock, endOfDay, wholeDays } from '../../lib/run/whole-days.ts'
import { addDays, type Day, daysOf, endOfDayInZone } from '../../lib/time/days.ts'

const ORIGIN: Day = '2026-01-01'
const dayOf = (count: number): Day => addDays(ORIGIN, count)
const UTC: DayClock = { zone: 'UTC', daysAreLocal: false }

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
