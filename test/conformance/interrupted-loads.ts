import { describe, expect, it } from 'vitest'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { seen } from './failed-loads.ts'
import { type DestinationHarness, openStore } from './harness.ts'
import {
  COLUMNS,
  LONG,
  load,
  makeTable,
  manyRows,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  turns,
  whenAsked,
} from './rows.ts'

const REASON = new Error('enough')
const DAY = '2026-08-03'

/** A query under way on a connection of its own, stopped at the end of the block. */
async function runBeside(engine: Engine, query: string) {
  const connection = await engine.connect()
  let hasEnded = false
  const running = connection.run(query).catch(() => {})
  void running.then(() => {
    hasEnded = true
  })
  return {
    hasEnded: () => hasEnded,
    async [Symbol.asyncDispose]() {
      // An interrupt before the query has begun is lost.
      const timer = setInterval(() => connection.interrupt(), 20)
      await running
      clearInterval(timer)
      connection.close()
    },
  }
}

export function interruptedLoads(harness: DestinationHarness): void {
  /**
   * A store with one load, and a way to see that an aborted second one left nothing and can be done
   * after all.
   */
  async function interrupted(abortAndLoad: (store: Awaited<ReturnType<typeof openStore>>) => Promise<unknown>) {
    await using store = await openStore(harness)
    await makeTable(store.destination)
    await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
    const before = await seen(store)
    await expect(abortAndLoad(store)).rejects.toBe(REASON)
    expect(await seen(store)).toEqual(before)

    const loaded = await load(store.destination, 'load-2', manyRows(10, DAY), { rejects: rejectsOf('x') })
    expect(await store.readRows(TABLE)).toHaveLength(11)
    expect((await store.destination.ledger(TABLE)).at(-1)).toEqual(loaded)
  }

  describe('an aborted signal rejects a load with its reason and leaves nothing', () => {
    it('when it was aborted before', () =>
      interrupted(({ destination }) =>
        load(destination, 'load-2', manyRows(10, DAY), { signal: AbortSignal.abort(REASON) }),
      ))

    it('when it is aborted at the moment of the call', () =>
      interrupted(({ destination }) => {
        const controller = new AbortController()
        const loading = load(destination, 'load-2', manyRows(10, DAY), { signal: controller.signal })
        controller.abort(REASON)
        return loading
      }))

    it('when it is aborted as the rows are requested', () =>
      interrupted(({ destination }) => {
        const controller = new AbortController()
        const relation = whenAsked(manyRows(10, DAY), () => controller.abort(REASON))
        return load(destination, 'load-2', relation, { signal: controller.signal })
      }))

    it('when it is aborted as the rejects are requested', () =>
      interrupted(({ destination }) => {
        const controller = new AbortController()
        const rejects = whenAsked(rejectsOf('x'), () => controller.abort(REASON))
        return load(destination, 'load-2', manyRows(10, DAY), { rejects, signal: controller.signal })
      }))

    it.each([0, 1, 10, 100, 1000])(
      'when it is aborted %i turns of the event loop into a long query, which it stops',
      (count) =>
        interrupted(async ({ destination, engine }) => {
          // The same query next to it, begun before it: the load must not last until that one ends.
          await using beside = await runBeside(engine, LONG.query)
          const controller = new AbortController()
          const relation = whenAsked(LONG, () => void turns(count).then(() => controller.abort(REASON)))
          try {
            return await load(destination, 'load-2', relation, { signal: controller.signal })
          } finally {
            expect(beside.hasEnded()).toBe(false)
          }
        }),
    )
  })

  it('an abort at any turn of the event loop leaves all of a load or nothing', async () => {
    await using store = await openStore(harness)
    await makeTable(store.destination)
    let rows = 0
    const ids: string[] = []
    for (let count = 0; count < 40; count++) {
      const controller = new AbortController()
      const id = `load-${count}`
      const outcome = outcomeOfLoad(store.destination, id, controller.signal)
      await turns(count * count)
      controller.abort(REASON)
      if ((await outcome) === 'committed') {
        rows += 100
        ids.push(id)
      } else expect(await outcome).toBe(REASON)
      expect(await store.readRows(TABLE)).toHaveLength(rows)
      expect(await store.readRows('_mixload_rejects')).toHaveLength(ids.length)
      expect((await store.destination.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(ids)
    }
  })

  it('an abort around the commit leaves all of it or nothing, and the ledger agrees', async () => {
    await using store = await openStore(harness)
    const { atomicLedger } = store.destination.capabilities
    await makeTable(store.destination)
    const ids: string[] = []
    const begin = performance.now()
    for (const id of ['load-a', 'load-b', 'load-c']) {
      await load(store.destination, id, manyRows(100, DAY), { rejects: rejectsOf('x') })
      ids.push(id)
    }
    const usualMs = (performance.now() - begin) / ids.length
    for (let count = 0; count < 20; count++) {
      const controller = new AbortController()
      const id = `load-${count}`
      const outcome = outcomeOfLoad(store.destination, id, controller.signal)
      const abortAt = performance.now() + usualMs * (0.6 + count / 40)
      while (performance.now() < abortAt) await turns(1)
      controller.abort(REASON)
      if ((await outcome) !== 'committed') expect(await outcome).toBe(REASON)
      const committed = (await store.destination.ledger(TABLE)).map(({ loadId }) => loadId)
      if ((await outcome) === 'committed' || (!atomicLedger && committed.includes(id))) ids.push(id)
      expect(committed).toEqual(ids)
    }
    expect(await store.readRows(TABLE)).toHaveLength(ids.length * 100)
    expect(await store.readRows('_mixload_rejects')).toHaveLength(ids.length)
  })

  it('an abort after the load has ended does nothing', async () => {
    await using store = await openStore(harness)
    await makeTable(store.destination)
    const controller = new AbortController()
    await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]), { signal: controller.signal })
    controller.abort(REASON)
    await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]))
    expect(await store.readRows(TABLE)).toHaveLength(2)
  })
}

/**
 * The outcome of a load: `committed`, or why not. An early rejection does not count as unhandled.
 */
function outcomeOfLoad(destination: Warehouse, id: string, signal: AbortSignal): Promise<unknown> {
  return load(destination, id, manyRows(100, DAY), { rejects: rejectsOf('x'), signal }).then(
    () => 'committed',
    (error: unknown) => error,
  )
}
