/** What the processes have in common that `startProcess` starts. */

import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  newLoad,
  relationOf,
  TABLE,
  thing,
  unaborted,
  whenAsked,
} from '../conformance/rows.ts'

/**
 * Sends a message to the parent, and waits until it is sent: a message still under way is lost when
 * the channel closes.
 */
export function report(message: unknown): Promise<unknown> {
  return new Promise((sent) => process.send?.(message, sent))
}

/** Reports why work failed, and lets the process end. */
export async function reportFailure(error: unknown): Promise<void> {
  await report({ failed: messageOf(error), code: error instanceof MixloadError ? error.code : undefined })
  process.disconnect()
}

/** Keeps the process alive for as long as its parent has the channel open. */
export function stayAlive(): void {
  process.on('message', () => {})
}

/** Opens a destination and keeps it, as a run that goes on. */
export async function hold(open: () => Promise<Warehouse>): Promise<void> {
  await open()
  stayAlive()
  await report('open')
}

/** Opens a destination and closes it again. */
export async function openAndClose(open: () => Promise<Warehouse>): Promise<void> {
  const destination = await open()
  await destination[Symbol.asyncDispose]()
  await report('open')
}

/** Makes one load, and then two at once, the second of which never ends. Reports when it begins. */
export async function loadGroupSlowly(destination: Warehouse): Promise<void> {
  await makeTable(destination)
  await load(destination, 'load-1', relationOf(COLUMNS, [thing('before')]))
  const slow = whenAsked(manyRows(200_000_000, '2026-08-04'), () => void report('loading'))
  const requests = [manyRows(1000, '2026-08-03'), slow].map((relation, at) => ({
    relation,
    target: { table: TABLE, mode: { kind: 'append' }, rejects: undefined } as const,
    record: newLoad(`load-${at + 2}`, { rowCount: relation.rowCount }),
  }))
  await destination.loadAll(requests, unaborted())
}
