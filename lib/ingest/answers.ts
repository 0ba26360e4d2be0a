import { memberOf, parseJson } from '../core/json.ts'
import { errorTextOf, refusalError } from '../mixpanel/response-errors.ts'
import type { Endpoint } from './endpoints.ts'

/** A record that Mixpanel refused, by its place in the request. */
export interface RecordFault {
  readonly position: number
  readonly reason: string
  /** The property that is at fault, where Mixpanel names one. */
  readonly field?: string
}

/** An answer to a request that sent records. */
export interface IngestAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | undefined
  /** Whether the request was sent as gzip. */
  readonly wasPacked?: boolean
}

/** What an answer says of the records. */
export type Verdict =
  | { readonly kind: 'taken'; readonly faults: readonly RecordFault[] }
  /** Send fewer at once. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** Send the same without gzip: Mixpanel takes it, but not every server in between does. */
  | { readonly kind: 'gzip-refused' }
  /** None was taken, because some are identity events and the project has none of these. */
  | { readonly kind: 'verbs-refused'; readonly reason: string }

/**
 * Reads the answer to a request with `count` records: status 200 does not mean that they were taken, and 400 does not
 * mean that they were not.
 * @throws MixloadError what the answer means, where it is not about the records.
 */
export function readAnswer(endpoint: Endpoint, answer: IngestAnswer, count: number): Verdict {
  const { status, body } = answer
  if (status === 413) return { kind: 'too-large', reason: errorTextOf(body) }
  if (status === 415 && answer.wasPacked === true) return { kind: 'gzip-refused' }
  const value = parseJson(body)
  const failed = memberOf(value, 'failed_records')
  if ((status === 400 || status === 200) && Array.isArray(failed) && failed.length > 0) {
    return failedVerdict(failed, count)
  }
  if (status === 200) return { kind: 'taken', faults: isTaken(value) ? [] : allOf(count, refusalOf(body)) }
  throw refusalError({
    status,
    body,
    request: `POST ${endpoint.path}`,
    retryAfter: answer.retryAfter,
  })
}

function failedVerdict(failed: readonly unknown[], count: number): Verdict {
  const texts = failed.filter((one) => typeof one === 'string')
  const [reason] = texts
  if (reason !== undefined) {
    if (/identity events are not allowed/i.test(reason)) return { kind: 'verbs-refused', reason }
    return { kind: 'taken', faults: allOf(count, texts.join('; ')) }
  }
  const faults = failed.map((one, at): RecordFault => {
    const index = memberOf(one, 'index')
    const message = memberOf(one, 'message')
    const field = memberOf(one, 'field')
    return {
      position: typeof index === 'number' && index >= 0 && index < count ? index : at,
      reason: typeof message === 'string' ? message : JSON.stringify(one),
      ...(typeof field === 'string' && field !== '' ? { field } : {}),
    }
  })
  return { kind: 'taken', faults }
}

/** `1`, an object whose status says so, or an import's counts. */
function isTaken(value: unknown): boolean {
  const status = memberOf(value, 'status')
  return value === 1 || status === 1 || status === 'OK' || status === 'ok'
}

function refusalOf(body: string): string {
  return body.trim() === '0' ? 'Mixpanel took none of the records of this request' : errorTextOf(body)
}

function allOf(count: number, reason: string): readonly RecordFault[] {
  return Array.from({ length: count }, (_, position) => ({ position, reason }))
}
