import { describe, expect, it } from 'vitest'
import type { WriteMode } from '../../lib/destination.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { COLUMNS, load, makeTable, manyRows, relationOf, TABLE, thing, whenAsked } from './rows.ts'

const DAY = '2026-08-03'
const MODES: readonly WriteMode[] = [
  { kind: 'append' },
  { kind: 'replace-days', firstDay: DAY, lastDay: DAY },
  { kind: 'replace-table' },
]

export function readers(harness: DestinationHarness): void {
  describe.each(MODES)('during a load with $kind', (mode) => {
    it('a reader from outside never sees a part of it', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('old')]))
      let reading: Promise<PromiseSettledResult<readonly StoredRow[]>[]> | undefined
      const relation = whenAsked(manyRows(5000, DAY), () => {
        reading ??= Promise.allSettled([store.readFromOutside(TABLE)])
      })
      await load(destination, 'load-2', relation, { mode })

      const [during] = (await reading) ?? []
      const before = { 'load-1': 1 }
      const after = mode.kind === 'append' ? { 'load-1': 1, 'load-2': 5000 } : { 'load-2': 5000 }
      // Whoever can't be read during a load may refuse to be, but must not show anything in between.
      if (destination.supports.readersDuringLoad) expect(during?.status).toBe('fulfilled')
      if (during?.status === 'fulfilled') {
        const allowed = destination.supports.atomicReplace ? [before, after] : [before, after, {}]
        expect(allowed).toContainEqual(rowsByLoad(during.value))
      }
      await destination[Symbol.asyncDispose]()
      expect(rowsByLoad(await store.readFromOutside(TABLE))).toEqual(after)
    })
  })
}

function rowsByLoad(rows: readonly StoredRow[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { _load_id } of rows) counts[String(_load_id)] = (counts[String(_load_id)] ?? 0) + 1
  return counts
}
