import { describe, expect, it } from 'vitest'
import { expectFailure, failureOf } from './failures.ts'
import { type DestinationHarness, newStore, openStore } from './harness.ts'
import { COLUMNS, load, makeTable, newColumns, relationOf, TABLE, thing, unaborted, values } from './rows.ts'

export function lifecycle(harness: DestinationHarness): void {
  describe('opening', () => {
    it('says where it is', async () => {
      await using store = await newStore(harness)
      expect(store.destination.description).toMatch(/^\w+:/)
    })

    it('promises limits that columns and names fit into', async () => {
      await using store = await newStore(harness)
      const { identifierBytesMax, columnsMax } = store.destination.capabilities
      expect(identifierBytesMax).toBeGreaterThanOrEqual(63)
      expect(columnsMax).toBeGreaterThanOrEqual(1000)
    })

    it('can be done twice and keeps what exists', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      await store.destination.open(unaborted())
      await load(store.destination, 'load-2', relationOf(COLUMNS, [thing('b')]))
      expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b')])
      expect(await store.destination.ledger(TABLE)).toHaveLength(2)
    })

    it('shows nothing in it at first', async () => {
      await using store = await openStore(harness)
      expect(await store.destination.columns(TABLE)).toEqual([])
      expect(await store.destination.ledger(TABLE)).toEqual([])
      expect(await store.readRows(TABLE)).toEqual([])
    })

    it('is required before any other call', async () => {
      await using store = await newStore(harness)
      const { destination } = store
      await expectFailure(destination.columns(TABLE), 'DESTINATION_FAILED')
      await expectFailure(destination.ledger(TABLE), 'DESTINATION_FAILED')
      await expectFailure(makeTable(destination), 'DESTINATION_FAILED')
      await expectFailure(load(destination, 'load-1', relationOf(COLUMNS, [])), 'DESTINATION_FAILED')
      await expectFailure(destination.putViews([]), 'DESTINATION_FAILED')
    })

    it('rejects with the reason of a signal that is already aborted, and creates nothing', async () => {
      await using store = await newStore(harness)
      const reason = new Error('enough')
      await expect(store.destination.open(AbortSignal.abort(reason))).rejects.toBe(reason)
      await expect(store.destination.openToRead(AbortSignal.abort(reason))).rejects.toBe(reason)
      expect(await store.isUntouched()).toBe(true)
      await store.destination.open(unaborted())
      expect(await store.destination.ledger(TABLE)).toEqual([])
    })

    it('fails during another run and names it, and succeeds when that one has ended', async () => {
      await using store = await newStore(harness)
      if (store.startRival === undefined) {
        // Then each run has data of its own, which no other run can reach.
        await using second = await openStore(harness)
        await makeTable(second.destination)
        await store.destination.open(unaborted())
        expect(await store.destination.columns(TABLE)).toEqual([])
        return
      }
      const rival = await store.startRival()
      const failure = await expectFailure(store.destination.open(unaborted()), 'DESTINATION_BUSY')
      expect(failure.message).toContain(rival.name)
      await rival.end()
      await store.destination.open(unaborted())
      expect(await store.destination.ledger(TABLE)).toEqual([])
    })
  })

  describe('opening to read', () => {
    it('creates nothing if nothing exists, and reads that as empty', async () => {
      await using store = await newStore(harness)
      const { destination } = store
      await destination.openToRead(unaborted())
      expect(await destination.columns(TABLE)).toEqual([])
      expect(await destination.ledger(TABLE)).toEqual([])
      expect(await store.isUntouched()).toBe(true)
      await destination[Symbol.asyncDispose]()
      expect(await store.isUntouched()).toBe(true)
    })

    it('refuses to write', async () => {
      await using store = await newStore(harness)
      const { destination } = store
      await destination.openToRead(unaborted())
      await failureOf(destination.addColumns(TABLE, newColumns(COLUMNS)))
      await failureOf(load(destination, 'load-1', relationOf(COLUMNS, [])))
      await failureOf(destination.putViews([{ name: 'v', query: 'SELECT 1 AS one' }]))
      expect(await store.isUntouched()).toBe(true)
    })

    it('reads what has been loaded', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      const loaded = await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const columns = await store.destination.columns(TABLE)
      const second = (await store.reopen?.()) ?? store.destination
      await second.openToRead(unaborted())
      expect(await second.columns(TABLE)).toEqual(columns)
      expect(await second.columns('nothing')).toEqual([])
      expect(await second.ledger(TABLE)).toEqual([loaded])
      expect(values(await store.readRows(TABLE))).toEqual([thing('a')])
    })

    it('can be followed by opening to write, and then reads what it wrote', async () => {
      await using store = await newStore(harness)
      const { destination } = store
      await destination.openToRead(unaborted())
      await destination.open(unaborted())
      await makeTable(destination)
      const loaded = await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      expect(await destination.ledger(TABLE)).toEqual([loaded])
      expect((await destination.columns(TABLE)).map(({ name }) => name)).toContain('name')
      expect(values(await store.readRows(TABLE))).toEqual([thing('a')])
    })

    it('can be followed by opening to write where something has been loaded', async () => {
      await using store = await openStore(harness)
      await makeTable(store.destination)
      await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const second = (await store.reopen?.()) ?? store.destination
      await second.openToRead(unaborted())
      await second.open(unaborted())
      await load(second, 'load-2', relationOf(COLUMNS, [thing('b')]))
      expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b')])
    })
  })

  it('continues after it is reopened', async () => {
    await using store = await openStore(harness)
    await makeTable(store.destination)
    const first = await load(store.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    const columns = await store.destination.columns(TABLE)
    const second = (await store.reopen?.()) ?? store.destination
    await second.open(unaborted())
    expect(await second.columns(TABLE)).toEqual(columns)
    expect(await second.ledger(TABLE)).toEqual([first])
    await expectFailure(load(second, 'load-1', relationOf(COLUMNS, [thing('a')])), 'ALREADY_LOADED')
    const next = await load(second, 'load-2', relationOf(COLUMNS, [thing('b')]))
    expect(next.loadedAt.getTime()).toBeGreaterThan(first.loadedAt.getTime())
    expect(values(await store.readRows(TABLE))).toEqual([thing('a'), thing('b')])
  })
}
