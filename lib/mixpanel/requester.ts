import { type RetryPolicy, retrying } from '../core/retry.ts'
import { type OnProgress, retryReporter } from '../progress.ts'
import type { RequestBudget } from './budget.ts'
import type { ApiRequest, MixpanelClient } from './client.ts'

/** The request budget of each family of the API. */
export type Budgets = Readonly<Record<ApiRequest['family'], RequestBudget>>

export interface RequesterOptions {
  readonly client: MixpanelClient
  readonly budgets: Budgets
  readonly retry: RetryPolicy
  readonly onProgress: OnProgress
}

/** Retries of damaged and timed-out responses, before smaller slices are requested. */
const ANSWER_RETRIES: RetryPolicy['retries'] = { BODY_TRUNCATED: 2, BODY_UNREADABLE: 2, QUERY_TIMEOUT: 1 }

/** Sends requests to Mixpanel within their budgets, and counts requests and received bytes. */
export class Requester {
  /** Requests sent, failed ones included. */
  requests = 0
  /** Bytes received, decompressed. */
  bytes = 0
  readonly #options: RequesterOptions

  constructor(options: RequesterOptions) {
    this.#options = options
  }

  /** The result of `read` on the body of a 200 response. Retries failures, also those of `read`. */
  ask<T>(request: ApiRequest, read: (body: Buffer) => T | Promise<T>, signal: AbortSignal): Promise<T> {
    const attempt = async () => {
      const body = await this.#askOnce(request, signal)
      return this.withoutSecrets(() => read(body))
    }
    return this.withRetries(ANSWER_RETRIES, attempt, signal)
  }

  /** Sends a request once. Calls `onUnknownEnd` if nothing shows that the body is complete. */
  async *stream(request: ApiRequest, onUnknownEnd: () => void, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const { client, budgets } = this.#options
    const release = await budgets[request.family].acquire(signal)
    try {
      this.requests++
      const body = await client.stream(request, signal)
      for await (const block of body) {
        this.bytes += block.length
        yield block
      }
      if (!body.isEndKnown) onUnknownEnd()
    } finally {
      await release()
    }
  }

  /** Retries `attempt`. `retries`, by error code, take precedence over the policy. */
  withRetries<T>(retries: RetryPolicy['retries'], attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { retry, onProgress } = this.#options
    const policy = { ...retry, retries: { ...retry.retries, ...retries } }
    return retrying(policy, signal, attempt, retryReporter(onProgress))
  }

  /** Runs `read` and masks the client's secret in its errors, since a server may repeat it. */
  withoutSecrets<T>(read: () => T | Promise<T>): Promise<T> {
    return this.#options.client.reading(read)
  }

  async #askOnce(request: ApiRequest, signal: AbortSignal): Promise<Buffer> {
    const { client, budgets } = this.#options
    const release = await budgets[request.family].acquire(signal)
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
