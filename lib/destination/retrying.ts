import { isFailure, type MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import type { Destination, LoadRecord, LoadTarget, NewColumn, NewLoad, Relation, TakeRows, View } from './contract.ts'

/** How long a destination that is away is waited for: nearly half an hour. */
export const DESTINATION_RETRIES: RetryPolicy = {
  retries: { DESTINATION_UNAVAILABLE: 32, COMMIT_IN_DOUBT: 32 },
  firstDelayMs: 500,
  delayMaxMs: 60_000,
}

export interface PatientOptions {
  readonly policy: RetryPolicy
  /** Called before each wait. */
  readonly onRetry: (error: MixloadError, delayMs: number) => void
  /** Ends the waiting in calls that take no signal of their own. */
  readonly signal: AbortSignal
}

/**
 * The same destination, waited for when it is away for a while, with commits in doubt settled by asking the ledger. So
 * the pipeline sees two outcomes of a load, done and not done.
 */
export function patientDestination(
  inner: Destination,
  { policy, onRetry, signal: runSignal }: PatientOptions,
): Destination {
  const patiently = <T>(signal: AbortSignal, work: () => Promise<T>) => retrying(policy, signal, work, onRetry)

  const load = (relation: Relation, target: LoadTarget, record: NewLoad, signal: AbortSignal): Promise<LoadRecord> => {
    let isInDoubt = false
    return patiently(signal, async () => {
      const settled = isInDoubt ? await committed(inner, record) : undefined
      if (settled !== undefined) return settled
      isInDoubt = false
      try {
        return await inner.load(relation, target, record, signal)
      } catch (error) {
        isInDoubt = isFailure(error, 'COMMIT_IN_DOUBT')
        throw error
      }
    })
  }

  return {
    supports: inner.supports,
    description: inner.description,
    open: (signal) => patiently(signal, () => inner.open(signal)),
    openToRead: (signal) => patiently(signal, () => inner.openToRead(signal)),
    columns: (table) => patiently(runSignal, () => inner.columns(table)),
    addColumns: (table: string, columns: readonly NewColumn[]) =>
      patiently(runSignal, () => inner.addColumns(table, columns)),
    ledger: (stream) => patiently(runSignal, () => inner.ledger(stream)),
    load,
    pathInViews: (table) => inner.pathInViews(table),
    putViews: (views: readonly View[]) => patiently(runSignal, () => inner.putViews(views)),
    query: async (sql, take, signal) => {
      let isBegun = false
      const first: TakeRows = (rows) => {
        isBegun = true
        return take(rows)
      }
      const asked = await patiently(signal, async () => {
        try {
          return { rows: await inner.query(sql, first, signal) }
        } catch (error) {
          // Rows that have been handed over can't be taken back, so it can't be asked again.
          if (!isBegun) throw error
          return { error }
        }
      })
      if ('error' in asked) throw asked.error
      return asked.rows
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
}

/** The ledger's row of a load whose commit was in doubt; undefined when it was not committed. */
async function committed(destination: Destination, record: NewLoad): Promise<LoadRecord | undefined> {
  return (await destination.ledger(record.stream)).find(({ loadId }) => loadId === record.loadId)
}
