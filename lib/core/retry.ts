import { setTimeout as sleep } from 'node:timers/promises'
import pRetry from 'p-retry'
import { type ErrorCode, MixloadError } from './errors.ts'

/** How often each kind of error is retried, and after which waits. */
export interface RetryPolicy {
  /** Retries by error code. Other codes are not retried. */
  readonly retries: Readonly<Partial<Record<ErrorCode, number>>>
  /** The wait before the first retry, milliseconds. It doubles with each further retry. */
  readonly firstDelayMs: number
  readonly delayMaxMs: number
  /** False lets the process end during a wait if it has nothing else to do. Default: true. */
  readonly keepsProcessAlive?: boolean
}

/** A rate limit is retried for over an hour, because Mixpanel counts requests per hour. */
export const DEFAULT_RETRIES: RetryPolicy = {
  retries: { NETWORK_FAILED: 6, CONNECTION_CUT: 6, SERVER_FAILED: 6, RATE_LIMITED: 70 },
  firstDelayMs: 1000,
  delayMaxMs: 60_000,
}

/** The longest wait that a server may ask for. Mixpanel counts requests per hour. */
export const RETRY_AFTER_MS_MAX = 3_600_000

/** How much longer a server may make all waits of one request. After that it is not obeyed. */
export const RETRY_AFTER_TOTAL_MS_MAX = 2 * RETRY_AFTER_MS_MAX

/** Runs `attempt` until it succeeds or fails with an error that the policy no longer retries. */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: () => Promise<T>,
  onRetry: (error: MixloadError, delayMs: number) => void,
): Promise<T> {
  const failures = new Map<ErrorCode, number>()
  let extensionMs = RETRY_AFTER_TOTAL_MS_MAX
  return pRetry(attempt, {
    retries: Number.POSITIVE_INFINITY,
    // We wait ourselves, because Retry-After takes precedence.
    minTimeout: 0,
    maxTimeout: 0,
    factor: 1,
    signal,
    async onFailedAttempt({ error }) {
      if (!(error instanceof MixloadError) || !error.retry) throw error
      const count = (failures.get(error.code) ?? 0) + 1
      failures.set(error.code, count)
      if (count > (policy.retries[error.code] ?? 0)) throw error
      const backoff = Math.min(policy.firstDelayMs * 2 ** (count - 1), policy.delayMaxMs)
      const delay = delayAfter(error.retryAfterMs, backoff, extensionMs)
      if (error.retryAfterMs !== undefined) extensionMs -= delay - backoff
      onRetry(error, delay)
      await sleep(delay, undefined, { signal, ref: policy.keepsProcessAlive ?? true })
    },
  })
}

/**
 * The wait before a retry. A server may ask for more than the backoff, up to an hour and up to
 * `extensionMs` more. It may not ask for less: `Retry-After: 0` would use up all retries at once.
 */
export function delayAfter(retryAfterMs: number | undefined, backoffMs: number, extensionMs: number): number {
  // Up to a tenth more, so that several runs do not retry at the same moment.
  if (retryAfterMs === undefined) return backoffMs * (1 + Math.random() / 10)
  return Math.max(backoffMs, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX, backoffMs + extensionMs))
}
