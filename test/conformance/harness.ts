import type { DestinationDriver } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'

/**
 * A stored value in a form that can be compared: timestamptz as `2026-08-03T12:00:00.001Z`, date as
 * `2026-08-03`, json as its text, bigint as a bigint.
 */
export type Cell = null | boolean | string | number | bigint

/** A stored row, by column name. */
export type StoredRow = Readonly<Record<string, Cell>>

/** A driver that has not connected yet, and the engine that it was made with. */
export interface Run {
  readonly driver: DestinationDriver
  readonly engine: Engine
}

/**
 * An empty place to load into, with a first run on it. The suite closes the driver of a run before
 * it asks for another.
 */
export interface Store extends Run {
  /**
   * Another run on the same data, as a new process would have it. Omitted if the data ends with the
   * process.
   */
  reopen?(): Promise<Run>
  /**
   * What is committed to a table or view, read without the driver. Empty if there is no such table.
   */
  readRows(table: string): Promise<readonly StoredRow[]>
  /**
   * Like `readRows`, but as another program would read, which may be refused. Works after the
   * driver is closed, too.
   */
  readFromOutside(table: string): Promise<readonly StoredRow[]>
  /** Whether nothing at all has been created yet. */
  isUntouched(): Promise<boolean>
  /** Lets another process open the same place. Omitted if no other process can reach it. */
  startRival?(): Promise<Rival>
  close(): Promise<void>
}

/** A run in another process that has the destination open. */
export interface Rival {
  /** What the message of the error that names the owner of the lock must contain. */
  readonly name: string
  end(): Promise<void>
}

/** How the suite uses one kind of destination. */
export interface DestinationHarness {
  readonly name: string
  /**
   * Whether `readRows` can read a view. A destination that keeps no views must still accept them.
   */
  readonly queriesViews: boolean
  create(): Promise<Store>
}

/** A store with a warehouse over its driver. */
export interface OpenStore extends Omit<Store, 'driver' | 'reopen' | 'close'>, AsyncDisposable {
  readonly destination: Warehouse
  /** Closes the warehouse and returns that of another run. */
  reopen?(): Promise<Warehouse>
}

/** A new store, whose warehouse is not open yet. Closed at the end of the block. */
export async function newStore(harness: DestinationHarness): Promise<OpenStore> {
  const { reopen, ...store } = await harness.create()
  const warehouseOf = ({ driver, engine }: Run) => new Warehouse(driver, { engine })
  const destination = warehouseOf(store)
  let last = destination
  return {
    ...store,
    destination,
    ...(reopen === undefined
      ? {}
      : {
          async reopen() {
            await last[Symbol.asyncDispose]()
            last = warehouseOf(await reopen())
            return last
          },
        }),
    async [Symbol.asyncDispose]() {
      await last[Symbol.asyncDispose]()
      await store.close()
    },
  }
}

/** A new store with its warehouse opened. */
export async function openStore(harness: DestinationHarness): Promise<OpenStore> {
  const store = await newStore(harness)
  await store.destination.open(new AbortController().signal)
  return store
}
