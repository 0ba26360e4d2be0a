import { MixloadError } from '../../lib/core/errors.ts'
import type { Explanation } from '../../lib/destination/contract.ts'
import { driverFailure } from '../../lib/destination/failures.ts'
import { ApiFailure } from './api/api-failure.ts'

/** docs.cloud.google.com/bigquery/docs/troubleshoot-quotas: wait for at least ten minutes. */
const QUOTA_WAIT_MS = 600_000

const ADVICE: Readonly<Record<string, string>> = {
  accessDenied:
    'Grant roles/bigquery.jobUser on the project and roles/bigquery.dataEditor on the dataset; see docs/destinations.md.',
  billingNotEnabled: 'Enable billing for the project.',
  required: 'Check the credentials.',
  authError: 'Check the credentials.',
}

/** What a failure of the API, or of a job, means. */
export function explain(error: unknown): Explanation | undefined {
  if (!(error instanceof ApiFailure)) return undefined
  if (error.reason === 'quotaExceeded') {
    const advice = 'A quota of BigQuery is used up for a while.'
    return { code: 'DESTINATION_UNAVAILABLE', advice, retryAfterMs: QUOTA_WAIT_MS }
  }
  if (error.isTransient) return { code: 'DESTINATION_UNAVAILABLE' }
  return { advice: ADVICE[error.reason] ?? (error.status === 401 ? ADVICE.authError : undefined) }
}

/** Rows may be in BigQuery without their ledger row. The ledger is read before the next attempt. */
export function inDoubt(what: string, error: unknown): MixloadError {
  const { message, retryAfterMs } = driverFailure(what, error, explain(error))
  return new MixloadError('COMMIT_IN_DOUBT', message, { cause: error, retryAfterMs })
}
