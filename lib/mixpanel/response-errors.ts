import { MixloadError } from '../core/errors.ts'
import { memberOf, parseJson } from '../core/json.ts'

/** What is known of an answer that is not 200. */
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
  readonly make: (says: string, request: string) => MixloadError
}

/** The first rule that fits counts. Texts come first, because Mixpanel uses 400 for nearly everything. */
const RULES: readonly Rule[] = [
  {
    text: /unable to authenticate|invalid (?:service account )?credentials|invalid project secret|invalid parameter: sig/i,
    make: (says, request) =>
      new MixloadError(
        'CREDENTIALS_REFUSED',
        `Mixpanel does not accept the credentials for ${request} (${says}). Check MIXPANEL_SERVICE_ACCOUNT and ` +
          'MIXPANEL_SERVICE_ACCOUNT_SECRET (or MIXPANEL_API_SECRET), the project id, the region, and that the account has not expired.',
      ),
  },
  {
    text: /to_date cannot be later than today/i,
    make: (says, request) =>
      new MixloadError('DAY_IN_FUTURE', `${request}: ${says}. Check --timezone against the project's settings.`),
  },
  {
    text: /uncached query|session.{0,40}(?:expired|not found|unknown|invalid)|(?:expired|unknown|invalid) session/i,
    make: (says, request) =>
      new MixloadError('SESSION_LOST', `Mixpanel has forgotten the session of ${request} (${says}).`),
  },
  {
    text: /timeout error/i,
    make: (says, request) =>
      new MixloadError(
        'QUERY_TIMEOUT',
        `Mixpanel took too long over ${request} (${says}). If it stays so, try at another hour.`,
      ),
  },
  {
    text: /too many export requests|rate limit/i,
    make: (says, request) =>
      new MixloadError('RATE_LIMITED', `Mixpanel's rate limit was reached at ${request}: ${says}`),
  },
  {
    status: 429,
    make: (says, request) =>
      new MixloadError('RATE_LIMITED', `Mixpanel's rate limit was reached at ${request}: ${says}`),
  },
  {
    status: 401,
    make: (says, request) =>
      new MixloadError(
        'CREDENTIALS_REFUSED',
        `Mixpanel answered 401 to ${request} (${says}). Check the credentials and the project id.`,
      ),
  },
  {
    status: 402,
    make: (says, request) =>
      new MixloadError('PLAN_REFUSED', `Not on this project's plan: ${request} answered 402 (${says}).`),
  },
  {
    status: 403,
    make: (says, request) =>
      new MixloadError(
        'PERMISSION_REFUSED',
        `Not permitted: ${request} answered 403 (${says}). Give the service account access to this data.`,
      ),
  },
  {
    status: 404,
    make: (says, request) =>
      new MixloadError('NOT_FOUND', `${request} answered 404 (${says}). Check the project id and the region.`),
  },
  {
    status: 408,
    make: (says, request) => new MixloadError('SERVER_FAILED', `${request} answered 408 (${says}).`),
  },
]

/** The error that an answer stands for. By text first: Mixpanel answers 400 to bad credentials, dates and slow scans alike. */
export function refusalError(refusal: Refusal): MixloadError {
  const says = complaint(refusal.body)
  const retryAfterMs = retryAfterMilliseconds(refusal.retryAfter)
  const rule = RULES.find(({ status, text }) => (text === undefined ? status === refusal.status : text.test(says)))
  const error =
    rule?.make(says, refusal.request) ??
    (refusal.status >= 500
      ? new MixloadError('SERVER_FAILED', `Mixpanel failed at ${refusal.request}: ${refusal.status} (${says}).`)
      : new MixloadError(
          'REQUEST_REFUSED',
          `Mixpanel refused ${refusal.request}: ${refusal.status} (${says}). Check the settings that it was asked with.`,
        ))
  return retryAfterMs === undefined ? error : new MixloadError(error.code, error.message, { retryAfterMs })
}

/** Whether a body is JSON that says in its `error` that something failed. */
export function isRefusal(body: string): boolean {
  const error = memberOf(parseJson(body), 'error')
  return typeof error === 'string' && error !== ''
}

/** What a body complains of: the `error` or `message` of a JSON body, or the body itself. */
export function complaint(body: string): string {
  const answer = parseJson(body)
  const said = [memberOf(answer, 'error'), memberOf(answer, 'message')].find((text) => typeof text === 'string')
  // Export answers are often bare text.
  return oneLine(said ?? body)
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ').slice(0, 300) || 'no message'
}

/** `Retry-After` in milliseconds, from seconds or from a date; a negative or odd one counts for nothing. */
export function retryAfterMilliseconds(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  const ms = /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}
