import { ERROR_CODES, type ErrorCode, MixloadError, messageOf } from '../core/errors.ts'
import type { Explanation } from './contract.ts'

/** What is known about an error that a driver has thrown. */
export interface FailureFacts {
  readonly isConnectionLost: boolean
  /** What the driver knows. */
  readonly explanation: Explanation | undefined
}

/**
 * An error of a driver as a MixloadError. A MixloadError stays as it is.
 * @param what could not be done, and where, such as `Cannot open memory:`.
 */
export function driverFailure(what: string, error: unknown, facts: FailureFacts): MixloadError {
  const own = ownFailure(error)
  if (own !== undefined && own.code !== 'ENGINE_FAILED') return own
  const { isConnectionLost, explanation = {} } = facts
  const { code = isConnectionLost ? 'DESTINATION_UNAVAILABLE' : 'DESTINATION_FAILED', advice } = explanation
  const message = `${what}: ${explanation.reason ?? messageOf(error)}`
  return new MixloadError(code, advice === undefined ? message : `${message.replace(/\.$/, '')}. ${advice}`, {
    cause: error,
    ...(explanation.retryAfterMs === undefined ? {} : { retryAfterMs: explanation.retryAfterMs }),
  })
}

/** Whether only the ledger can tell whether a load was committed. */
export function isInDoubt(error: unknown): boolean {
  return ownFailure(error)?.code === 'COMMIT_IN_DOUBT'
}

/** A MixloadError of this program; undefined for every other error. */
function ownFailure(error: unknown): MixloadError | undefined {
  if (error instanceof MixloadError) return error
  if (!isOfAnotherCopy(error)) return undefined
  const { code, message, cause, retryAfterMs } = error
  return new MixloadError(code, message, {
    cause: cause ?? error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/**
 * Whether this is a MixloadError, but of the class in another copy of mixload, which a package may
 * have.
 */
function isOfAnotherCopy(error: unknown): error is Error & { code: ErrorCode; retryAfterMs: number | undefined } {
  if (!(error instanceof Error) || error.name !== 'MixloadError' || !('code' in error)) return false
  return Object.hasOwn(ERROR_CODES, String(error.code))
}
