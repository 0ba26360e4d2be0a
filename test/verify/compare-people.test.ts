import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compareCounts, countsOf } from '../../lib/verify/compare.ts'
import { comparePeople } from '../../lib/verify/compare-people.ts'

const DAY = '2026-08-01'
const [SOON, LATER] = ['2026-08-03', '2026-08-10']

/** The causes of a comparison of one day and name. */
function causes(
  people: number,
  ids: number,
  mixpanel: number,
  { events = [9, 9], today = SOON }: { events?: readonly [number, number]; today?: string } = {},
) {
  const of = (count: number) => countsOf([[DAY, 'a', count]])
  const { differences } = compareCounts(of(events[0]), of(events[1]), [DAY], 0, today)
  const found = comparePeople({ people: of(people), ids: of(ids) }, of(mixpanel), differences, [DAY], 0, today)
  return found.differences.map(({ cause }) => cause)
}

it('a number of people between the people and the ids of the warehouse is a merge at another time only on the last days', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(9), fc.nat(70), (people, more, mixpanel) => {
      const ids = people + more
      const causeOn = (between: string) => (mixpanel < people ? 'unknown-links' : mixpanel <= ids ? between : 'unknown')
      const isSame = mixpanel === people
      expect(causes(people, ids, mixpanel)).toEqual(isSame ? [] : [causeOn('merged-later')])
      const later = causes(people, ids, mixpanel, { today: LATER })
      expect(later).toEqual(isSame ? [] : [causeOn('other-merges')])
    }),
  )
})

it('where events differ, that is the cause', () => {
  expect(causes(3, 5, 4, { events: [9, 10] })).toEqual(['events'])
})
