import { describe, expect, it } from 'vitest'
import type { LoadRecord, WriteMode } from '../../lib/destination/contract.ts'
import { rowsBefore } from '../../lib/load/removed-rows.ts'
import { newLoad } from '../conformance/rows.ts'

const DAY = '2026-08-03'
const NEXT = '2026-08-04'

const load = (
  writeMode: WriteMode['kind'],
  rowCount: number,
  dayRows: LoadRecord['dayRows'],
  lastDay = DAY,
): LoadRecord => ({
  ...newLoad('load', { writeMode, rowCount, dayRows, lastDay }),
  loadedAt: new Date(),
})
const days = (lastDay = DAY): WriteMode => ({ kind: 'replace-days', firstDay: DAY, lastDay })
const dayOf = (day: string, before: number) => ({ firstDay: day, lastDay: day, before })

describe('the rows that a load replaces', () => {
  it('are none if it appends', () => {
    expect(rowsBefore([load('append', 5, { [DAY]: 5 })], { kind: 'append' }, true)).toEqual([])
  })

  it('are those of the last load if it replaces the table', () => {
    const ledger = [load('replace-table', 9, null), load('replace-table', 4, null)]
    const whole = (before: number) => [{ firstDay: null, lastDay: null, before }]
    expect(rowsBefore(ledger, { kind: 'replace-table' }, false)).toEqual(whole(4))
    expect(rowsBefore([], { kind: 'replace-table' }, false)).toEqual(whole(0))
  })

  it('count once if a day was read again and appended, also from a file', () => {
    const ledger = [
      load('append', 100, { [DAY]: 100 }),
      load('append', 98, { [DAY]: 98 }),
      load('append', 3, { [DAY]: 3 }),
    ]
    expect(rowsBefore(ledger, days(), true)).toEqual([dayOf(DAY, 100)])
  })

  it('include late arrivals and the parts of several files', () => {
    const late = (count: number) => ({
      ...load('append', count, { [DAY]: count }),
      selection: { kind: 'late', scope: {}, since: 0 } as const,
    })
    const file = (count: number) => ({
      ...load('append', count, { [DAY]: count }),
      selection: { kind: 'file', file: 'a', bytes: 1, sha256: 'x' } as const,
    })
    const countBefore = (...ledger: readonly LoadRecord[]) => rowsBefore(ledger, days(), true)[0]?.before
    expect(countBefore(load('append', 10, { [DAY]: 10 }), late(9), late(9))).toBe(28)
    expect(countBefore(load('append', 10, { [DAY]: 10 }), late(9), load('append', 19, { [DAY]: 19 }))).toBe(19)
    expect(countBefore(file(10), file(10), load('append', 5, { [DAY]: 5 }))).toBe(20)
    expect(countBefore(file(10), load('replace-days', 8, { [DAY]: 8 }), late(1))).toBe(9)
  })

  it('are counted from the last load that replaced the day', () => {
    const ledger = [load('append', 100, { [DAY]: 100 }), load('replace-days', 10, { [DAY]: 10 })]
    expect(rowsBefore(ledger, days(), true)).toEqual([dayOf(DAY, 10)])
  })

  it('are counted for each day', () => {
    const ledger = [load('append', 30, { [DAY]: 10, [NEXT]: 20 }, NEXT)]
    expect(rowsBefore(ledger, days(NEXT), true)).toEqual([dayOf(DAY, 10), dayOf(NEXT, 20)])
  })

  it('are those of the same days if rows have no day', () => {
    const ledger = [load('replace-days', 7, null), load('append', 3, null, NEXT)]
    expect(rowsBefore(ledger, days(), false)).toEqual([dayOf(DAY, 7)])
  })
})
