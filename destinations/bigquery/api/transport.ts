import { stringify } from 'node:querystring'
import type { Readable } from 'node:stream'
import type { common } from '@google-cloud/bigquery'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../../../lib/core/errors.ts'
import { parseJson } from '../../../lib/core/json.ts'
import { ApiFailure, errorIn } from './api-failure.ts'
import { type JsonObject, objectOf } from './json.ts'

/** A request as Google's client makes it. */
export type ApiRequest = common.DecorateRequestOptions

/** What is sent, and for how long the connection may be silent meanwhile. */
export interface Sending {
  readonly body: string | Readable | null
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Sends requests to BigQuery, each of them once. The transport of Google's client has no timeouts
 * and cannot abort: see docs/decisions/0014-what-googles-client-does.md.
 */
export class Transport {
  readonly #endpoint: string
  readonly #agent = new EnvHttpProxyAgent({ connectTimeout: 30_000 })
  /** The server's clock at its last answer, and our monotonic clock at that moment. */
  #clock: { readonly server: number; readonly own: number } | undefined

  /** @param endpoint such as `https://bigquery.googleapis.com`. */
  constructor(endpoint: string) {
    this.#endpoint = endpoint
  }

  /** The server's time in milliseconds, so that two machines agree on when a lease expires. */
  get serverNow(): number {
    return this.#clock === undefined ? Date.now() : this.#clock.server + performance.now() - this.#clock.own
  }

  /**
   * Sends a signed request and returns the JSON object that answers it.
   * @throws ApiFailure; the signal's reason.
   */
  async send(
    { method = 'GET', uri, qs, headers }: ApiRequest,
    { body, timeoutMs, signal }: Sending,
  ): Promise<JsonObject> {
    const what = `${method} /${uri}`
    let status: number
    let text: string
    try {
      const response = await request(`${this.#endpoint}/${uri}?${stringify(qs)}`, {
        method: method as Dispatcher.HttpMethod,
        headers: { accept: 'application/json', ...Object.fromEntries(new Headers(headers as Record<string, string>)) },
        body,
        dispatcher: this.#agent,
        signal: signal ?? null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      })
      status = response.statusCode
      this.#noteTime(response.headers.date)
      text = await response.body.text()
    } catch (error) {
      signal?.throwIfAborted()
      // The source of the body has failed.
      if (error instanceof MixloadError) throw error
      throw new ApiFailure(`${what} was not answered: ${messageOf(error)}`, { isUnanswered: true, cause: error })
    }
    if (status >= 200 && status < 300) return parsed(text, what)
    const { message, reason } = errorIn(text)
    throw new ApiFailure(message ?? `${what} was answered with ${status}`, { status, reason })
  }

  #noteTime(date: string | string[] | undefined): void {
    const server = Date.parse(String(date))
    if (!Number.isNaN(server)) this.#clock = { server, own: performance.now() }
  }

  /** Ends all connections, idle ones included. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** An answer that is not JSON was cut off, or is a proxy's. What BigQuery did is unknown then. */
function parsed(text: string, what: string): JsonObject {
  const answer = text.trim() === '' ? {} : parseJson(text)
  if (answer !== undefined) return objectOf(answer)
  throw new ApiFailure(`The answer to ${what} is not valid JSON`, { isUnanswered: true })
}
