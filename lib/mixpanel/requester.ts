import type { MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import type { Tell } from '../progress.ts'
import type { RequestBudget } from './budget.ts'
import type { ApiRequest, MixpanelClient } from './client.ts'

export interface AskingOptions {
  readonly client: MixpanelClient
  /** Of the query family: all streams but export share it. */
  readonly budget: RequestBudget
  readonly retry: RetryPolicy
  readonly tell: Tell
}

/**
 * How often an answer is asked for again that is broken, or that Mixpanel took too long over. Who asks for days then asks
 * for fewer of them.
 */
const ANSWER_RETRIES: RetryPolicy['retries'] = { BODY_TRUNCATED: 2, BODY_UNREADABLE: 2, QUERY_TIMEOUT: 1 }

/** Asks Mixpanel within the budget, again after failures that may pass, and counts what was asked and what came. */
export class Asking {
  /** Requests sent, failed ones included. */
  requests = 0
  /** Decompressed bytes of complete responses. */
  bytes = 0
  readonly #options: AskingOptions
  readonly #retry: RetryPolicy

  constructor(options: AskingOptions) {
    this.#options = options
    this.#retry = { ...options.retry, retries: { ...options.retry.retries, ...ANSWER_RETRIES } }
  }

  /**
   * What `read` makes of the whole body of a 200 answer. A body that it finds to be broken is asked for again.
   * @throws MixloadError of what the answer means.
   */
  ask<T>(request: ApiRequest, read: (body: Buffer) => T | Promise<T>, signal: AbortSignal): Promise<T> {
    const onRetry = (error: MixloadError, delayMs: number) => this.#options.tell({ kind: 'retry', error, delayMs })
    const attempt = async () => {
      const body = await this.#askOnce(request, signal)
      return this.#options.client.reading(() => read(body))
    }
    return retrying(this.#retry, signal, attempt, onRetry)
  }

  async #askOnce(request: ApiRequest, signal: AbortSignal): Promise<Buffer> {
    const { client, budget } = this.#options
    const release = await budget.acquire(signal)
    try {
      this.requests++
      const body = await client.bytes(request, signal)
      this.bytes += body.length
      return body
    } finally {
      await release()
    }
  }
}
