import { randomUUID } from 'node:crypto'
import { MixloadError } from '../../../lib/core/errors.ts'
import type { DestinationOptions, RowChange } from '../../../lib/destination/contract.ts'
import { updateStatement } from '../../../lib/destination/load-rules.ts'
import { ApiFailure } from '../api/api-failure.ts'
import { warnOfScan } from '../api/query.ts'
import type { Tables } from '../api/tables.ts'
import { isOver, type Jobs } from './jobs.ts'

/** What changing rows needs. */
export interface ChangeContext extends Pick<DestinationOptions, 'warn'> {
  readonly tables: Tables
  readonly jobs: Jobs
}

/**
 * Changes rows by a DML statement, which is done as a whole or not at all.
 * @throws MixloadError DESTINATION_FAILED if the project has no billing; ApiFailure; the signal's
 *   reason.
 */
export async function changeRows(context: ChangeContext, change: RowChange, signal: AbortSignal): Promise<void> {
  await withBilling(change.table, 'changes', ', or load into a new dataset: --schema', () =>
    update(context, change, signal),
  )
}

/**
 * Does what BigQuery's sandbox, a project without billing, does not allow.
 * @throws MixloadError DESTINATION_FAILED if the project has no billing; what `work` throws.
 */
export async function withBilling<T>(table: string, does: string, instead: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ApiFailure && error.reason === 'billingNotEnabled')) throw error
    throw new MixloadError(
      'DESTINATION_FAILED',
      `BigQuery ${does} rows of ${table} only in projects with billing. Enable billing for the project${instead}.`,
      { cause: error },
    )
  }
}

async function update({ tables, jobs, warn }: ChangeContext, change: RowChange, signal: AbortSignal) {
  const { table } = change
  const query = updateStatement(tables.path(table), change, '`')
  await warnOfScan(tables.client.withSignal(signal), query, warn)
  const id = `mixload_change_${randomUUID()}`
  const configuration = { query: { query, useLegacySql: false } }
  try {
    await jobs.run({ id, purpose: 'change', writes: table, isPartitioned: true, configuration }, signal)
  } catch (error) {
    if (isOver(error)) throw error
    // It may be running, or on its way, and must not change rows later.
    if ((await jobs.outcomeOf(id, true).catch(() => 'never')) !== 'done') throw error
  }
}
