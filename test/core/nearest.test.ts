import { expect, it } from 'vitest'
import { didYouMean } from '../../lib/core/nearest.ts'

const NAMES = ['from', 'to', 'backfill', 'projectId', 'sliceDays', 'sync']

it.each([
  ['form', 'from'],
  ['bakcfill', 'backfill'],
  ['fill', undefined],
  ['project_id', 'projectId'],
  ['--slice-day', 'sliceDays'],
  ['SYNC', 'sync'],
  ['snyc', 'sync'],
  ['foo', undefined],
  ['x', undefined],
  ['', undefined],
])('the name that was meant by %j is %j', (given, meant) => {
  expect(didYouMean(given, NAMES)).toBe(meant === undefined ? '' : ` Did you mean ${meant}?`)
})

it('of two names that are alike, the nearer one is meant', () => {
  expect(didYouMean('events', ['event', 'eventss', 'events2'])).toBe(' Did you mean event?')
  expect(didYouMean('evens', ['evenings', 'events'])).toBe(' Did you mean events?')
})
