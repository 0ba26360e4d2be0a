import { describe, expect, it } from 'vitest'
import type { WriteMode } from '../../lib/destination/contract.ts'
import { type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { COLUMNS, LONG, load, makeTable, manyRows, relationOf, TABLE, thing, turns, whenAsked } from './rows.ts'

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
      // A destination that cannot be read during a load may refuse, but must not show a part of it.
      if (destination.capabilities.readersDuringLoad) expect(during?.status).toBe('fulfilled')
      if (during?.status === 'fulfilled') {
        const allowed = destination.capabilities.atomicReplace ? [before, after] : [before, after, {}]
        expect(allowed).toContainEqual(rowsByLoad(during.value))
      }
      await destination[Symbol.asyncDispose]()
      expect(rowsByLoad(await store.readFromOutside(TABLE))).toEqual(after)
    })

    it('a reader never waits for its end', async () => {
      await using store = await openStore(harness)
      const { destination } = store
      await makeTable(destination)
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('old')]))
      const controller = new AbortController()
      const { promise: started, resolve } = Promise.withResolvers<void>()
      let hasEnded = false
      const loading = load(destination, 'load-2', whenAsked(LONG, resolve), { mode, signal: controller.signal })
        .catch(() => {})
        .finally(() => {
          hasEnded = true
        })
      await started
      const [reading] = await Promise.allSettled([store.readFromOutside(TABLE)])
      expect(hasEnded).toBe(false)
      controller.abort(new Error('enough'))
      await loading
      if (destination.capabilities.readersDuringLoad) expect(reading?.status).toBe('fulfilled')
      // If replacing takes several steps, the old rows may already be gone.
      const isOldKept = destination.capabilities.atomicReplace || mode.kind === 'append'
      if (reading?.status === 'fulfilled' && isOldKept) expect(rowsByLoad(reading.value)).toEqual({ 'load-1': 1 })
    })
  })

  it('a reader who has seen the ledger’s row of a load finds all its rows', async () => {
    await using store = await openStore(harness)
    const { destination } = store
    await makeTable(destination)
    let isLoading = true
    const looks: { readonly ledger: readonly unknown[]; readonly rows: Counts }[] = []
    const watching = (async () => {
      while (isLoading) {
        await turns(1)
        // One after the other: what the ledger names must be there by then.
        const [ledger] = await Promise.allSettled([store.readFromOutside('_mixload_loads')])
        const [rows] = await Promise.allSettled([store.readFromOutside(TABLE)])
        if (ledger?.status !== 'fulfilled' || rows?.status !== 'fulfilled') continue
        looks.push({ ledger: ledger.value.map(({ load_id }) => load_id), rows: rowsByLoad(rows.value) })
      }
    })()
    for (let at = 0; at < 5; at++) await load(destination, `load-${at}`, manyRows(2000, DAY))
    isLoading = false
    await watching
    if (destination.capabilities.readersDuringLoad) expect(looks.length).toBeGreaterThan(0)
    for (const { ledger, rows } of looks) {
      for (const id of ledger) expect(rows[String(id)]).toBe(2000)
      for (const count of Object.values(rows)) expect(count).toBe(2000)
    }
  })
}

type Counts = Readonly<Record<string, number>>

function rowsByLoad(rows: readonly StoredRow[]): Counts {
  const counts: Record<string, number> = {}
  for (const { _load_id } of rows) counts[String(_load_id)] = (counts[String(_load_id)] ?? 0) + 1
  return counts
}
