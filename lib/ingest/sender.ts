import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../core/errors.ts'
import { withoutSecrets } from '../core/secrets.ts'
import { VERSION } from '../core/version.ts'
import type { IngestAnswer } from './answers.ts'
import { bodyOf, type Endpoint, type Outgoing } from './endpoints.ts'

/** Who imports. Without either, the token serves, which is enough for Mixpanel. */
export type ImportCredentials =
  | { readonly kind: 'service-account'; readonly user: string; readonly secret: string; readonly projectId: string }
  | { readonly kind: 'project-secret'; readonly secret: string }

export interface SenderOptions {
  /** Without a slash at its end. */
  readonly host: string
  readonly token: string | undefined
  readonly credentials?: ImportCredentials | undefined
  /** Whether Mixpanel is to look up where requests come from. */
  readonly geolocate?: boolean
  /** Longest wait for an answer, milliseconds. */
  readonly timeoutMs: number
}

/** A batch with 2,000 refused records is answered with some hundred kilobytes. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

const zip = promisify(gzip)

/** Fast, and on events nearly as small as the default; blocks are few, because each costs a turn of the event loop. */
const PACKING = { level: 2, chunkSize: 256 * 1024 }

/** Posts records to Mixpanel, once; see delivery.ts for what becomes of the answer. */
export class Sender implements AsyncDisposable {
  readonly #options: SenderOptions
  readonly #agent: EnvHttpProxyAgent
  #packs = true

  constructor(options: SenderOptions) {
    this.#options = options
    this.#agent = new EnvHttpProxyAgent({
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      connectTimeout: 30_000,
    })
  }

  /** From now on requests go without gzip. */
  packNoMore(): void {
    this.#packs = false
  }

  /** @throws MixloadError NETWORK_FAILED where no whole answer came; the signal's reason. */
  async post(endpoint: Endpoint, records: readonly Outgoing[], signal: AbortSignal): Promise<IngestAnswer> {
    const { host, token, credentials, geolocate } = this.#options
    const url = new URL(host + endpoint.path)
    for (const [name, value] of Object.entries(endpoint.query)) url.searchParams.set(name, value)
    if (geolocate === true) url.searchParams.set('ip', '1')
    const headers: Record<string, string> = {
      'content-type': endpoint.body === 'lines' ? 'application/x-ndjson' : 'application/json',
      accept: 'application/json, text/plain',
      'user-agent': `mixload/${VERSION}`,
    }
    if (endpoint.body === 'lines') {
      headers.authorization = basic(credentials, token)
      if (credentials?.kind === 'service-account') url.searchParams.set('project_id', credentials.projectId)
    }
    let body = Buffer.from(bodyOf(endpoint, records, token ?? ''))
    const isPacked = endpoint.gzip && this.#packs
    if (isPacked) {
      headers['content-encoding'] = 'gzip'
      body = await zip(body, PACKING)
    }
    try {
      const answer = await request(url, { dispatcher: this.#agent, signal, method: 'POST', headers, body })
      const parts: Buffer[] = []
      let bytes = 0
      for await (const part of answer.body as AsyncIterable<Buffer>) {
        bytes += part.length
        if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
        parts.push(part)
      }
      return {
        status: answer.statusCode,
        body: this.#withoutSecrets(Buffer.concat(parts).toString()),
        retryAfter: answer.headers['retry-after']?.toString(),
        wasPacked: isPacked,
      }
    } catch (error) {
      signal.throwIfAborted()
      const message = `The connection failed at POST ${endpoint.path}: ${this.#withoutSecrets(messageOf(error))}.`
      throw new MixloadError('NETWORK_FAILED', message, { cause: error })
    }
  }

  /** A server, or a proxy's page, may repeat what it was sent. */
  #withoutSecrets(text: string): string {
    const { token, credentials } = this.#options
    return withoutSecrets(text, [token, credentials?.secret])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

function basic(credentials: ImportCredentials | undefined, token: string | undefined): string {
  const alone = credentials?.secret ?? token ?? ''
  const pair = credentials?.kind === 'service-account' ? `${credentials.user}:${credentials.secret}` : `${alone}:`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}
