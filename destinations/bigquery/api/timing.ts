/** Waits, timeouts and numbers of attempts. Tests set their own. */
export type Timing = Readonly<typeof TIMING>

/** The times for Google's service, in milliseconds. */
export const TIMING = {
  /** How often a request is repeated while its failure is transient. */
  retries: 5,
  /** Wait before the first repetition; doubled with each further one. */
  retryDelayMs: 500,
  retryDelayMaxMs: 16_000,
  /** How long a request may go unanswered. */
  answerMs: 60_000,
  /** How long an upload may stand still, or its answer take after the last byte. */
  uploadMs: 600_000,
  /** First wait before a job is looked up again. Each further wait is a fifth longer. */
  pollMs: 100,
  pollMaxMs: 1500,
  /** Google ends a load job after six hours; one that has taken an hour is stuck. */
  jobWaitMs: 3_600_000,
  stopWaitMs: 60_000,
  /** Attempts at a job whose failures are transient. Each has its own id. */
  jobAttempts: 5,
  /** How long a run counts as alive after it last renewed its lease. */
  leaseMs: 300_000,
  renewMs: 60_000,
  /** docs.cloud.google.com/bigquery/quotas; every job that writes a table counts. */
  updatesPerTenSeconds: 5,
  partitionedUpdatesPerTenSeconds: 50,
}
