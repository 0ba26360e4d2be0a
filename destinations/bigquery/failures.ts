import { MixloadError, messageOf } from '../../lib/errors.ts'

/** What an answer that is no success says of itself. */
export interface FailureFacts {
  /** Of HTTP; undefined where there was no answer, and for jobs, which fail after they were accepted. */
  readonly status?: number | undefined
  /** One word of docs.cloud.google.com/bigquery/docs/error-messages. */
  readonly reason?: string | undefined
  readonly cause?: unknown
  /** True where nobody knows whether the request arrived. */
  readonly isUnanswered?: boolean
  /** True where it is a job that failed, after it was accepted. */
  readonly isOfJob?: boolean
}

/** A request that failed, or a job. Told apart by status and reason; the message is for people. */
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

  /** Whether the same may go well a moment later. */
  get isPassing(): boolean {
    if (this.isUnanswered || PASSING_REASONS.has(this.reason)) return true
    return this.status !== undefined && (PASSING_STATUSES.has(this.status) || this.status > 501)
  }
}

/** The page of error messages says of these that one should try again. */
const PASSING_REASONS = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'tableUnavailable',
])
/** 501 is what will never be. */
const PASSING_STATUSES = new Set([408, 429, 500])

/** docs.cloud.google.com/bigquery/docs/troubleshoot-quotas: wait for at least ten minutes. */
const QUOTA_WAIT_MS = 600_000

const ADVICE: Readonly<Record<string, string>> = {
  accessDenied:
    'Grant roles/bigquery.jobUser on the project and roles/bigquery.dataEditor on the dataset; see the documentation of destinations.',
  billingNotEnabled: 'Enable billing for the project.',
  required: 'Check the credentials.',
  authError: 'Check the credentials.',
}

/** Whether it is a failure that was answered with this status. */
export function isStatus(error: unknown, status: number): error is ApiFailure {
  return error instanceof ApiFailure && error.status === status
}

/** What a call returns; undefined where it was answered with this status. */
export async function unlessStatus<T>(status: number, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch (error) {
    if (isStatus(error, status)) return undefined
    throw error
  }
}

/** The failure of a step, of which nothing was committed. */
export function stepFailure(what: string, error: unknown): MixloadError {
  if (error instanceof MixloadError && error.code !== 'ENGINE_FAILED') return error
  const says = `${what}: ${messageOf(error)}`
  if (!(error instanceof ApiFailure)) return new MixloadError('DESTINATION_FAILED', says, { cause: error })
  if (error.reason === 'quotaExceeded') {
    return new MixloadError('DESTINATION_UNAVAILABLE', `${says}. A limit of BigQuery is used up for a while.`, {
      cause: error,
      retryAfterMs: QUOTA_WAIT_MS,
    })
  }
  if (error.isPassing) return new MixloadError('DESTINATION_UNAVAILABLE', says, { cause: error })
  const advice = ADVICE[error.reason] ?? (error.status === 401 ? ADVICE.authError : undefined)
  return new MixloadError('DESTINATION_FAILED', advice === undefined ? says : `${says} ${advice}`, { cause: error })
}

/** Rows have landed, or may have; the ledger's row must still be written. The ledger is asked before the next try. */
export function inDoubt(what: string, error: unknown): MixloadError {
  const { message, retryAfterMs } = stepFailure(what, error)
  return new MixloadError('COMMIT_IN_DOUBT', message, {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
