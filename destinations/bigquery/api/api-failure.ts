import { parseJson } from '../../../lib/core/json.ts'
import { at, listOf, textOf } from './json.ts'

/** What is known about a failure. */
export interface FailureFacts {
  /** The HTTP status; undefined without an answer, and for jobs that fail once accepted. */
  readonly status?: number | undefined
  /** One word of docs.cloud.google.com/bigquery/docs/error-messages. */
  readonly reason?: string | undefined
  readonly cause?: unknown
  /** True if it is unknown whether BigQuery received the request. */
  readonly isUnanswered?: boolean
  /** True if a job failed after it was accepted. */
  readonly isOfJob?: boolean
}

/** A request or a job that failed. Status and reason decide; the message is for people. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly status: number | undefined
  readonly reason: string
  readonly isUnanswered: boolean
  readonly isOfJob: boolean

  constructor(message: string, facts: FailureFacts) {
    const { status, reason = '', cause, isUnanswered = false, isOfJob = false } = facts
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.reason = reason
    this.isUnanswered = isUnanswered
    this.isOfJob = isOfJob
  }

  /** Whether the same request may succeed a moment later. */
  get isTransient(): boolean {
    if (this.isUnanswered || TRANSIENT_REASONS.has(this.reason)) return true
    return this.status !== undefined && (TRANSIENT_STATUSES.has(this.status) || this.status > 501)
  }
}

/** For these, the page of error messages says to try again. */
const TRANSIENT_REASONS = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'tableUnavailable',
])
/** 501 is not one of them: it means that the method does not exist. */
const TRANSIENT_STATUSES = new Set([408, 429, 500])

/** The message and the reason in the body of an error response; none if it is not BigQuery's. */
export function errorIn(body: string): { readonly message: string | undefined; readonly reason: string | undefined } {
  const error = at(parseJson(body), 'error')
  return { message: textOf(at(error, 'message')), reason: textOf(at(listOf(at(error, 'errors'))[0], 'reason')) }
}

/** Whether it is a failure that was answered with this status. */
export function isStatus(error: unknown, status: number): error is ApiFailure {
  return error instanceof ApiFailure && error.status === status
}

/** What a call returns; undefined if it was answered with this status. */
export async function unlessStatus<T>(status: number, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch (error) {
    if (isStatus(error, status)) return undefined
    throw error
  }
}
