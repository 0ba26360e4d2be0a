import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareCounts, countsOf } from '../../lib/verify/compare.ts'
import { comparePeople } from '../../lib/verify/compare-people.ts'

const DAY = '2026-08-01'
const TODAY = '2026-08-10'

/** The causes of a comparison of one day and name. */
function causes(people: number, ids: number, mixpanel: number, events: readonly [number, number] = [9, 9]) {
  const of = (count: number) => countsOf([[DAY, 'a', count]])
  const { differences } = compareCounts(of(events[0]), of(events[1]), [DAY], 0, TODAY)
  const found = comparePeople({ people: of(people), ids: of(ids) }, of(mixpanel), differences, [DAY], 0, TODAY)
  return found.differences.map(({ cause }) => cause)
}

it('a number of people between the people and the ids of the warehouse is a merge at another time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(9), fc.nat(70), (people, more, mixpanel) => {
      const ids = people + more
      const cause = mixpanel < people ? 'unknown-links' : mixpanel <= ids ? 'merged-later' : 'unknown'
      expect(causes(people, ids, mixpanel)).toEqual(mixpanel === people ? [] : [cause])
    }),
  )
})

it('where events differ, that is the cause', () => {
  expect(causes(3, 5, 4, [9, 10])).toEqual(['events'])
})
