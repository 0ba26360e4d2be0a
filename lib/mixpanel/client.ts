import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { MixloadError, messageOf } from '../core/errors.ts'
import { withoutSecrets } from '../core/secrets.ts'
import { VERSION } from '../core/version.ts'
import { authorization, type Credentials } from './credentials.ts'
import { REDIRECTS_MAX, redirectOf } from './redirect.ts'
import type { ApiHosts, Region } from './regions.ts'
import { ResponseBody } from './response-body.ts'
import { isRefusal, refusalError } from './response-errors.ts'

export interface ClientOptions {
  readonly hosts: ApiHosts
  readonly credentials: Credentials
  readonly projectId: string | undefined
  /** For messages. */
  readonly region?: Region | undefined
  /** The longest wait for the first byte of a response: a big day takes Mixpanel minutes. */
  readonly firstByteTimeoutMs: number
  /** The longest silence within a response. The whole response may take any time. */
  readonly idleTimeoutMs: number
}

export interface ApiRequest {
  readonly family: keyof ApiHosts
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Sent as a form by POST. A request without one is a GET. */
  readonly form?: Readonly<Record<string, string>>
}

/** The most bytes of an error response that are read. A longer 200 body is not an error. */
const REFUSAL_BYTES_MAX = 64 * 1024

/** Sends requests to Mixpanel. The requester adds retries and the request budget. */
export class MixpanelClient implements AsyncDisposable {
  readonly #options: ClientOptions
  readonly #agent: EnvHttpProxyAgent
  /** The server's clock minus ours at the last response, in milliseconds; undefined before that. */
  clockOffsetMs: number | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    this.#agent = new EnvHttpProxyAgent({
      headersTimeout: options.firstByteTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      connectTimeout: 30_000,
    })
  }

  /**
   * The decompressed body of a 200 response, as it arrives. @throws MixloadError for any other
   * status, by its meaning; NETWORK_FAILED or CERTIFICATE_REFUSED if there is no response.
   */
  async stream(apiRequest: ApiRequest, signal: AbortSignal): Promise<ResponseBody> {
    return new ResponseBody(await this.#send(apiRequest, signal), describe(apiRequest), signal)
  }

  /**
   * The whole body of a 200 response. Throws as {@link stream} does, and if the body is an error.
   */
  async bytes(apiRequest: ApiRequest, signal: AbortSignal): Promise<Buffer> {
    const body = await (await this.stream(apiRequest, signal)).whole()
    if (body.length > REFUSAL_BYTES_MAX || !body.includes('"error"')) return body
    const text = body.toString()
    if (!isRefusal(text)) return body
    throw this.#refusal(apiRequest, 200, text)
  }

  async json(apiRequest: ApiRequest, signal: AbortSignal): Promise<unknown> {
    const text = (await this.bytes(apiRequest, signal)).toString()
    try {
      return JSON.parse(text)
    } catch (error) {
      const shown = this.#withoutSecrets(text.slice(0, 1000)).slice(0, 200)
      throw new MixloadError('BODY_UNREADABLE', `${describe(apiRequest)} did not return JSON: ${shown}`, {
        cause: error,
      })
    }
  }

  /** Runs `read` and masks the secret in its errors, since a server or a proxy may repeat it. */
  async reading<T>(read: () => T | Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      const message = messageOf(error)
      const shown = this.#withoutSecrets(message)
      throw error instanceof MixloadError && shown !== message ? new MixloadError(error.code, shown) : error
    }
  }

  #withoutSecrets(text: string): string {
    return withoutSecrets(text, [this.#options.credentials.secret])
  }

  async #send(apiRequest: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { hosts, credentials, projectId } = this.#options
    const url = new URL(hosts[apiRequest.family] + apiRequest.path)
    if (credentials.kind === 'service-account' && projectId !== undefined) url.searchParams.set('project_id', projectId)
    for (const [name, value] of Object.entries(apiRequest.query)) url.searchParams.set(name, value)
    const response = await this.#follow(url, apiRequest, signal)
    const date = Date.parse(String(response.headers.date))
    if (!Number.isNaN(date)) this.clockOffsetMs = date - Date.now()
    if (response.statusCode === 200) return response
    const body = await beginningOf(new ResponseBody(response, describe(apiRequest), signal))
    throw this.#refusal(apiRequest, response.statusCode, body, response.headers['retry-after']?.toString())
  }

  #refusal(apiRequest: ApiRequest, status: number, body: string, retryAfter?: string): MixloadError {
    const { credentials, region } = this.#options
    return refusalError({
      status,
      body: this.#withoutSecrets(body),
      request: describe(apiRequest),
      retryAfter,
      credential: credentials.kind,
      region,
    })
  }

  /** The response, after redirects on the same server. Other servers never see the credentials. */
  async #follow(url: URL, apiRequest: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let from = url
    for (let count = 0; ; count++) {
      const response = await this.#request(from, apiRequest, signal)
      const location = response.headers.location?.toString()
      const redirect = redirectOf(response.statusCode, location, from, apiRequest.form !== undefined)
      if (redirect.kind === 'none') return response
      await response.body.dump()
      if (redirect.kind === 'unsafe' || count === REDIRECTS_MAX) {
        const why =
          redirect.kind === 'follow'
            ? `It redirects more than ${REDIRECTS_MAX} times.`
            : 'Credentials are not sent there.'
        throw new MixloadError(
          'REQUEST_REFUSED',
          `${describe(apiRequest)} redirected (${response.statusCode}) to ${redirect.to.origin}. ${why} Check --region, --api-url and the proxy.`,
        )
      }
      from = redirect.to
    }
  }

  async #request(url: URL, apiRequest: ApiRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    try {
      const { form } = apiRequest
      return await request(url, {
        dispatcher: this.#agent,
        signal,
        ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form).toString() }),
        headers: {
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          authorization: authorization(this.#options.credentials),
          accept: 'application/json, text/plain',
          'accept-encoding': 'gzip',
          'user-agent': `mixload/${VERSION}`,
        },
      })
    } catch (error) {
      signal.throwIfAborted()
      throw networkFailure(describe(apiRequest), error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

/** How many characters of a query or a form a message shows: the name of an event may be long. */
const SHOWN_MAX = 200

/** A request in messages. The query holds no secret; the session id of a form is left out. */
function describe(apiRequest: ApiRequest): string {
  const query = new URLSearchParams(apiRequest.query).toString()
  const path = query === '' ? apiRequest.path : `${apiRequest.path}?${shortened(query)}`
  if (apiRequest.form === undefined) return `GET ${path}`
  const { session_id: _, ...shown } = apiRequest.form
  const form = shortened(new URLSearchParams(shown).toString())
  return form === '' ? `POST ${path}` : `POST ${path} (${form})`
}

function shortened(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}

/** The beginning of an error response. If the connection breaks, it is what has arrived. */
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

/** Error codes of TLS and OpenSSL for a certificate that is not trusted. Retrying does not help. */
const BAD_CERTIFICATE = /^(?:ERR_TLS_CERT_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_|UNABLE_TO_)/

function networkFailure(request: string, error: unknown): MixloadError {
  if (!BAD_CERTIFICATE.test(codeOf(error))) {
    return new MixloadError('NETWORK_FAILED', `Cannot connect for ${request}: ${messageOf(error)}.`, {
      cause: error,
    })
  }
  return new MixloadError(
    'CERTIFICATE_REFUSED',
    `The server's certificate is not trusted for ${request}: ${messageOf(error)}. If your own proxy signs it, set ` +
      "NODE_EXTRA_CA_CERTS to the file with the proxy's certificate; otherwise check --api-url and this machine's clock.",
    { cause: error },
  )
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}
