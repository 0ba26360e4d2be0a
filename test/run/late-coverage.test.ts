import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { exportScope, requestSelection, WHOLE } from '../../lib/destination/selection.ts'
import { syncDays } from '../../lib/run/choose-days.ts'
import { coverageOf, LATE_MARGIN_MS, lateSlice } from '../../lib/run/late-coverage.ts'
import { type DayClock, missingDays, wholeDays } from '../../lib/run/whole-days.ts'
import { planSlices, type Slice } from '../../lib/slices.ts'
import { addDays, type Day, dayAt } from '../../lib/time/days.ts'

const UTC: DayClock = { zone: 'UTC', daysAreLocal: false }
const FIRST = '2026-03-01'
const HOUR_MS = 3_600_000
const CHOICE = { name: 'export', from: FIRST, heldBack: [], clock: UTC }
const START = Date.parse(`${FIRST}T00:00:00Z`)

function recordOf({ firstDay, lastDay, since }: Slice, startedAt: number, events?: readonly string[]): LoadRecord {
  return {
    loadId: `${startedAt}`,
    stream: 'export',
    firstDay,
    lastDay,
    selection: requestSelection(exportScope(events), since),
    rowCount: 0,
    rejectCount: 0,
    byteCount: 0,
    requestCount: 1,
    startedAt: new Date(startedAt),
    loadedAt: new Date(startedAt),
    writeMode: 'append',
    mixloadVersion: '0',
    dayRows: null,
  }
}

/** An event of a day that Mixpanel processed at a moment, and exports from another on. */
interface Arrival {
  readonly day: Day
  readonly processedAt: number
  readonly givenFrom: number
}

/** A warehouse, with how often each event was loaded. */
class Warehouse {
  readonly ledger: LoadRecord[] = []
  readonly #arrivals: readonly Arrival[]
  readonly #times = new Map<Arrival, number>()

  constructor(arrivals: readonly Arrival[]) {
    this.#arrivals = arrivals
  }

  timesLoaded(arrival: Arrival): number {
    return this.#times.get(arrival) ?? 0
  }

  run(now: number, window: number, isLate: boolean): void {
    const whole = wholeDays(this.ledger, WHOLE, UTC)
    const yesterday = addDays(dayAt(now), -1)
    const days =
      whole.size === 0
        ? missingDays(FIRST, yesterday, whole)
        : syncDays({ ...CHOICE, whole, lastDay: yesterday, daysReadAgain: window })
    const coverage = coverageOf(this.ledger, WHOLE, UTC)
    for (const slice of planSlices(days, 3)) this.#load(slice, now, () => true)
    const late = isLate ? lateSlice(coverage, new Set(days), FIRST, yesterday) : undefined
    if (late === undefined) return
    this.#load(late, now, ({ day, processedAt }) => {
      const isAsked = processedAt > (late.since ?? 0)
      const isCovered = days.includes(day) || processedAt <= (coverage.get(day) ?? Number.POSITIVE_INFINITY)
      return isAsked && !isCovered
    })
  }

  #load(slice: Slice, now: number, isKept: (arrival: Arrival) => boolean): void {
    for (const arrival of this.#arrivals) {
      const { day, givenFrom } = arrival
      if (day < slice.firstDay || day > slice.lastDay || givenFrom > now || !isKept(arrival)) continue
      this.#times.set(arrival, this.timesLoaded(arrival) + 1)
    }
    this.ledger.push(recordOf(slice, now))
  }
}

describe('late arrivals', () => {
  it('are never missed, whenever they come and however often and in what way sync runs', () => {
    const arrival = fc
      .record({ day: fc.nat(15), after: fc.nat(30 * 24 * 60), delay: fc.nat(LATE_MARGIN_MS) })
      .map(({ day, after, delay }) => {
        const own = addDays(FIRST, day)
        const processedAt = Date.parse(`${own}T12:00:00Z`) + after * 60_000
        return { day: own, processedAt, givenFrom: processedAt + delay }
      })
    const runs = fc.array(
      fc.record({ hours: fc.integer({ min: 5, max: 100 }), window: fc.nat(4), isLate: fc.boolean() }),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 40 }), runs, (arrivals, steps) => {
        const warehouse = new Warehouse(arrivals)
        let now = START + 30 * HOUR_MS
        for (const { hours, window, isLate } of steps) {
          warehouse.run(now, window, isLate)
          now += hours * HOUR_MS
        }
        warehouse.run(now, 0, true)
        for (const arrival of arrivals) {
          const isDue = arrival.givenFrom <= now && arrival.day < dayAt(now)
          expect(warehouse.timesLoaded(arrival) > 0).toBe(isDue)
        }
      }),
    )
  })

  it('come twice only where they were processed shortly before the day was read', () => {
    const processed = (hour: number) => {
      const processedAt = START + hour * HOUR_MS
      return { day: FIRST, processedAt, givenFrom: processedAt }
    }
    // Read at hour 30 and 54, requested as late arrivals at hour 78 and 102.
    const arrivals = [processed(20), processed(49), processed(52), processed(60), processed(76), processed(90)]
    const warehouse = new Warehouse(arrivals)
    warehouse.run(START + 30 * HOUR_MS, 1, false)
    warehouse.run(START + 54 * HOUR_MS, 1, false)
    warehouse.run(START + 78 * HOUR_MS, 1, true)
    warehouse.run(START + 102 * HOUR_MS, 1, true)
    expect(LATE_MARGIN_MS).toBe(3 * HOUR_MS)
    expect(arrivals.map((arrival) => warehouse.timesLoaded(arrival))).toEqual([2, 1, 2, 1, 2, 1])
  })

  it('are requested from the day whose last reading is longest ago, except for days that are read anyway', () => {
    const ledger = [
      recordOf({ firstDay: '2026-03-01', lastDay: '2026-03-03' }, Date.parse('2026-03-04T04:00:00Z')),
      recordOf({ firstDay: '2026-03-03', lastDay: '2026-03-06' }, Date.parse('2026-03-07T04:00:00Z')),
    ]
    const coverage = coverageOf(ledger, WHOLE, UTC)
    const since = Date.parse('2026-03-04T01:00:00Z')
    expect(lateSlice(coverage, new Set(['2026-03-06']), undefined, '2026-03-06')).toEqual({
      firstDay: '2026-03-01',
      lastDay: '2026-03-05',
      since,
    })
    expect(lateSlice(coverage, new Set(), '2026-03-03', '2026-03-04')).toEqual({
      firstDay: '2026-03-03',
      lastDay: '2026-03-04',
      since: Date.parse('2026-03-07T01:00:00Z'),
    })
    expect(lateSlice(coverage, new Set(coverage.keys()), undefined, '2026-03-06')).toBeUndefined()
    expect(lateSlice(new Map(), new Set(), undefined, '2026-03-06')).toBeUndefined()
  })

  it('that a request left out do not count as covered', () => {
    const read = recordOf({ firstDay: '2026-03-01', lastDay: '2026-03-01' }, START + 30 * HOUR_MS)
    const after = recordOf(
      { firstDay: '2026-03-01', lastDay: '2026-03-01', since: START + 40 * HOUR_MS },
      START + 60 * HOUR_MS,
    )
    const unrelated = recordOf({ firstDay: '2026-03-01', lastDay: '2026-03-01', since: START }, START + 60 * HOUR_MS, [
      'A',
    ])
    expect(coverageOf([read, after, unrelated], WHOLE, UTC).get(FIRST)).toBe(START + 27 * HOUR_MS)
  })

  it('do not make a day whole', () => {
    const late = recordOf({ firstDay: FIRST, lastDay: FIRST, since: START }, START + 60 * HOUR_MS)
    expect(wholeDays([late], WHOLE, UTC).size).toBe(0)
    expect(coverageOf([late], WHOLE, UTC).size).toBe(0)
  })
})
