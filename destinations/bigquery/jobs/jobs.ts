import type { Job as GoogleJob } from '@google-cloud/bigquery'
import { isFailure, MixloadError } from '../../../lib/core/errors.ts'
import { REJECTS } from '../../../lib/destination/ledger.ts'
import { ApiFailure, isStatus, unlessStatus } from '../api/api-failure.ts'
import { type BigQueryClient, isOfCreatedJob } from '../api/client.ts'
import { at, type JsonObject, listOf, objectOf, textOf } from '../api/json.ts'
import { backoff, pause } from '../api/retries.ts'
import type { Tables } from '../api/tables.ts'
import { gzipLines } from '../uploads/gzip.ts'

/** A job that is done exactly once, even if a request or an answer is lost. */
export interface Job {
  /** Without the number of the attempt, which is appended. */
  readonly id: string
  /** A label that shows in the project's list of jobs. */
  readonly purpose: string
  /** The table or partition that it writes, and whether that table is partitioned: see pace.ts. */
  readonly writes: string
  readonly isPartitioned: boolean
  /** With `load`, `copy` or `query`, as the API has it. */
  readonly configuration: JsonObject
  /** What a load job loads; opened again for each attempt. */
  readonly content?: () => AsyncIterable<Buffer>
}

/** The outcome of a job whose answer was lost, or whose run was killed. */
export type Outcome = 'done' | 'never'

interface JobState {
  readonly isDone: boolean
  readonly failure: ApiFailure | undefined
  /** Whether it only occupies an id, so that no late request can: see {@link Jobs.outcomeOf}. */
  readonly isPlaceholder: boolean
}

/** The label of placeholders. Runs of every version of mixload read it. */
const PLACEHOLDER = 'burnt'

/**
 * Runs jobs so that each is done once. A project accepts a job id only once, so a job whose answer
 * was lost is sent again under the same id, and status 409 says that it was accepted before
 * (docs.cloud.google.com/bigquery/docs/running-jobs, on job ids). A failed job keeps its id, so the
 * next attempt has the next number. It is made only after the previous one has failed, so whoever
 * knows the id can find out what became of all attempts.
 */
export class Jobs {
  readonly #tables: Tables
  readonly #client: BigQueryClient

  constructor(tables: Tables) {
    this.#tables = tables
    this.#client = tables.client
  }

  /**
   * Runs a job until it is done.
   * @throws ApiFailure with `isOfJob` if it failed for good; another ApiFailure or the signal's
   *   reason if its outcome is unknown, which {@link outcomeOf} then finds out.
   */
  async run(job: Job, signal?: AbortSignal): Promise<void> {
    const { timing, pace } = this.#client
    let failures = 0
    for (let attempt = 1; ; attempt++) {
      const id = attemptId(job.id, attempt)
      await pace.wait(job.writes, job.isPartitioned, signal)
      const sent = await this.#send(id, job, signal)
      const { isPlaceholder, failure } = await this.#waitFor(id, sent.state, timing.jobWaitMs, signal)
      if (isPlaceholder) throw takenOver()
      if (failure === undefined) return
      // A failure from before this call does not tell how the job would go now.
      if (sent.wasThere) continue
      if (++failures === timing.jobAttempts || !failure.isTransient) throw failure
      await pause(backoff(timing, failures), signal)
    }
  }

  /**
   * The outcome of a job that a run has given up on, or may not even have sent before it was
   * killed. A job that still runs is waited for, or stopped if `stop` is true. A job that does not
   * exist may be on its way, so a placeholder without effect takes its id, and BigQuery refuses
   * what arrives later. After `never`, the job will never be done.
   * @throws ApiFailure if the outcome cannot be found out now; the signal's reason.
   */
  async outcomeOf(id: string, stop: boolean, signal?: AbortSignal): Promise<Outcome> {
    const { jobWaitMs, stopWaitMs } = this.#client.timing
    for (let attempt = 1; ; attempt++) {
      const attempted = attemptId(id, attempt)
      const found = (await this.#find(attempted, signal)) ?? (await this.#occupy(attempted, signal))
      if (stop && !found.isDone) await this.#job(attempted, signal).cancel()
      const ended = await this.#waitFor(attempted, found, stop ? stopWaitMs : jobWaitMs, signal)
      if (ended.isPlaceholder) return 'never'
      if (ended.failure === undefined) return 'done'
    }
  }

  /** Occupies an id with a job that appends no rows. Returns the job that has the id. */
  async #occupy(jobId: string, signal: AbortSignal | undefined): Promise<JobState> {
    // It is addressed to a table that exists, and has no rows.
    const load = appendTo(this.#tables.reference(REJECTS.name))
    const placeholder = { purpose: PLACEHOLDER, configuration: { load }, content: () => gzipLines([]) }
    return (await this.#send(jobId, placeholder, signal)).state
  }

  async #send(
    jobId: string,
    { purpose, content, ...job }: Pick<Job, 'purpose' | 'configuration' | 'content'>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly state: JobState; readonly wasThere: boolean }> {
    const { project, location } = this.#client
    const configuration = { ...job.configuration, labels: { mixload: purpose } }
    try {
      if (content === undefined) {
        const [created] = await this.#client.withSignal(signal).createJob({ jobId, configuration })
        return { state: stateOf(created.metadata), wasThere: false }
      }
      const job = { jobReference: { projectId: project, jobId, location }, configuration }
      return { state: stateOf(await this.#client.upload({ job, content }, signal)), wasThere: false }
    } catch (error) {
      // The id is taken by an attempt before. Or the job was created and has errors, and reports
      // them better.
      const wasThere = isStatus(error, 409)
      const found = wasThere || isOfCreatedJob(error) ? await this.#find(jobId, signal) : undefined
      if (found === undefined) throw error
      return { state: found, wasThere }
    }
  }

  async #find(jobId: string, signal: AbortSignal | undefined): Promise<JobState | undefined> {
    return unlessStatus(404, async () => stateOf((await this.#job(jobId, signal).getMetadata())[0]))
  }

  #job(jobId: string, signal: AbortSignal | undefined): GoogleJob {
    return this.#client.withSignal(signal).job(jobId)
  }

  async #waitFor(jobId: string, first: JobState, waitMs: number, signal: AbortSignal | undefined): Promise<JobState> {
    const { pollMs, pollMaxMs } = this.#client.timing
    const giveUpAt = performance.now() + waitMs
    let state = first
    for (let delay = pollMs; !state.isDone; delay = Math.min(delay * 1.2, pollMaxMs)) {
      if (performance.now() > giveUpAt) throw unknownOutcome(`job ${jobId} has not ended in ${waitMs / 1000} s`)
      await pause(delay, signal)
      const found = await this.#find(jobId, signal)
      if (found === undefined) throw unknownOutcome(`job ${jobId} no longer exists`)
      state = found
    }
    return state
  }
}

/** A load configuration that appends NDJSON to an existing table. */
export function appendTo(destinationTable: JsonObject): JsonObject {
  const dispositions = { writeDisposition: 'WRITE_APPEND', createDisposition: 'CREATE_NEVER' }
  return { destinationTable, sourceFormat: 'NEWLINE_DELIMITED_JSON', ...dispositions }
}

/** Whether a job that has failed like this, or that another run has stopped, will not be done. */
export function isOver(error: unknown): boolean {
  return isFailure(error, 'DESTINATION_BUSY') || (error instanceof ApiFailure && error.isOfJob)
}

function attemptId(id: string, attempt: number): string {
  return `${id}_${attempt}`
}

function stateOf(job: unknown): JobState {
  const { state, errorResult, errors } = objectOf(at(job, 'status'))
  return {
    isDone: state === 'DONE',
    failure: errorResult === undefined ? undefined : jobFailure(objectOf(errorResult), listOf(errors)),
    isPlaceholder: at(job, 'configuration', 'labels', 'mixload') === PLACEHOLDER,
  }
}

function jobFailure(result: JsonObject, errors: readonly unknown[]): ApiFailure {
  // The first errors of the list often say more than the result.
  const messages = [result, ...errors].map((error) => textOf(at(error, 'message')) ?? '')
  const distinct = [...new Set(messages)].filter((message) => message !== '').slice(0, 3)
  return new ApiFailure(distinct.join(' ') || 'a job failed', { reason: textOf(result.reason), isOfJob: true })
}

function unknownOutcome(message: string): ApiFailure {
  return new ApiFailure(message, { isUnanswered: true })
}

function takenOver(): MixloadError {
  return new MixloadError(
    'DESTINATION_BUSY',
    'Another run has taken over this BigQuery dataset and stopped the jobs of this one.',
  )
}
