import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { VERSION } from '../../lib/core/version.ts'
import { type Answer, objectOf, refusalOf } from './answers.ts'
import type { Authorize } from './credentials.ts'
import { ApiFailure } from './failures.ts'
import { retryingApi } from './retries.ts'
import type { Timing } from './timing.ts'

/** A request to the API. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** From the project on, each part encoded: see {@link pathOf}. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Only where the thing still has this etag. */
  readonly ifMatch?: string
}

/** A call that brings a file. */
export interface Upload {
  readonly path: string
  /** The job. */
  readonly body: unknown
  /** Opened anew for each try. */
  readonly content: () => AsyncIterable<Buffer>
}

export interface ClientOptions {
  /** Such as `https://bigquery.googleapis.com`. */
  readonly base: string
  readonly authorize: Authorize
  readonly timing: Timing
}

const ANSWER_TIMEOUT_MS = 60_000
/** How long an upload may stand still, or its answer take after the last byte. */
const UPLOAD_TIMEOUT_MS = 600_000

/** Parts of a path, encoded. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/')
}

/**
 * Speaks BigQuery's REST API (cloud.google.com/bigquery/docs/reference/rest). Google's own client signs the requests; it
 * does not send them, because there its uploads can be neither interrupted nor tried again, and its errors don't say
 * whether there was an answer.
 */
export class BigQueryClient {
  readonly #options: ClientOptions
  readonly #agent = new EnvHttpProxyAgent({ connectTimeout: 30_000 })
  /** The server's clock as of its last answer, and ours, which never goes back, at that moment. */
  #clock: { readonly server: number; readonly own: number } | undefined

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** The server's time, milliseconds since 1970. So that two machines agree on when a lease ends. */
  get serverNow(): number {
    return this.#clock === undefined ? Date.now() : this.#clock.server + performance.now() - this.#clock.own
  }

  /**
   * The answer to a call, which is sent again while the failure may pass: so it may have been done before the answer
   * that counts, and then that says 409, 412 or 404.
   * @throws ApiFailure; the signal's reason.
   */
  async call(call: Call, signal?: AbortSignal): Promise<Answer> {
    return retryingApi(this.#options.timing, signal, () => this.#callOnce(call, signal))
  }

  async #callOnce({ method, path, query, body, ifMatch }: Call, signal: AbortSignal | undefined): Promise<Answer> {
    return this.#send(`/bigquery/v2/projects/${path}`, query ?? {}, {
      method,
      signal,
      timeoutMs: ANSWER_TIMEOUT_MS,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
  }

  /** Sends a job with its file, once. The file is read while it is sent. */
  async upload({ path, body, content }: Upload, signal?: AbortSignal): Promise<Answer> {
    const boundary = randomUUID()
    return this.#send(
      `/upload/bigquery/v2/projects/${path}`,
      { uploadType: 'multipart' },
      {
        method: 'POST',
        signal,
        timeoutMs: UPLOAD_TIMEOUT_MS,
        headers: { 'content-type': `multipart/related; boundary=${boundary}` },
        body: Readable.from(multipart(boundary, JSON.stringify(body), content()), { objectMode: false }),
      },
    )
  }

  async #send(
    path: string,
    query: Readonly<Record<string, string>>,
    sending: {
      readonly method: Dispatcher.HttpMethod
      readonly signal: AbortSignal | undefined
      readonly timeoutMs: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: string | Readable | null
    },
  ): Promise<Answer> {
    const { signal, timeoutMs, method, body } = sending
    const url = new URL(this.#options.base + path)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const what = `${method} ${url.pathname}`
    const signature = await this.#options.authorize(url.href)
    signal?.throwIfAborted()
    let status: number
    let text: string
    try {
      const answer = await request(url, {
        method,
        dispatcher: this.#agent,
        signal: signal ?? null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        headers: { accept: 'application/json', 'user-agent': `mixload/${VERSION}`, ...sending.headers, ...signature },
        body,
      })
      status = answer.statusCode
      this.#noteTime(answer.headers.date)
      text = await answer.body.text()
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof MixloadError) throw error
      throw new ApiFailure(`${what} was not answered: ${messageOf(error)}`, { isUnanswered: true, cause: error })
    }
    if (status >= 200 && status < 300) return parsed(text, what)
    const { message, reason } = refusalOf(text)
    throw new ApiFailure(message ?? `${what} was answered with ${status}`, { status, reason })
  }

  #noteTime(date: string | string[] | undefined): void {
    const server = Date.parse(String(date))
    if (!Number.isNaN(server)) this.#clock = { server, own: performance.now() }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

function parsed(text: string, what: string): Answer {
  if (text.trim() === '') return {}
  try {
    return objectOf(JSON.parse(text))
  } catch (error) {
    // Cut off, or a proxy's page: what was done is unknown, as if there were no answer.
    throw new ApiFailure(`${what} was answered with something that is no JSON`, { isUnanswered: true, cause: error })
  }
}

/** RFC 2387, as docs.cloud.google.com/bigquery/docs/reference/api-uploads wants it: the job, then the file. */
async function* multipart(boundary: string, job: string, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(
    `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${job}\r\n` +
      `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
  )
  yield* content
  yield Buffer.from(`\r\n--${boundary}--\r\n`)
}
