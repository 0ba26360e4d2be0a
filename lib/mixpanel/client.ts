import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../core/errors.ts'
import { withoutSecrets } from '../core/secrets.ts'
import { VERSION } from '../core/version.ts'
import { AnswerBody } from './answer-body.ts'
import { REDIRECTS_MAX, redirectOf } from './redirect.ts'
import type { ApiHosts } from './regions.ts'
import { isRefusal, refusalError } from './response-errors.ts'

/** How to sign in. A service account is what Mixpanel recommends; project secrets end on 3 March 2027. */
export type Credentials =
  | { readonly kind: 'service-account'; readonly user: string; readonly secret: string }
  | { readonly kind: 'project-secret'; readonly secret: string }

export interface ClientOptions {
  readonly hosts: ApiHosts
  readonly credentials: Credentials
  readonly projectId: string | undefined
  /** Longest wait for the first byte of an answer: a big day takes Mixpanel minutes. */
  readonly firstByteTimeoutMs: number
  /** Longest silence within an answer. There is no limit on the whole. */
  readonly idleTimeoutMs: number
}

export interface ApiRequest {
  readonly family: keyof ApiHosts
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Sent as a form, by POST; without one, the request is a GET. */
  readonly form?: Readonly<Record<string, string>>
}

/** How much of a refusal's body is read for its message. Longer ones are none. */
const REFUSAL_BYTES_MAX = 64 * 1024

/** Asks Mixpanel's reading APIs. It does not retry, and it does not count requests: see retry.ts and budget.ts. */
export class MixpanelClient implements AsyncDisposable {
  readonly #options: ClientOptions
  readonly #agent: EnvHttpProxyAgent
  /** The server's clock less ours, milliseconds, as of the last answer; undefined before the first. */
  clockOffsetMs: number | undefined
  /** Requests sent so far. */
  requestCount = 0

  constructor(options: ClientOptions) {
    this.#options = options
    this.#agent = new EnvHttpProxyAgent({
      headersTimeout: options.firstByteTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      connectTimeout: 30_000,
    })
  }

  /**
   * The unzipped body of a 200 answer, as it comes in.
   * @throws MixloadError what the answer means; NETWORK_FAILED or CERTIFICATE_REFUSED where there is none. While
   *   reading, as {@link AnswerBody} says.
   */
  async stream(ask: ApiRequest, signal: AbortSignal): Promise<AnswerBody> {
    return new AnswerBody(await this.#send(ask, signal), describe(ask), signal)
  }

  /**
   * The whole body of a 200 answer, unzipped. Throws as {@link stream} does, and what the `error` of the body stands for:
   * some refusals come with status 200.
   */
  async bytes(ask: ApiRequest, signal: AbortSignal): Promise<Buffer> {
    const body = await (await this.stream(ask, signal)).whole()
    if (body.length > REFUSAL_BYTES_MAX || !body.includes('"error"')) return body
    const text = body.toString()
    if (!isRefusal(text)) return body
    throw refusalError({ status: 200, body: this.#withoutSecrets(text), request: describe(ask), retryAfter: undefined })
  }

  /** The JSON of a 200 answer. */
  async json(ask: ApiRequest, signal: AbortSignal): Promise<unknown> {
    const text = (await this.bytes(ask, signal)).toString()
    try {
      return JSON.parse(text)
    } catch (error) {
      const shown = this.#withoutSecrets(text.slice(0, 1000)).slice(0, 200)
      throw new MixloadError('BODY_UNREADABLE', `${describe(ask)} did not answer with JSON: ${shown}`, {
        cause: error,
      })
    }
  }

  /**
   * What `read` makes of an answer. What it fails of does not show this client's secret, which a server, or a proxy's page,
   * may repeat.
   */
  async reading<T>(read: () => T | Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      const says = messageOf(error)
      const shown = this.#withoutSecrets(says)
      throw error instanceof MixloadError && shown !== says ? new MixloadError(error.code, shown) : error
    }
  }

  #withoutSecrets(text: string): string {
    return withoutSecrets(text, [this.#options.credentials.secret])
  }

  async #send(ask: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { hosts, credentials, projectId } = this.#options
    const url = new URL(hosts[ask.family] + ask.path)
    if (credentials.kind === 'service-account' && projectId !== undefined) url.searchParams.set('project_id', projectId)
    for (const [name, value] of Object.entries(ask.query)) url.searchParams.set(name, value)
    this.requestCount++
    const answer = await this.#follow(url, ask, signal)
    const date = Date.parse(String(answer.headers.date))
    if (!Number.isNaN(date)) this.clockOffsetMs = date - Date.now()
    if (answer.statusCode === 200) return answer
    throw refusalError({
      status: answer.statusCode,
      body: this.#withoutSecrets(await beginningOf(new AnswerBody(answer, describe(ask), signal))),
      request: describe(ask),
      retryAfter: answer.headers['retry-after']?.toString(),
    })
  }

  /** The answer, or the one that it redirects to on the same server: credentials are shown to no other. */
  async #follow(url: URL, ask: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let from = url
    for (let count = 0; ; count++) {
      const answer = await this.#request(from, ask, signal)
      const redirect = redirectOf(answer.statusCode, answer.headers.location?.toString(), from, ask.form !== undefined)
      if (redirect.kind === 'none') return answer
      await answer.body.dump()
      if (redirect.kind === 'unsafe' || count === REDIRECTS_MAX) {
        const why =
          redirect.kind === 'follow'
            ? `It redirects more than ${REDIRECTS_MAX} times.`
            : 'Credentials are not sent there.'
        throw new MixloadError(
          'REQUEST_REFUSED',
          `${describe(ask)} answered ${answer.statusCode}, to go on at ${redirect.to.origin}. ${why} Check --region, --api-url and the proxy.`,
        )
      }
      from = redirect.to
    }
  }

  async #request(url: URL, ask: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      return await request(url, {
        dispatcher: this.#agent,
        signal,
        ...(ask.form === undefined ? {} : { method: 'POST', body: new URLSearchParams(ask.form).toString() }),
        headers: {
          ...(ask.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          authorization: authorization(this.#options.credentials),
          accept: 'application/json, text/plain',
          'accept-encoding': 'gzip',
          'user-agent': `mixload/${VERSION}`,
        },
      })
    } catch (error) {
      signal.throwIfAborted()
      throw networkFailure(describe(ask), error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

function authorization(credentials: Credentials): string {
  const pair =
    credentials.kind === 'service-account' ? `${credentials.user}:${credentials.secret}` : `${credentials.secret}:`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** Of a form, how much a message shows. */
const FORM_SHOWN = 200

/** A request as messages name it. No secret is ever in a query; of a form, the session is left out. */
function describe(ask: ApiRequest): string {
  const query = new URLSearchParams(ask.query).toString()
  const path = query === '' ? ask.path : `${ask.path}?${query}`
  if (ask.form === undefined) return `GET ${path}`
  const { session_id: _, ...shown } = ask.form
  const form = new URLSearchParams(shown).toString().slice(0, FORM_SHOWN)
  return form === '' ? `POST ${path}` : `POST ${path} (${form})`
}

/** A refusal's body may itself be cut: then what came of it has to do. */
async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of body) {
      parts.push(Buffer.from(part))
      bytes += part.length
      if (bytes >= REFUSAL_BYTES_MAX) break
    }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
  }
  return Buffer.concat(parts).toString()
}

/** What TLS and OpenSSL call a certificate that does not prove whose it is. Asking again does not change that. */
const BAD_CERTIFICATE = /^(?:ERR_TLS_CERT_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_|UNABLE_TO_)/

function networkFailure(request: string, error: unknown): MixloadError {
  if (!BAD_CERTIFICATE.test(codeOf(error))) {
    return new MixloadError('NETWORK_FAILED', `The connection failed at ${request}: ${messageOf(error)}.`, {
      cause: error,
    })
  }
  return new MixloadError(
    'CERTIFICATE_REFUSED',
    `The server's certificate is not accepted at ${request}: ${messageOf(error)}. If a proxy of your own signs it, name the ` +
      "file with that proxy's certificate in NODE_EXTRA_CA_CERTS; else check --api-url and this machine's clock.",
    { cause: error },
  )
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}
