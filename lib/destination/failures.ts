import { ERROR_CODES, type ErrorCode, MixloadError, messageOf } from '../core/errors.ts'
import { withoutSecrets } from '../core/secrets.ts'
import type { Explanation } from './contract.ts'

/**
 * An error of a driver as a MixloadError. A MixloadError stays as it is.
 * @param what failed, and where, such as `Cannot open memory:`.
 * @param explanation what the driver knows about it.
 */
export function driverFailure(
  what: string,
  error: unknown,
  explanation: Explanation = {},
  isConnectionLost = false,
): MixloadError {
  const own = ownFailure(error)
  if (own !== undefined && own.code !== 'ENGINE_FAILED') return own
  const { code = isConnectionLost ? 'DESTINATION_UNAVAILABLE' : 'DESTINATION_FAILED', advice } = explanation
  const { reason = messageOf(error), retryAfterMs } = explanation
  const message = `${what}: ${reason}`
  return new MixloadError(code, advice === undefined ? message : `${message.replace(/\.$/, '')}. ${advice}`, {
    cause: error,
    retryAfterMs,
  })
}

/**
 * A failure without the secrets of the destination's URL, which a server or a package may repeat.
 * Its cause is left out if it had some.
 */
export function maskedFailure<T>(error: T, secrets: readonly string[]): T | MixloadError {
  if (!(error instanceof MixloadError)) return error
  const text = messageOf(error)
  const shown = withoutSecrets(text, secrets)
  if (shown === text) return error
  const { code, retryAfterMs } = error
  return new MixloadError(code, shown, retryAfterMs === undefined ? {} : { retryAfterMs })
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
  return new MixloadError(code, message, { cause: cause ?? error, retryAfterMs })
}

/** Whether it is a MixloadError of another copy of mixload, as a package may have one. */
function isOfAnotherCopy(error: unknown): error is Error & { code: ErrorCode; retryAfterMs: number | undefined } {
  if (!(error instanceof Error) || error.name !== 'MixloadError' || !('code' in error)) return false
  return Object.hasOwn(ERROR_CODES, String(error.code))
}
