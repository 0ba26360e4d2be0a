/** What every destination holds to when it commits a load, whatever it commits to. */

import { MixloadError } from '../core/errors.ts'
import type { EngineConnection } from '../engine/engine.ts'
import type { Relation } from './contract.ts'

/** When a load is committed: later than every load before, also where the machine's clock went back. */
export function nextLoadedAt(last: Date | undefined): Date {
  return new Date(Math.max(Date.now(), (last?.getTime() ?? 0) + 1))
}

/** The refusal of a load whose id is in the ledger. */
export function alreadyLoaded(loadId: string): MixloadError {
  return new MixloadError('ALREADY_LOADED', `Load ${loadId} is in the ledger already.`)
}

/** The refusal of a load that brings another number of rows than its relation says. */
export function countMismatch(expected: number, found: number, table: string): MixloadError {
  return new MixloadError(
    'COUNT_MISMATCH',
    `${expected} rows were read for ${table} but ${found} arrived; nothing was committed. Please report this.`,
  )
}

/**
 * Holds a relation that promises no rows to its word; its query need not have the table's columns.
 * @throws MixloadError COUNT_MISMATCH
 */
export async function assertNoRows(connection: EngineConnection, { query }: Relation, table: string): Promise<void> {
  const [found] = await connection.all(`SELECT count(*) AS count FROM (${query})`)
  if (Number(found?.count) !== 0) throw countMismatch(0, Number(found?.count), table)
}
