import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareCounts, countsOf } from '../../lib/verify/compare.ts'
import { batchesOf } from '../../lib/verify/mixpanel-counts.ts'

const DAYS = ['2026-08-01', '2026-08-02', '2026-08-03']
const TODAY = '2026-08-10'
const rows = fc.array(
  fc.tuple(fc.constantFrom(...DAYS), fc.constantFrom('a', 'b', 'constructor', '__proto__'), fc.nat(1000)),
)

describe('comparing counts', () => {
  it('finds nothing if both are the same', () => {
    fc.assert(
      fc.property(rows, (given) => {
        expect(compareCounts(countsOf(given), countsOf(given), DAYS, 0, TODAY).differences).toEqual([])
      }),
    )
  })

  it('finds exactly the days and names whose sums differ, of names that Mixpanel answers for', () => {
    fc.assert(
      fc.property(rows, rows, (ours, theirs) => {
        const sum = (all: typeof ours, day: string, event: string) =>
          all.filter((row) => row[0] === day && row[1] === event).reduce((total, row) => total + row[2], 0)
        const { differences, uncounted } = compareCounts(countsOf(ours), countsOf(theirs), DAYS, 0, TODAY)
        const names = new Set(theirs.map(([, event]) => event))
        const expected = DAYS.flatMap((day) =>
          [...names]
            .filter((event) => sum(ours, day, event) !== sum(theirs, day, event))
            .map((event) => ({
              day,
              event,
              warehouse: sum(ours, day, event),
              mixpanel: sum(theirs, day, event),
            })),
        )
        expect(differences).toHaveLength(expected.length)
        expect(differences).toEqual(expect.arrayContaining(expected))
        expect(new Set(uncounted)).toEqual(new Set(ours.map(([, event]) => event).filter((name) => !names.has(name))))
      }),
    )
  })

  it('accepts a difference within the tolerance', () => {
    const of = (count: number) => countsOf([['2026-08-01', 'a', count]])
    expect(compareCounts(of(990), of(1000), DAYS, 0.01, TODAY).differences).toEqual([])
    expect(compareCounts(of(989), of(1000), DAYS, 0.01, TODAY).differences).toHaveLength(1)
    expect(compareCounts(of(1), of(0), DAYS, 0.5, TODAY).differences).toHaveLength(1)
  })

  it('looks only at the requested days', () => {
    expect(compareCounts(countsOf([['2026-07-01', 'a', 1]]), countsOf([]), DAYS, 0, TODAY)).toMatchObject({
      differences: [],
      uncounted: [],
      compared: 0,
    })
  })
})

it('names are split into batches that fit into a URL, none lost, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 10, max: 200 }), (names, max) => {
      const batches = batchesOf(names, max)
      expect(batches.flat()).toEqual(names)
      for (const batch of batches) {
        if (batch.length > 1) expect(encodeURIComponent(JSON.stringify(batch)).length).toBeLessThanOrEqual(max + 6)
      }
    }),
  )
})
