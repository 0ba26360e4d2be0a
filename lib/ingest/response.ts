import { memberOf, parseJson } from '../core/json.ts'
import { errorTextOf, type Refusal, refusalError } from '../mixpanel/response-errors.ts'
import type { Endpoint } from './endpoints.ts'

/** Why Mixpanel rejected one record of a request. */
export interface RecordError {
  /** The position of the record in the request, from 0. */
  readonly position: number
  readonly reason: string
  /** The property at fault, if Mixpanel names one. */
  readonly field?: string
}

/** The response to a request that sent records. */
export interface IngestResponse extends Omit<Refusal, 'request' | 'region'> {
  /** Whether the request was compressed. */
  readonly wasCompressed?: boolean
}

/** What a response says about the records of its request. */
export type Verdict =
  /** Mixpanel accepted every record that has no error. */
  | { readonly kind: 'processed'; readonly errors: readonly RecordError[] }
  /** Send fewer records per request. */
  | { readonly kind: 'too-large'; readonly reason: string }
  /** Send the same request uncompressed: Mixpanel accepts gzip, but a proxy in between may not. */
  | { readonly kind: 'gzip-rejected' }
  /** No record was accepted, because the project does not allow the identity events among them. */
  | { readonly kind: 'identity-events-rejected'; readonly reason: string }

/** Interprets a response. The status does not decide: a 200 can reject, and a 400 accept. */
export function interpretResponse(endpoint: Endpoint, response: IngestResponse, count: number): Verdict {
  const { status, body } = response
  if (status === 413) return { kind: 'too-large', reason: errorTextOf(body) }
  if (status === 415 && response.wasCompressed === true) return { kind: 'gzip-rejected' }
  const value = parseJson(body)
  const failed = memberOf(value, 'failed_records')
  if ((status === 400 || status === 200) && Array.isArray(failed) && failed.length > 0) {
    return verdictOnFailedRecords(failed, count)
  }
  if (status === 200) {
    const reason = body.trim() === '0' ? 'Mixpanel accepted no record of this request' : errorTextOf(body)
    return { kind: 'processed', errors: isSuccess(value) ? [] : errorForEach(count, reason) }
  }
  const { retryAfter, credential = 'token' } = response
  throw refusalError({ status, body, request: `POST ${endpoint.path}`, retryAfter, credential })
}

function verdictOnFailedRecords(failed: readonly unknown[], count: number): Verdict {
  const reasons = failed.filter((entry) => typeof entry === 'string')
  const [reason] = reasons
  if (reason !== undefined) {
    if (/identity events are not allowed/i.test(reason)) return { kind: 'identity-events-rejected', reason }
    return { kind: 'processed', errors: errorForEach(count, reasons.join('; ')) }
  }
  const errors = failed.map((entry, place): RecordError => {
    const index = memberOf(entry, 'index')
    const message = memberOf(entry, 'message')
    const field = memberOf(entry, 'field')
    return {
      position: typeof index === 'number' && index >= 0 && index < count ? index : place,
      reason: typeof message === 'string' ? message : JSON.stringify(entry),
      ...(typeof field === 'string' && field !== '' ? { field } : {}),
    }
  })
  return { kind: 'processed', errors }
}

/** Success is `1`, an object with status 1 (`verbose`), or one with status OK (an import). */
function isSuccess(value: unknown): boolean {
  const status = memberOf(value, 'status')
  return value === 1 || status === 1 || status === 'OK' || status === 'ok'
}

function errorForEach(count: number, reason: string): readonly RecordError[] {
  return Array.from({ length: count }, (_, position) => ({ position, reason }))
}
