import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { EVERYTHING, exportScope, requestSelection, WHOLE } from '../../lib/destination/selection.ts'
import { lateRows } from '../../lib/run/late-rows.ts'
import type { DayClock } from '../../lib/run/whole-days.ts'
import type { DayRows } from '../../lib/time/day-tally.ts'

const UTC: DayClock = { zone: 'UTC', daysAreLocal: false }

const load = (
  firstDay: string,
  lastDay: string,
  dayRows: DayRows | null,
  more: Partial<LoadRecord> = {},
): LoadRecord => ({
  loadId: `${firstDay} ${Math.random()}`,
  stream: 'export',
  firstDay,
  lastDay,
  selection: EVERYTHING,
  rowCount: 0,
  rejectCount: 0,
  byteCount: 0,
  requestCount: 1,
  startedAt: new Date('2026-08-10T04:00:00Z'),
  loadedAt: new Date('2026-08-10T04:01:00Z'),
  writeMode: 'append',
  mixloadVersion: '0',
  dayRows,
  ...more,
})

const late = (before: readonly LoadRecord[], loads: readonly LoadRecord[]) =>
  Object.fromEntries(lateRows(before, loads, UTC))

describe('late rows', () => {
  it('are the rows that a day has more than when it was last read whole', () => {
    const before = [
      load('2026-08-01', '2026-08-03', { '2026-08-01': 10, '2026-08-02': 5, '2026-08-03': 7 }),
      load('2026-08-03', '2026-08-03', { '2026-08-03': 9 }),
    ]
    const now = [
      load('2026-08-02', '2026-08-03', { '2026-08-02': 142, '2026-08-03': 9 }),
      load('2026-08-04', '2026-08-04', { '2026-08-04': 50 }),
    ]
    expect(late(before, now)).toEqual({ '2026-08-02': 137 })
  })

  it('are negative if rows are gone, also if all of them are', () => {
    const before = [load('2026-08-01', '2026-08-02', { '2026-08-01': 10, '2026-08-02': 5 })]
    expect(late(before, [load('2026-08-01', '2026-08-02', { '2026-08-01': 8 })])).toEqual({
      '2026-08-01': -2,
      '2026-08-02': -5,
    })
  })

  it('are counted from a day without a row, too', () => {
    expect(
      late([load('2026-08-01', '2026-08-01', {})], [load('2026-08-01', '2026-08-01', { '2026-08-01': 2 })]),
    ).toEqual({ '2026-08-01': 2 })
  })

  it('are not those of a day that was not over, of another selection, or of an older version’s load', () => {
    const before = [
      load('2026-08-01', '2026-08-01', { '2026-08-01': 1 }, { startedAt: new Date('2026-08-01T12:00:00Z') }),
      load('2026-08-02', '2026-08-02', { '2026-08-02': 1 }, { selection: requestSelection(exportScope(['A'])) }),
      load('2026-08-03', '2026-08-03', null),
    ]
    const rows = { '2026-08-01': 9, '2026-08-02': 9, '2026-08-03': 9 }
    expect(late(before, [load('2026-08-01', '2026-08-03', rows)])).toEqual({})
  })

  it('are not counted for a file, or for a selection of another version', () => {
    const file = { kind: 'file', file: 'a', bytes: 1, sha256: 'x' } as const
    for (const selection of [file, { kind: 'unknown', text: '{}' } as const]) {
      const first = load('2026-08-01', '2026-08-01', { '2026-08-01': 1 }, { selection })
      const second = load('2026-08-01', '2026-08-01', { '2026-08-01': 9 }, { selection })
      expect(late([first], [second])).toEqual({})
    }
  })

  it('do not count again when a day with late arrivals is read again', () => {
    const arrived = load('2026-08-01', '2026-08-01', { '2026-08-01': 3 }, { selection: requestSelection(WHOLE, 1) })
    const before = [load('2026-08-01', '2026-08-01', { '2026-08-01': 10 }), arrived]
    const again = (count: number) => [load('2026-08-01', '2026-08-01', { '2026-08-01': count })]
    expect(late(before, again(13))).toEqual({})
    expect(late(before, again(14))).toEqual({ '2026-08-01': 1 })
    expect(late(before, again(9))).toEqual({ '2026-08-01': -4 })
    expect(late([arrived, ...before], again(13))).toEqual({})
  })

  it('are not rows that another clock moves to another day', () => {
    const of = (clock: string, count: number) =>
      load('2026-08-01', '2026-08-01', { '2026-08-01': count }, { source: { clock } })
    expect(late([of('UTC', 10)], [of('Europe/Berlin', 12)])).toEqual({})
    expect(late([of('UTC', 10)], [of('UTC', 12)])).toEqual({ '2026-08-01': 2 })
  })

  it('are all rows of a load by time of processing, and those of the days that were read as well', () => {
    const before = [load('2026-08-01', '2026-08-02', { '2026-08-01': 10, '2026-08-02': 5 })]
    const arrived = { selection: requestSelection(WHOLE, 1_785_000_000_000) }
    const now = [
      load('2026-08-02', '2026-08-02', { '2026-08-02': 6 }),
      load('2026-08-01', '2026-08-02', { '2026-08-01': 3, '2026-08-02': 1 }, arrived),
    ]
    expect(late(before, now)).toEqual({ '2026-08-01': 3, '2026-08-02': 2 })
  })
})
