import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { BigQuery, common } from '@google-cloud/bigquery'
import type { AuthClient } from 'google-auth-library'
import { VERSION } from '../../../lib/core/version.ts'
import { ApiFailure } from './api-failure.ts'
import type { JsonObject } from './json.ts'
import { Pace } from './pace.ts'
import { withRetries } from './retries.ts'
import type { Timing } from './timing.ts'
import { type ApiRequest, Transport } from './transport.ts'

/** A job with the file that it loads. */
export interface Upload {
  readonly job: JsonObject
  /** Opened again for each attempt. */
  readonly content: () => AsyncIterable<Buffer>
}

export interface ClientOptions {
  /** Such as `https://bigquery.googleapis.com`. */
  readonly endpoint: string
  readonly project: string
  readonly credentials: AuthClient
  readonly timing: Timing
}

type MakeRequest = BigQuery['makeAuthenticatedRequest']
type TakeAnswer = (error: Error | null, answer?: JsonObject) => unknown

const USER_AGENT = `mixload/${VERSION}`

/**
 * Google's client, with its requests carried by {@link Transport}. The client makes each request,
 * signs it and reads the answer. The transport adds abort signals and timeouts, and this class the
 * retries of {@link Timing}. A request may therefore have been done by an attempt before the last
 * one, which is then answered with 409, 412 or 404. Only uploads are made here. See
 * docs/decisions/0014-what-googles-client-does.md.
 */
export class BigQueryClient {
  /** Where the dataset is, because job ids are known in one location only. */
  location: string | undefined
  readonly project: string
  readonly timing: Timing
  readonly pace: Pace
  readonly #credentials: AuthClient
  readonly #transport: Transport
  readonly #signer: BigQuery

  constructor(options: ClientOptions) {
    this.project = options.project
    this.timing = options.timing
    this.pace = new Pace(options.timing)
    this.#credentials = options.credentials
    this.#transport = new Transport(options.endpoint)
    this.#signer = this.#newClient()
  }

  /** The server's time, milliseconds since 1970. */
  get serverNow(): number {
    return this.#transport.serverNow
  }

  /** Google's client, whose calls reject with ApiFailure or, once aborted, the signal's reason. */
  withSignal(signal?: AbortSignal): BigQuery {
    const client = this.#newClient()
    const { authClient, getCredentials } = client.makeAuthenticatedRequest
    const makeRequest = (request: ApiRequest, takeAnswer: TakeAnswer) => void this.#make(request, takeAnswer, signal)
    client.makeAuthenticatedRequest = Object.assign(makeRequest, { authClient, getCredentials }) as MakeRequest
    return client
  }

  /**
   * Sends a job with its file, which is read while it is sent. Google's client cannot abort an
   * upload.
   * @throws ApiFailure; the signal's reason.
   */
  async upload({ job, content }: Upload, signal?: AbortSignal): Promise<JsonObject> {
    const boundary = randomUUID()
    const request = {
      method: 'POST',
      uri: `upload/bigquery/v2/projects/${encodeURIComponent(this.project)}/jobs`,
      qs: { uploadType: 'multipart' },
      headers: { 'user-agent': USER_AGENT, 'content-type': `multipart/related; boundary=${boundary}` },
    }
    const body = () => Readable.from(multipart(boundary, JSON.stringify(job), content()), { objectMode: false })
    return this.#send(request, body, this.timing.uploadMs, signal)
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }

  #newClient(): BigQuery {
    const client = new BigQuery({ projectId: this.project, authClient: this.#credentials, userAgent: USER_AGENT })
    if (this.location !== undefined) client.location = this.location
    // A path, because the transport has the endpoint: BIGQUERY_EMULATOR_HOST must not replace it.
    client.baseUrl = 'bigquery/v2'
    return client
  }

  async #make(request: ApiRequest, takeAnswer: TakeAnswer, signal: AbortSignal | undefined): Promise<void> {
    let answer: JsonObject
    try {
      answer = await this.#carry(request, signal)
    } catch (error) {
      takeAnswer(error instanceof Error ? error : new Error(String(error)))
      return
    }
    try {
      await takeAnswer(null, answer)
    } catch (error) {
      // Google's client assumes certain fields in an answer. Uncaught, this ends the process.
      const what = `The answer to ${request.method ?? 'GET'} /${request.uri} is not in BigQuery's format`
      takeAnswer(new ApiFailure(what, { isUnanswered: true, cause: error }))
    }
  }

  /** The body is not passed on for signing, which replaces `{{projectId}}` in all its texts. */
  async #carry({ json, ...made }: ApiRequest, signal: AbortSignal | undefined): Promise<JsonObject> {
    const { answerMs } = this.timing
    // An option of the client, which it also sends to BigQuery.
    const { skipParsing, ...qs } = made.qs ?? {}
    const request = { ...made, qs }
    if (json === undefined) return this.#send(request, () => null, answerMs, signal)
    const headers = { ...request.headers, 'content-type': 'application/json' }
    return this.#send({ ...request, headers }, () => JSON.stringify(json), answerMs, signal)
  }

  async #send(
    request: ApiRequest,
    body: () => string | Readable | null,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<JsonObject> {
    return withRetries(this.timing, signal, async () => {
      const signed = await this.#sign({ ...request })
      signal?.throwIfAborted()
      return this.#transport.send(signed, { body: body(), timeoutMs, signal })
    })
  }

  #sign(request: ApiRequest): Promise<ApiRequest> {
    return new Promise((resolve, reject) => {
      const onAuthenticated = (error: Error | null, signed = request) => (error ? reject(error) : resolve(signed))
      this.#signer.makeAuthenticatedRequest(request, { onAuthenticated })
    })
  }
}

/** Whether a job was created and has errors, which are better read from the job. */
export function isOfCreatedJob(error: unknown): boolean {
  return error instanceof common.util.ApiError
}

/** RFC 2387, the job before the file: docs.cloud.google.com/bigquery/docs/reference/api-uploads. */
async function* multipart(boundary: string, job: string, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(
    `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${job}\r\n` +
      `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
  )
  yield* content
  yield Buffer.from(`\r\n--${boundary}--\r\n`)
}
