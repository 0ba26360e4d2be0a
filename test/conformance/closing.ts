import { describe, it } from 'vitest'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { expectFailure } from './failures.ts'
import { type DestinationHarness, newStore } from './harness.ts'
import { COLUMNS, load, makeTable, newColumns, relationOf, TABLE, thing, unaborted } from './rows.ts'

/** Every call that can wait. */
const CALLS: Readonly<Record<string, (destination: Warehouse) => Promise<unknown>>> = {
  open: (destination) => destination.open(unaborted()),
  openToRead: (destination) => destination.openToRead(unaborted()),
  columns: (destination) => destination.columns(TABLE),
  addColumns: (destination) => destination.addColumns(TABLE, newColumns(COLUMNS)),
  ledger: (destination) => destination.ledger(TABLE),
  load: (destination) => load(destination, 'load-1', relationOf(COLUMNS, [thing('a')])),
  putViews: (destination) => destination.putViews([{ name: 'v', query: 'SELECT 1 AS one' }]),
}

/** What may have been done with a destination before it is closed. */
const LIVES: Readonly<Record<string, (destination: Warehouse) => Promise<void>>> = {
  'never opened': async () => {},
  'opened and filled': async (destination) => {
    await destination.open(unaborted())
    await makeTable(destination)
  },
  'opened to read': (destination) => destination.openToRead(unaborted()),
}

export function closing(harness: DestinationHarness): void {
  describe.each(Object.entries(LIVES))('once closed, a destination that was %s', (_, live) => {
    it('rejects every call with CLOSED', async () => {
      await using store = await newStore(harness)
      await live(store.destination)
      await store.destination[Symbol.asyncDispose]()
      for (const call of Object.values(CALLS)) await expectFailure(call(store.destination), 'CLOSED')
    })

    it('can be closed again', async () => {
      await using store = await newStore(harness)
      await live(store.destination)
      await store.destination[Symbol.asyncDispose]()
      await store.destination[Symbol.asyncDispose]()
      await expectFailure(store.destination.columns(TABLE), 'CLOSED')
    })
  })
}
