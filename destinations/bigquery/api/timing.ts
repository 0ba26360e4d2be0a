/** Waits, timeouts and numbers of attempts. Tests set their own. */
export interface Timing {
  /** How often a request is repeated while its failure is transient. */
  readonly retries: number
  /** Wait before the first repetition, milliseconds; doubled with each further one. */
  readonly retryDelayMs: number
  readonly retryDelayMaxMs: number
  /** How long a request may go unanswered. */
  readonly answerMs: number
  /** How long an upload may stand still, or its answer take after the last byte. */
  readonly uploadMs: number
  /**
   * First wait before a job is looked up again, milliseconds. Each further wait is a fifth longer,
   * so the end of a job is noticed after at most a fifth of the time that it took.
   */
  readonly pollMs: number
  readonly pollMaxMs: number
  /** How long to wait for a job. */
  readonly jobWaitMs: number
  /** How long to wait for a job that was asked to stop. */
  readonly stopWaitMs: number
  /** Attempts at a job whose failures are transient. Each has its own id. */
  readonly jobAttempts: number
  /** How long a run counts as alive after it last renewed its lease. */
  readonly leaseMs: number
  readonly renewMs: number
  /** Changes of one table within ten seconds. */
  readonly updatesPerTenSeconds: number
  /** The same for a partitioned table. */
  readonly partitionedUpdatesPerTenSeconds: number
}

export const TIMING: Timing = {
  retries: 5,
  retryDelayMs: 500,
  retryDelayMaxMs: 16_000,
  answerMs: 60_000,
  uploadMs: 600_000,
  pollMs: 100,
  pollMaxMs: 1500,
  // Google ends a load job after six hours; one that has taken an hour is stuck.
  jobWaitMs: 3_600_000,
  stopWaitMs: 60_000,
  jobAttempts: 5,
  leaseMs: 300_000,
  renewMs: 60_000,
  // docs.cloud.google.com/bigquery/quotas; every job that writes a table counts.
  updatesPerTenSeconds: 5,
  partitionedUpdatesPerTenSeconds: 50,
}
