import { describe, expect, it } from 'vitest'
import { type DestinationHarness, openStore } from './harness.ts'
import { COLUMNS, load, makeTable, rejectsOf, relationOf, sorted, TABLE, thing } from './rows.ts'

const REJECTS = '_mixload_rejects'

export function rejects(harness: DestinationHarness): void {
  describe('rejects', () => {
    it('are kept as they came, with the load and the stream', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const lines = ['', '{"event":', '\\N\t"\'', '<html>😀\u2028</html>', '\\', 'x'.repeat(10_000)]
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]), { rejects: rejectsOf(...lines) })
      const expected = lines.map((line) => ({ load_id: 'load-1', stream: TABLE, reason: 'no JSON', line }))
      expect(sorted(await store.readRows(REJECTS))).toEqual(sorted(expected))
    })

    it('come with a load that has no rows', async () => {
      await using store = await openStore(harness)
      const loaded = await load(store.destination, 'load-1', relationOf([], []), { rejects: rejectsOf('x', 'y') })
      expect(await store.readRows(REJECTS)).toHaveLength(2)
      expect((await store.destination.ledger(TABLE))[0]).toEqual(loaded)
      expect(loaded.rejectCount).toBe(2)
    })

    it('are stored as often as they came', async () => {
      await using store = await openStore(harness)
      await load(store.destination, 'load-1', relationOf([], []), { rejects: rejectsOf('x', 'x') })
      await load(store.destination, 'load-2', relationOf([], []), { rejects: rejectsOf('x') })
      const rows = await store.readRows(REJECTS)
      expect(rows.map(({ load_id }) => load_id).toSorted()).toEqual(['load-1', 'load-1', 'load-2'])
    })

    it('may be a relation without rows', async () => {
      await using store = await openStore(harness)
      await load(store.destination, 'load-1', relationOf([], []), { rejects: rejectsOf() })
      expect(await store.readRows(REJECTS)).toEqual([])
      expect(await store.destination.ledger(TABLE)).toHaveLength(1)
    })
  })
}
