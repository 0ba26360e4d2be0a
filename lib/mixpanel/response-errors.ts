import { type ErrorCode, MixloadError } from '../core/errors.ts'
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
  readonly code: ErrorCode
  readonly message: (text: string, request: string) => string
}

/** The first match counts. Texts come first: Mixpanel uses 400 for nearly everything. */
const RULES: readonly Rule[] = [
  {
    text: /unable to authenticate|invalid (?:service account )?credentials|invalid project secret|invalid parameter: sig/i,
    code: 'CREDENTIALS_REFUSED',
    message: (text, request) =>
      `Mixpanel does not accept the credentials for ${request} (${text}). Check MIXPANEL_SERVICE_ACCOUNT and ` +
      'MIXPANEL_SERVICE_ACCOUNT_SECRET (or MIXPANEL_API_SECRET), the project id, the region, and that the account has not expired.',
  },
  {
    text: /to_date cannot be later than today/i,
    code: 'DAY_IN_FUTURE',
    message: (text, request) => `${request}: ${text}. Check --timezone against the project's settings.`,
  },
  {
    text: /uncached query|session.{0,40}(?:expired|not found|unknown|invalid)|(?:expired|unknown|invalid) session/i,
    code: 'SESSION_LOST',
    message: (text, request) => `The session of ${request} has expired (${text}).`,
  },
  {
    text: /timeout error/i,
    code: 'QUERY_TIMEOUT',
    message: (text, request) =>
      `Mixpanel took too long over ${request} (${text}). If this persists, try at another hour.`,
  },
  {
    text: /too many export requests|rate limit/i,
    code: 'RATE_LIMITED',
    message: (text, request) => `${request} reached Mixpanel's rate limit: ${text}`,
  },
  {
    status: 429,
    code: 'RATE_LIMITED',
    message: (text, request) => `${request} reached Mixpanel's rate limit: ${text}`,
  },
  {
    status: 401,
    code: 'CREDENTIALS_REFUSED',
    message: (text, request) =>
      `${request} returned 401 (${text}): Mixpanel does not accept the credentials. Check the credentials and the project id.`,
  },
  {
    status: 402,
    code: 'PLAN_REFUSED',
    message: (text, request) => `This project's plan does not include it: ${request} returned 402 (${text}).`,
  },
  {
    status: 403,
    code: 'PERMISSION_REFUSED',
    message: (text, request) =>
      `Not permitted: ${request} returned 403 (${text}). Give the service account access to this data.`,
  },
  {
    status: 404,
    code: 'NOT_FOUND',
    message: (text, request) => `${request} returned 404 (${text}). Check the project id and the region.`,
  },
  {
    status: 408,
    code: 'SERVER_FAILED',
    message: (text, request) => `${request} returned 408 (${text}).`,
  },
]

const serverError = (status: number): Rule => ({
  code: 'SERVER_FAILED',
  message: (text, request) => `Mixpanel failed to answer ${request}: ${status} (${text}).`,
})

const refused = (status: number): Rule => ({
  code: 'REQUEST_REFUSED',
  message: (text, request) =>
    `Mixpanel refused ${request}: ${status} (${text}). Check the settings behind this request.`,
})

/** The error for a response, by its text or its status. */
export function refusalError(refusal: Refusal): MixloadError {
  const text = errorTextOf(refusal.body)
  const retryAfterMs = retryAfterMilliseconds(refusal.retryAfter)
  const rule = RULES.find((each) => (each.text === undefined ? each.status === refusal.status : each.text.test(text)))
  const { code, message } = rule ?? (refusal.status >= 500 ? serverError : refused)(refusal.status)
  return new MixloadError(code, message(text, refusal.request), retryAfterMs === undefined ? {} : { retryAfterMs })
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

/** `Retry-After` in milliseconds; undefined if it is negative or malformed. */
export function retryAfterMilliseconds(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  const ms = /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}
