import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { BigQuery, common } from '@google-cloud/bigquery'
import type { AuthClient } from 'google-auth-library'
import { VERSION } from '../../lib/version.ts'
import type { Answer } from './answers.ts'
import { ApiFailure } from './failures.ts'
import { retryingApi } from './retries.ts'
import type { Timing } from './timing.ts'
import { type ApiRequest, Transport } from './transport.ts'

/** A job with the file that it loads. */
export interface Upload {
  readonly job: Answer
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
type TakeAnswer = (error: Error | null, answer?: Answer) => unknown

const USER_AGENT = `mixload/${VERSION}`

/**
 * Google's client, with its requests carried by {@link Transport}. It makes each request, signs it, and reads the answer;
 * the transport adds what it lacks: abort signals, timeouts, and the retries of {@link Timing}. A request may therefore
 * have been done by an attempt before the one whose answer counts, which then says 409, 412 or 404. Only uploads are
 * made here.
 */
export class BigQueryClient {
  readonly #options: ClientOptions
  readonly #transport: Transport
  readonly #signer: BigQuery

  constructor(options: ClientOptions) {
    this.#options = options
    this.#transport = new Transport(options.endpoint)
    this.#signer = this.#newClient()
  }

  /** The server's time, milliseconds since 1970. */
  get serverNow(): number {
    return this.#transport.serverNow
  }

  /**
   * Google's client for calls that end when the signal is aborted. They reject with ApiFailure or the signal's reason.
   */
  withSignal(signal?: AbortSignal): BigQuery {
    const client = this.#newClient()
    const { authClient, getCredentials } = client.makeAuthenticatedRequest
    const makeRequest = (request: ApiRequest, takeAnswer: TakeAnswer) => void this.#make(request, takeAnswer, signal)
    client.makeAuthenticatedRequest = Object.assign(makeRequest, { authClient, getCredentials }) as MakeRequest
    return client
  }

  /**
   * Sends a job with its file, which is read while it is sent. Google's client cannot abort an upload.
   * @throws ApiFailure; the signal's reason.
   */
  async upload({ job, content }: Upload, signal?: AbortSignal): Promise<Answer> {
    const { project, timing } = this.#options
    const boundary = randomUUID()
    const request = {
      method: 'POST',
      uri: `upload/bigquery/v2/projects/${encodeURIComponent(project)}/jobs`,
      qs: { uploadType: 'multipart' },
      headers: { 'user-agent': USER_AGENT, 'content-type': `multipart/related; boundary=${boundary}` },
    }
    const body = () => Readable.from(multipart(boundary, JSON.stringify(job), content()), { objectMode: false })
    return this.#send(request, body, timing.uploadMs, signal)
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }

  #newClient(): BigQuery {
    const { project, credentials } = this.#options
    const client = new BigQuery({ projectId: project, authClient: credentials, userAgent: USER_AGENT })
    // Below the endpoint, which is the transport's: here BIGQUERY_EMULATOR_HOST would take the place of any other.
    client.baseUrl = 'bigquery/v2'
    return client
  }

  async #make(request: ApiRequest, takeAnswer: TakeAnswer, signal: AbortSignal | undefined): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#carry(request, signal)
    } catch (error) {
      takeAnswer(error instanceof Error ? error : new Error(String(error)))
      return
    }
    try {
      await takeAnswer(null, answer)
    } catch (error) {
      // Google's client takes for granted what an answer has in it, and would end the process.
      const what = `The answer to ${request.method ?? 'GET'} /${request.uri} is not one of BigQuery's`
      takeAnswer(new ApiFailure(what, { isUnanswered: true, cause: error }))
    }
  }

  /** The body stays out of what is signed: there Google's client replaces `{{projectId}}` in all texts. */
  async #carry({ json, ...request }: ApiRequest, signal: AbortSignal | undefined): Promise<Answer> {
    const { answerMs } = this.#options.timing
    if (json === undefined) return this.#send(request, () => null, answerMs, signal)
    const headers = { ...request.headers, 'content-type': 'application/json' }
    return this.#send({ ...request, headers }, () => JSON.stringify(json), answerMs, signal)
  }

  async #send(
    request: ApiRequest,
    body: () => string | Readable | null,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    return retryingApi(this.#options.timing, signal, async () => {
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

/** The location of a job, for Google's client. */
export function inLocation(location: string | undefined): { readonly location?: string } {
  return location === undefined ? {} : { location }
}

/** Whether Google's client says that the job it has created has errors, which the job itself tells better. */
export function isOfCreatedJob(error: unknown): boolean {
  return error instanceof common.util.ApiError
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
