import type { Destination } from '../../lib/destination/contract.ts'
import type { Engine } from '../../lib/engine/engine.ts'

/**
 * A stored value in a form that can be compared: timestamptz as `2026-08-03T12:00:00.001Z`, date as `2026-08-03`, json
 * as its text, bigint as a bigint.
 */
export type Cell = null | boolean | string | number | bigint

/** A stored row, by column name. */
export type StoredRow = Readonly<Record<string, Cell>>

/** An empty place to load into, with a destination on it that is not open yet. */
export interface Store {
  readonly destination: Destination
  /** The one that the destination was made with. */
  readonly engine: Engine
  /** Closes `destination` and gives another on the same data, as a new process would have it. Left out where the data goes with the process. */
  reopen?(): Promise<Destination>
  /** What is committed to a table or view, by another way than the destination. Nothing where there is no such table. */
  readRows(table: string): Promise<readonly StoredRow[]>
  /** As `readRows`, but as some other program reads, which may be refused. Works after the destination is closed, too. */
  readFromOutside(table: string): Promise<readonly StoredRow[]>
  /** Whether nothing at all has been created yet. */
  isUntouched(): Promise<boolean>
  /** Lets another process open the same place. Left out where no other process can reach it. */
  startRival?(): Promise<Rival>
  close(): Promise<void>
}

/** A run in another process that has the destination open. */
export interface Rival {
  /** What the error that names the holder must have in its message. */
  readonly name: string
  end(): Promise<void>
}

/** How the suite gets at one kind of destination. */
export interface DestinationHarness {
  readonly name: string
  /** Whether `readRows` can read a view. A destination that keeps no views must accept them all the same. */
  readonly queriesViews: boolean
  create(): Promise<Store>
}

export interface OpenStore extends Store, AsyncDisposable {}

/** A new store, as it is. Closed at the end of the block. */
export async function newStore(harness: DestinationHarness): Promise<OpenStore> {
  const store = await harness.create()
  return { ...store, [Symbol.asyncDispose]: () => store.close() }
}

/** A new store with its destination opened. */
export async function openStore(harness: DestinationHarness): Promise<OpenStore> {
  const store = await newStore(harness)
  await store.destination.open(new AbortController().signal)
  return store
}
