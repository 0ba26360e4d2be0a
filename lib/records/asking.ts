import type { MixloadError } from '../errors.ts'
import type { Tell } from '../events.ts'
import type { RequestBudget } from '../mixpanel/budget.ts'
import type { ApiRequest, MixpanelClient } from '../mixpanel/client.ts'
import { type RetryPolicy, retrying } from '../retry.ts'

export interface AskingOptions {
  readonly client: MixpanelClient
  /** Of the query family: all streams but export share it. */
  readonly budget: RequestBudget
  readonly retry: RetryPolicy
  readonly tell: Tell
}

/** Asks Mixpanel within the budget, again after failures that may pass, and counts what was asked and what came. */
export class Asking {
  /** Requests sent, failed ones included. */
  requests = 0
  /** Bytes of whole answers, unzipped. */
  bytes = 0
  readonly #options: AskingOptions

  constructor(options: AskingOptions) {
    this.#options = options
  }

  /**
   * The whole body of a 200 answer.
   * @throws MixloadError of what the answer means.
   */
  ask(request: ApiRequest, signal: AbortSignal): Promise<Buffer> {
    const { retry, tell } = this.#options
    const onRetry = (error: MixloadError, delayMs: number) => tell({ kind: 'retry', error, delayMs })
    return retrying(retry, signal, () => this.#askOnce(request, signal), onRetry)
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
