import { describe, expect, it } from 'vitest'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { heldBackIn } from '../../lib/load/held-back.ts'
import { newLoad } from '../conformance/rows.ts'

const load = (
  firstDay: string | null,
  lastDay: string | null,
  writeMode: LoadRecord['writeMode'],
  before?: number,
): LoadRecord => ({
  ...newLoad('load', { firstDay, lastDay, writeMode }),
  ...(before === undefined ? {} : { selection: { kind: 'held-back', table: 'export', before, after: 1 } }),
  loadedAt: new Date(),
})
const note = (day: string | null, before: number) => load(day, day, 'append', before)
const held = (day: string | null, before: number) => ({
  firstDay: day,
  lastDay: day,
  table: 'export',
  before,
  after: 1,
})

describe('what is held back', () => {
  it('is what the ledger notes, with the newest numbers, in the order of the days', () => {
    const ledger = [note('2026-08-03', 10), note('2026-08-01', 5), note('2026-08-03', 12)]
    expect(heldBackIn(ledger)).toEqual([held('2026-08-01', 5), held('2026-08-03', 12)])
    expect(heldBackIn([])).toEqual([])
  })

  it('is settled when its days are replaced, and by nothing else', () => {
    const notes = [note('2026-08-01', 5), note('2026-08-03', 10)]
    expect(heldBackIn([...notes, load('2026-08-02', '2026-08-04', 'replace-days')])).toEqual([held('2026-08-01', 5)])
    for (const day of ['2026-08-02', '2026-08-04']) {
      expect(heldBackIn([...notes, load(day, day, 'replace-days')])).toHaveLength(2)
    }
    expect(heldBackIn([...notes, load('2026-08-01', '2026-08-03', 'append')])).toHaveLength(2)
    expect(heldBackIn([note(null, 9), load(null, null, 'replace-table')])).toEqual([])
    expect(heldBackIn([note(null, 9), load(null, null, 'append')])).toEqual([held(null, 9)])
  })
})
