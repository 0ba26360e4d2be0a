import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { daysIn } from '../../lib/streams/days-in.ts'
import { addDays } from '../../lib/time/days.ts'

const SLICE = { firstDay: '2026-08-01', lastDay: '2026-08-10' }
const read = (members: Readonly<Record<string, unknown>>) => daysIn(members, SLICE, 'The answer')
const dayFrom = (offset: number) => addDays(SLICE.firstDay, offset)

describe('the days of an answer', () => {
  it('are the requested ones, in order, if any day is within two days of them', () => {
    const near = fc.integer({ min: -2, max: 11 }).map(dayFrom)
    const any = fc.integer({ min: -500, max: 500 }).map(dayFrom)
    fc.assert(
      fc.property(near, fc.uniqueArray(any), (sure, days) => {
        const members = Object.fromEntries([...days, sure, '$overall'].map((day) => [day, {}]))
        const wanted = Object.keys(members).filter((day) => day >= SLICE.firstDay && day <= SLICE.lastDay)
        expect(read(members).map(([day]) => day)).toEqual(wanted.sort())
      }),
    )
  })

  it('are refused if all of them are of another request', () => {
    const far = fc.oneof(fc.integer({ min: -500, max: -3 }), fc.integer({ min: 12, max: 500 })).map(dayFrom)
    fc.assert(
      fc.property(fc.uniqueArray(far, { minLength: 1 }), (days) => {
        const members = Object.fromEntries([...days, '$overall'].map((day) => [day, {}]))
        expect(() => read(members)).toThrow('which were not requested')
      }),
    )
  })

  it('may be none', () => {
    expect(read({})).toEqual([])
    expect(read({ $overall: 3, meta: [] })).toEqual([])
  })
})
