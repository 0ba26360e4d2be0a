import { setTimeout as sleep } from 'node:timers/promises'
import { ApiFailure } from './api-failure.ts'
import type { Timing } from './timing.ts'

/** Repeats an attempt while its failure is transient. Twice must have the effect of once. */
export async function withRetries<T>(
  timing: Timing,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      if (retry >= timing.retries || !(error instanceof ApiFailure) || !error.isTransient) throw error
      await pause(backoff(timing, retry), signal)
    }
  }
}

/** Doubles with each retry. Up to a quarter more, so that several runs do not return at once. */
export function backoff({ retryDelayMs, retryDelayMaxMs }: Timing, retry: number): number {
  return Math.min(retryDelayMs * 2 ** retry, retryDelayMaxMs) * (1 + Math.random() / 4)
}

/** Waits. @throws the signal's reason. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {})
  signal?.throwIfAborted()
}
