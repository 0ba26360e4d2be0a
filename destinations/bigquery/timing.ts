/** How long things take and how often they are tried. Tests set their own. */
export interface Timing {
  /** Tries of a request after the first, where the failure may pass. */
  readonly retries: number
  /** Wait before the second try, milliseconds; doubled with each further one. */
  readonly retryDelayMs: number
  readonly retryDelayMaxMs: number
  /** How long a request may go unanswered. */
  readonly answerMs: number
  /** How long an upload may stand still, or its answer take after the last byte. */
  readonly uploadMs: number
  /**
   * First wait before a job is looked at again, milliseconds. Each further one is longer by a fifth, so that a job's end is
   * seen no later than after a fifth of the time it took.
   */
  readonly pollMs: number
  readonly pollMaxMs: number
  /** How long a job is waited for. */
  readonly jobWaitMs: number
  /** How long it is waited for after it was told to stop. */
  readonly stopWaitMs: number
  /** Attempts at a job that fails of something that may pass. Each has an id of its own. */
  readonly jobAttempts: number
  /** For how long a run that says nothing more is taken for alive. */
  readonly leaseMs: number
  readonly renewMs: number
  /** Changes of one table within ten seconds. */
  readonly updatesPerTenSeconds: number
  /** The same for a table in partitions. */
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
  // Google ends a load job after six hours; one that has waited for an hour is stuck.
  jobWaitMs: 3_600_000,
  stopWaitMs: 60_000,
  jobAttempts: 5,
  leaseMs: 300_000,
  renewMs: 60_000,
  // docs.cloud.google.com/bigquery/quotas: every job that writes a table counts, too.
  updatesPerTenSeconds: 5,
  partitionedUpdatesPerTenSeconds: 50,
}
