import { MixloadError } from '../core/errors.ts'
import { memberOf, parseJson } from '../core/json.ts'

/** A response with an error. */
export interface Refusal {
  readonly status: number
  /** The beginning of the body. */
  readonly body: string
  /** The request, without secrets: method and path with query. */
  readonly request: string
  readonly retryAfter: string | undefined
}

interface Rule {
  readonly status?: number
  readonly text?: RegExp
  readonly toError: (text: string, request: string) => MixloadError
}

/**
 * The first rule that matches counts. Rules by text come first, because Mixpanel uses 400 for
 * nearly everything.
 */
const RULES: readonly Rule[] = [
  {
    text: /unable to authenticate|invalid (?:service account )?credentials|invalid project secret|invalid parameter: sig/i,
    toError: (text, request) =>
      new MixloadError(
        'CREDENTIALS_REFUSED',
        `Mixpanel does not accept the credentials for ${request} (${text}). Check MIXPANEL_SERVICE_ACCOUNT and ` +
          'MIXPANEL_SERVICE_ACCOUNT_SECRET (or MIXPANEL_API_SECRET), the project id, the region, and that the account has not expired.',
      ),
  },
  {
    text: /to_date cannot be later than today/i,
    toError: (text, request) =>
      new MixloadError('DAY_IN_FUTURE', `${request}: ${text}. Check --timezone against the project's settings.`),
  },
  {
    text: /uncached query|session.{0,40}(?:expired|not found|unknown|invalid)|(?:expired|unknown|invalid) session/i,
    toError: (text, request) => new MixloadError('SESSION_LOST', `The session of ${request} has expired (${text}).`),
  },
  {
    text: /timeout error/i,
    toError: (text, request) =>
      new MixloadError(
        'QUERY_TIMEOUT',
        `Mixpanel took too long over ${request} (${text}). If this persists, try at another hour.`,
      ),
  },
  {
    text: /too many export requests|rate limit/i,
    toError: (text, request) => new MixloadError('RATE_LIMITED', `${request} reached Mixpanel's rate limit: ${text}`),
  },
  {
    status: 429,
    toError: (text, request) => new MixloadError('RATE_LIMITED', `${request} reached Mixpanel's rate limit: ${text}`),
  },
  {
    status: 401,
    toError: (text, request) =>
      new MixloadError(
        'CREDENTIALS_REFUSED',
        `${request} returned 401 (${text}): Mixpanel does not accept the credentials. Check the credentials and the project id.`,
      ),
  },
  {
    status: 402,
    toError: (text, request) =>
      new MixloadError('PLAN_REFUSED', `This project's plan does not include it: ${request} returned 402 (${text}).`),
  },
  {
    status: 403,
    toError: (text, request) =>
      new MixloadError(
        'PERMISSION_REFUSED',
        `Not permitted: ${request} returned 403 (${text}). Give the service account access to this data.`,
      ),
  },
  {
    status: 404,
    toError: (text, request) =>
      new MixloadError('NOT_FOUND', `${request} returned 404 (${text}). Check the project id and the region.`),
  },
  {
    status: 408,
    toError: (text, request) => new MixloadError('SERVER_FAILED', `${request} returned 408 (${text}).`),
  },
]

/**
 * The error for a response, first by its text: Mixpanel returns 400 for bad credentials, bad dates
 * and slow scans alike.
 */
export function refusalError(refusal: Refusal): MixloadError {
  const message = errorTextOf(refusal.body)
  const retryAfterMs = retryAfterMilliseconds(refusal.retryAfter)
  const rule = RULES.find(({ status, text }) => (text === undefined ? status === refusal.status : text.test(message)))
  const error =
    rule?.toError(message, refusal.request) ??
    (refusal.status >= 500
      ? new MixloadError(
          'SERVER_FAILED',
          `Mixpanel failed to answer ${refusal.request}: ${refusal.status} (${message}).`,
        )
      : new MixloadError(
          'REQUEST_REFUSED',
          `Mixpanel refused ${refusal.request}: ${refusal.status} (${message}). Check the settings behind this request.`,
        ))
  return retryAfterMs === undefined ? error : new MixloadError(error.code, error.message, { retryAfterMs })
}

/** Whether a body is a JSON object with an `error`. */
export function isRefusal(body: string): boolean {
  const error = memberOf(parseJson(body), 'error')
  return typeof error === 'string' && error !== ''
}

/** The error text of a body: the `error` or `message` of a JSON object, or the body itself. */
export function errorTextOf(body: string): string {
  const value = parseJson(body)
  const text = [memberOf(value, 'error'), memberOf(value, 'message')].find((member) => typeof member === 'string')
  // Errors of the export API are often plain text.
  return oneLine(text ?? body)
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ').slice(0, 300) || 'no message'
}

/**
 * `Retry-After` in milliseconds, from seconds or a date; undefined if it is negative or malformed.
 */
export function retryAfterMilliseconds(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  const ms = /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}
