import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../core/errors.ts'
import { withoutSecrets } from '../core/secrets.ts'
import { VERSION } from '../core/version.ts'
import { authorization } from '../mixpanel/credentials.ts'
import type { CheckedOptions } from './client-options.ts'
import { type Endpoint, type OutgoingRecord, requestBody } from './endpoints.ts'
import type { IngestResponse } from './response.ts'

type SenderOptions = Pick<CheckedOptions, 'token' | 'credentials' | 'geolocate' | 'timeoutMs'>

/** The response to a batch with 2,000 rejected records has a few hundred kilobytes. */
const RESPONSE_BYTES_MAX = 16 * 1024 * 1024

const compress = promisify(gzip)

/** Fast, and nearly as small as the default. Large blocks need few turns of the event loop. */
const COMPRESSION = { level: 2, chunkSize: 256 * 1024 }

/** Posts records to Mixpanel, once. delivery.ts interprets the response and repeats requests. */
export class Sender implements AsyncDisposable {
  readonly #host: string
  readonly #options: SenderOptions
  readonly #agent: EnvHttpProxyAgent
  #isCompressing = true

  /** `host`: without a trailing slash. */
  constructor(host: string, options: SenderOptions) {
    this.#host = host
    this.#options = options
    this.#agent = new EnvHttpProxyAgent({
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      connectTimeout: 30_000,
    })
  }

  /** Sends all further requests uncompressed. */
  disableCompression(): void {
    this.#isCompressing = false
  }

  /** @throws MixloadError NETWORK_FAILED if no complete response arrived; the signal's reason. */
  async post(endpoint: Endpoint, records: readonly OutgoingRecord[], signal: AbortSignal): Promise<IngestResponse> {
    const { token, credentials, geolocate } = this.#options
    const url = new URL(this.#host + endpoint.path)
    for (const [name, value] of Object.entries(endpoint.query)) url.searchParams.set(name, value)
    if (geolocate) url.searchParams.set('ip', '1')
    const headers: Record<string, string> = {
      'content-type': endpoint.body === 'lines' ? 'application/x-ndjson' : 'application/json',
      accept: 'application/json, text/plain',
      'user-agent': `mixload/${VERSION}`,
    }
    if (endpoint.body === 'lines') {
      headers.authorization = authorization(credentials ?? { kind: 'project-secret', secret: token ?? '' })
      if (credentials?.kind === 'service-account') url.searchParams.set('project_id', credentials.projectId)
    }
    let body = Buffer.from(requestBody(endpoint, records, token ?? ''))
    const isCompressed = endpoint.gzip && this.#isCompressing
    if (isCompressed) {
      headers['content-encoding'] = 'gzip'
      body = await compress(body, COMPRESSION)
    }
    try {
      const response = await request(url, { dispatcher: this.#agent, signal, method: 'POST', headers, body })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > RESPONSE_BYTES_MAX) throw new Error(`the response is longer than ${RESPONSE_BYTES_MAX} bytes`)
        chunks.push(chunk)
      }
      return {
        status: response.statusCode,
        body: this.#withoutSecrets(Buffer.concat(chunks).toString()),
        retryAfter: response.headers['retry-after']?.toString(),
        wasCompressed: isCompressed,
        credential: (endpoint.body === 'lines' ? credentials?.kind : undefined) ?? 'token',
      }
    } catch (error) {
      signal.throwIfAborted()
      const message = `The connection failed at POST ${endpoint.path}: ${this.#withoutSecrets(messageOf(error))}.`
      throw new MixloadError('NETWORK_FAILED', message, { cause: error })
    }
  }

  /** A server or a proxy may repeat the request in its response. */
  #withoutSecrets(text: string): string {
    const { token, credentials } = this.#options
    return withoutSecrets(text, [token, credentials?.secret])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}
