import type { MixloadError } from '../core/errors.ts'
import type { RetryPolicy } from '../core/retry.ts'

/** How long an unavailable destination is waited for: nearly half an hour. */
export const DESTINATION_RETRIES: RetryPolicy = {
  retries: { DESTINATION_UNAVAILABLE: 32, COMMIT_IN_DOUBT: 32 },
  firstDelayMs: 500,
  delayMaxMs: 60_000,
}

/** For commands that change nothing: they report a failure at once. */
export const AT_ONCE: RetryPolicy = { ...DESTINATION_RETRIES, retries: {} }

/** How transient failures are retried. */
export interface Retries {
  readonly policy: RetryPolicy
  /** Called before each wait. */
  readonly onRetry: (error: MixloadError, delayMs: number) => void
  /** Ends the waiting in calls that have no signal of their own. */
  readonly signal: AbortSignal
}
