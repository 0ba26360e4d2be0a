import { isFailure } from '../core/errors.ts'
import { RETRY_AFTER_MS_MAX, type RetryPolicy, retrying } from '../core/retry.ts'
import { type OnProgress, retryReporter } from '../progress.ts'
import type { RequestBudget } from './budget.ts'
import type { ApiRequest, MixpanelClient } from './client.ts'
import type { ResponseBody } from './response-body.ts'

/** The request budget of each family of the API. */
export type Budgets = Readonly<Record<ApiRequest['family'], RequestBudget>>

export interface RequesterOptions {
  readonly client: MixpanelClient
  readonly budgets: Budgets
  readonly retry: RetryPolicy
  readonly onProgress: OnProgress
  /** Counts all requests. */
  readonly usage?: Usage
}

/** Retries of damaged and timed-out responses, before smaller slices are requested. */
const ANSWER_RETRIES: RetryPolicy['retries'] = { BODY_TRUNCATED: 2, BODY_UNREADABLE: 2, QUERY_TIMEOUT: 1 }

/** What some requests took. */
export class Usage {
  /** Requests sent, failed ones included. */
  requests = 0
  /** Bytes received, decompressed. */
  bytes = 0
}

/** How a request is sent whose response is read as it arrives. */
export interface OpenOptions {
  readonly signal: AbortSignal
  /** Counts the requests. */
  readonly usage: Usage
  /** Whether it is sent before its turn, so that others go first, and is tried once. */
  readonly isAhead?: boolean
  /** The first attempt, if it was made ahead. */
  readonly sent?: Promise<OpenResponse> | undefined
  /** Called when the request is sent, and when it is sent again. */
  readonly onSend?: () => void
}

/** A 200 response whose body is yet to be read. */
export interface OpenResponse {
  readonly body: ResponseBody
  /** To be called when the whole body has come, or nobody wants the rest. */
  readonly release: () => Promise<void>
}

/** After a refusal without `Retry-After`, no other request is sent for so long. */
const PAUSE_MS = 1000

/** Sends requests to Mixpanel within their budgets, and counts requests and received bytes. */
export class Requester {
  /** Of all requests. */
  readonly usage: Usage
  readonly #options: RequesterOptions

  constructor(options: RequesterOptions) {
    this.#options = options
    this.usage = options.usage ?? new Usage()
  }

  /**
   * The result of `read` on the body of a 200 response. Retries failures, also those of `read`.
   * `usage`: counts requests and bytes.
   */
  ask<T>(
    request: ApiRequest,
    read: (body: Buffer) => T | Promise<T>,
    signal: AbortSignal,
    usage = new Usage(),
  ): Promise<T> {
    const attempt = async () => {
      const body = await this.#askOnce(request, signal, usage)
      return this.withoutSecrets(() => read(body))
    }
    return this.withRetries(ANSWER_RETRIES, attempt, signal)
  }

  /** Sends a request. Retries failures, but not those of the body, which is yet to be read. */
  open(request: ApiRequest, { signal, usage, isAhead = false, sent, onSend }: OpenOptions): Promise<OpenResponse> {
    const { client } = this.#options
    let first = sent
    const attempt = async () => {
      if (first !== undefined) {
        const response = first
        first = undefined
        return await response
      }
      const release = await this.#budget(request).acquire(signal, isAhead)
      try {
        onSend?.()
        const body = await this.#sent(request, usage, () => client.stream(request, signal))
        return { body, release }
      } catch (error) {
        await release()
        throw error
      }
    }
    return isAhead ? attempt() : this.withRetries({}, attempt, signal)
  }

  /** Reads a response. Calls `onUnknownEnd` if nothing shows that the body is complete. */
  async *read(
    { body, release }: OpenResponse,
    onUnknownEnd: () => void,
    usage: Usage,
  ): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const block of body) {
        this.#count(usage, block)
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

  async #askOnce(request: ApiRequest, signal: AbortSignal, usage: Usage): Promise<Buffer> {
    const { client } = this.#options
    const release = await this.#budget(request).acquire(signal)
    try {
      const body = await this.#sent(request, usage, () => client.bytes(request, signal))
      this.#count(usage, body)
      return body
    } finally {
      await release()
    }
  }

  /** Sends a request, counts it, and lets the budget know whether Mixpanel refuses it. */
  async #sent<T>(request: ApiRequest, usage: Usage, send: () => Promise<T>): Promise<T> {
    const budget = this.#budget(request)
    const sentAt = Date.now()
    usage.requests++
    this.usage.requests++
    try {
      const response = await send()
      budget.accepted()
      return response
    } catch (error) {
      if (isFailure(error, 'RATE_LIMITED'))
        budget.refused(sentAt, Math.min(error.retryAfterMs ?? PAUSE_MS, RETRY_AFTER_MS_MAX))
      throw error
    }
  }

  #count(usage: Usage, { length }: Buffer): void {
    usage.bytes += length
    this.usage.bytes += length
  }

  #budget({ family }: ApiRequest): RequestBudget {
    return this.#options.budgets[family]
  }
}
