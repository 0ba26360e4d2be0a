import { type ErrorCode, isFailure, MixloadError } from '../core/errors.ts'
import { memberOf, parseJson } from '../core/json.ts'
import type { CredentialKind } from './credentials.ts'
import { refusalAdvice } from './refusal-advice.ts'
import type { Region } from './regions.ts'

/** A response with an error. */
export interface Refusal {
  readonly status: number
  readonly body: string
  /** The request, without secrets: method and path with query. */
  readonly request: string
  readonly retryAfter: string | undefined
  /** What it authenticated with, if that is known. */
  readonly credential?: CredentialKind | undefined
  /** Where it was sent, if that is known. */
  readonly region?: Region | undefined
}

/**
 * What a response means: its text or status, the code, and a message. In it, REQUEST, TEXT and the
 * members of the advice in capitals are replaced.
 */
type Rule = readonly [match: RegExp | number, code: ErrorCode, message: string]

/** The first match counts. Texts come first: Mixpanel uses 400 for nearly everything. */
const RULES: readonly Rule[] = [
  [/invalid project id for cluster/i, 'CREDENTIALS_REFUSED', 'Mixpanel refused REQUEST (TEXT). REGION'],
  [
    /unable to authenticate|invalid (?:service account )?credentials|invalid project secret|invalid parameter: sig/i,
    'CREDENTIALS_REFUSED',
    'Mixpanel does not accept CREDENTIAL for REQUEST (TEXT). CHECK',
  ],
  [
    /to_date cannot be later than today/i,
    'DAY_IN_FUTURE',
    "REQUEST: TEXT. Check --timezone against the project's settings.",
  ],
  [
    /uncached query|session.{0,40}(?:expired|not found|unknown|invalid)|(?:expired|unknown|invalid) session/i,
    'SESSION_LOST',
    'The session of REQUEST has expired (TEXT).',
  ],
  [
    /timeout error/i,
    'QUERY_TIMEOUT',
    'Mixpanel took too long over REQUEST (TEXT). If this persists, try at another hour.',
  ],
  [/too many export requests|rate limit/i, 'RATE_LIMITED', "REQUEST reached Mixpanel's rate limit: TEXT"],
  [429, 'RATE_LIMITED', "REQUEST reached Mixpanel's rate limit: TEXT"],
  [401, 'CREDENTIALS_REFUSED', 'REQUEST returned 401 (TEXT): Mixpanel does not accept CREDENTIAL. CHECK'],
  [402, 'PLAN_REFUSED', "This project's plan does not include it: REQUEST returned 402 (TEXT)."],
  [403, 'PERMISSION_REFUSED', 'Not permitted: REQUEST returned 403 (TEXT). PERMISSION'],
  [404, 'NOT_FOUND', 'REQUEST returned 404 (TEXT). Check the project id and the region.'],
  [408, 'SERVER_FAILED', 'REQUEST returned 408 (TEXT).'],
]

function ruleFor(status: number): Rule {
  // Mixpanel answers with 200. Another success, such as 204, comes without the whole answer.
  if (status >= 500 || (status > 200 && status < 300)) {
    return [status, 'SERVER_FAILED', `Mixpanel failed to answer REQUEST: ${status} (TEXT).`]
  }
  const message = `Mixpanel refused REQUEST: ${status} (TEXT). Check the settings behind this request.`
  return [status, 'REQUEST_REFUSED', message]
}

/** The error for a response, by its text or its status. */
export function refusalError({ status, body, request, retryAfter, credential, region }: Refusal): MixloadError {
  const text = errorTextOf(body)
  const retryAfterMs = retryAfterMilliseconds(retryAfter)
  const isMatch = ([match]: Rule) => (typeof match === 'number' ? match === status : match.test(text))
  const [, code, message] = RULES.find(isMatch) ?? ruleFor(status)
  const advice = Object.entries(refusalAdvice(request, credential, region))
  const words = new Map(advice.map(([name, words]) => [name.toUpperCase(), words]))
  words.set('REQUEST', request).set('TEXT', text)
  const filled = message.replace(/[A-Z]{4,}/g, (word) => words.get(word) ?? word)
  return new MixloadError(code, filled, { retryAfterMs })
}

/** How many days into the past a refusal allows; undefined if that is not its reason. */
export function daysAllowed(error: unknown): number | undefined {
  if (!isFailure(error, 'REQUEST_REFUSED', 'PERMISSION_REFUSED')) return undefined
  const [, days] = /date range exceeds (\d{1,5}) days into the past/i.exec(error.message) ?? []
  return days === undefined || Number(days) === 0 ? undefined : Number(days)
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
  return (text ?? body).trim().replace(/\s+/g, ' ').slice(0, 300) || 'no message'
}

/** `Retry-After` in milliseconds; undefined if it is negative or malformed. */
export function retryAfterMilliseconds(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  const ms = /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(ms) || ms < 0 ? undefined : ms
}
