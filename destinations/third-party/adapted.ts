import { ERROR_CODES, type ErrorCode, MixloadError, messageOf } from '../../lib/core/errors.ts'
import type { Destination } from '../../lib/destination/contract.ts'

/**
 * The same destination, with every failure a MixloadError of this program: a package may have a copy of mixload of its
 * own, whose errors are of another class, or throw what its driver throws.
 */
export function adapted(inner: Destination): Destination {
  const call = async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error
      throw failure(inner.description, error)
    }
  }
  return {
    supports: inner.supports,
    description: inner.description,
    open: (signal) => call(() => inner.open(signal), signal),
    openToRead: (signal) => call(() => inner.openToRead(signal), signal),
    columns: (table) => call(() => inner.columns(table)),
    addColumns: (table, columns) => call(() => inner.addColumns(table, columns)),
    ledger: (stream) => call(() => inner.ledger(stream)),
    load: (relation, target, record, signal) => call(() => inner.load(relation, target, record, signal), signal),
    pathInViews: (table) => inner.pathInViews(table),
    putViews: (views) => call(() => inner.putViews(views)),
    query: (sql, take, signal) => call(() => inner.query(sql, take, signal), signal),
    [Symbol.asyncDispose]: () => call(async () => inner[Symbol.asyncDispose]()),
  }
}

function failure(description: string, error: unknown): MixloadError {
  if (error instanceof MixloadError) return error
  if (isOfAnotherCopy(error)) {
    const { code, message, cause, retryAfterMs } = error
    return new MixloadError(code, message, {
      cause: cause ?? error,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
  return new MixloadError('DESTINATION_FAILED', `${description}: ${messageOf(error)}`, { cause: error })
}

/** Whether this is a MixloadError, but of the class that another copy of mixload has. */
function isOfAnotherCopy(error: unknown): error is Error & { code: ErrorCode; retryAfterMs: number | undefined } {
  if (!(error instanceof Error) || error.name !== 'MixloadError' || !('code' in error)) return false
  return Object.hasOwn(ERROR_CODES, String(error.code))
}
