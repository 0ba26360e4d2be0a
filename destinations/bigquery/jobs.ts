import type { Job as GoogleJob } from '@google-cloud/bigquery'
import { MixloadError } from '../../lib/errors.ts'
import { type Answer, at, listOf, objectOf, textOf } from './answers.ts'
import { type BigQueryClient, inLocation, isOfCreatedJob } from './client.ts'
import { ApiFailure, isStatus, unlessStatus } from './failures.ts'
import { gzipLines } from './gzip.ts'
import type { Pace } from './pace.ts'
import { backoff, pause } from './retries.ts'
import type { Timing } from './timing.ts'

/** A job to be done once, whatever is lost on the way. */
export interface Job {
  /** Without the number of the attempt that is put behind it. */
  readonly id: string
  /** What it is for, as a label that shows in the project's list of jobs. */
  readonly purpose: string
  /** The table or partition that it writes, and whether that is one in partitions: see pace.ts. */
  readonly writes: string
  readonly isPartitioned: boolean
  /** With `load` or `copy`, as the API has it. */
  readonly configuration: Answer
  /** What a load job loads; opened anew for each try. */
  readonly content?: () => AsyncIterable<Buffer>
}

/** What has become of a job that nobody waits for any more. */
export type Outcome = 'done' | 'never'

/** What an answer says of a job. */
interface JobState {
  readonly isDone: boolean
  readonly failure: ApiFailure | undefined
  /** It only takes up an id, so that no late request can: see {@link Jobs.outcomeOf}. */
  readonly isBurnt: boolean
}

export interface JobsOptions {
  readonly client: BigQueryClient
  readonly project: string
  readonly timing: Timing
  /** Where the dataset is: ids of jobs are known in one location only. */
  readonly location: () => string | undefined
  /** A table that a job without rows may be sent to, as the API has it. */
  readonly idleTable: Answer
  readonly pace: Pace
}

const BURNT = 'burnt'

/**
 * Runs jobs so that each is done once. Its id is what makes that sure: a project knows an id only once, so a job whose
 * answer was lost is sent again under the same id, and 409 means that it has been accepted before
 * (docs.cloud.google.com/bigquery/docs/running-jobs, on job ids). A job that failed keeps its id: the next attempt has
 * the next number. An attempt is made only after the one before it has failed, so who knows the id can find out what
 * became of all.
 */
export class Jobs {
  readonly #options: JobsOptions

  constructor(options: JobsOptions) {
    this.#options = options
  }

  /**
   * Runs a job to its end.
   * @throws ApiFailure with `isOfJob` when it failed for good, and otherwise when nobody knows; the signal's reason. In
   *   the latter two cases {@link outcomeOf} tells what has become of it.
   */
  async run(job: Job, signal?: AbortSignal): Promise<void> {
    const { timing, pace } = this.#options
    let failures = 0
    for (let attempt = 1; ; attempt++) {
      const id = attemptId(job.id, attempt)
      await pace.wait(job.writes, job.isPartitioned, signal)
      const sent = await this.#send(id, job, signal)
      const { isBurnt, failure } = await this.#waitFor(id, sent.state, timing.jobWaitMs, signal)
      if (isBurnt) throw takenOver()
      if (failure === undefined) return
      // What failed before this call says nothing of how it would go now.
      if (sent.wasThere) continue
      if (++failures === timing.jobAttempts || !failure.isPassing) throw failure
      await pause(backoff(timing, failures), signal)
    }
  }

  /**
   * What has become of a job that may or may not have been sent, by a run that is no more or has given up waiting. One
   * that still runs is waited for, or stopped where `stop`. One that is not there may still be on its way, so its id is
   * burnt: a job without effect takes it, and what comes later is refused. After `never` it will never be done.
   * @throws ApiFailure when that can't be learned now; the signal's reason.
   */
  async outcomeOf(id: string, stop: boolean, signal?: AbortSignal): Promise<Outcome> {
    const { jobWaitMs, stopWaitMs } = this.#options.timing
    for (let attempt = 1; ; attempt++) {
      const attempted = attemptId(id, attempt)
      const found = (await this.#find(attempted, signal)) ?? (await this.#burn(attempted, signal))
      if (stop && !found.isDone) await this.#job(attempted, signal).cancel()
      const ended = await this.#waitFor(attempted, found, stop ? stopWaitMs : jobWaitMs, signal)
      if (ended.isBurnt) return 'never'
      if (ended.failure === undefined) return 'done'
    }
  }

  /** Takes up an id with a job that appends no rows. Where the id is taken already, gives what has it. */
  async #burn(jobId: string, signal: AbortSignal | undefined): Promise<JobState> {
    const load = {
      destinationTable: this.#options.idleTable,
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      writeDisposition: 'WRITE_APPEND',
      createDisposition: 'CREATE_NEVER',
    }
    const idle = { purpose: BURNT, configuration: { load }, content: () => gzipLines([]) }
    return (await this.#send(jobId, idle, signal)).state
  }

  async #send(
    jobId: string,
    job: Pick<Job, 'purpose' | 'configuration' | 'content'>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly state: JobState; readonly wasThere: boolean }> {
    const { client, project, location } = this.#options
    const { purpose, content } = job
    const configuration = { ...job.configuration, labels: { mixload: purpose } }
    const reference = { jobId, ...inLocation(location()) }
    try {
      if (content === undefined) {
        const [created] = await client.withSignal(signal).createJob({ ...reference, configuration })
        return { state: stateOf(objectOf(created.metadata)), wasThere: false }
      }
      const body = { jobReference: { projectId: project, ...reference }, configuration }
      return { state: stateOf(await client.upload({ job: body, content }, signal)), wasThere: false }
    } catch (error) {
      // The id is taken, because it was sent before. Or Google's client found errors in the job that it has created.
      const wasThere = isStatus(error, 409)
      const found = wasThere || isOfCreatedJob(error) ? await this.#find(jobId, signal) : undefined
      if (found === undefined) throw error
      return { state: found, wasThere }
    }
  }

  async #find(jobId: string, signal: AbortSignal | undefined): Promise<JobState | undefined> {
    return unlessStatus(404, async () => stateOf(objectOf((await this.#job(jobId, signal).getMetadata())[0])))
  }

  #job(jobId: string, signal: AbortSignal | undefined): GoogleJob {
    return this.#options.client.withSignal(signal).job(jobId, inLocation(this.#options.location()))
  }

  async #waitFor(jobId: string, first: JobState, waitMs: number, signal: AbortSignal | undefined): Promise<JobState> {
    const { pollMs, pollMaxMs } = this.#options.timing
    const giveUpAt = performance.now() + waitMs
    let state = first
    for (let delay = pollMs; !state.isDone; delay = Math.min(delay * 1.2, pollMaxMs)) {
      if (performance.now() > giveUpAt) throw lost(`job ${jobId} does not come to its end`)
      await pause(delay, signal)
      const found = await this.#find(jobId, signal)
      if (found === undefined) throw lost(`job ${jobId} is gone`)
      state = found
    }
    return state
  }
}

function attemptId(id: string, attempt: number): string {
  return `${id}_${attempt}`
}

function stateOf(answer: Answer): JobState {
  const { state, errorResult, errors } = objectOf(answer.status)
  return {
    isDone: state === 'DONE',
    failure: errorResult === undefined ? undefined : jobFailure(objectOf(errorResult), listOf(errors)),
    isBurnt: at(answer, 'configuration', 'labels', 'mixload') === BURNT,
  }
}

function jobFailure(result: Answer, errors: readonly unknown[]): ApiFailure {
  // What comes first in the list often says more than the result.
  const said = [result, ...errors.map(objectOf)].map(({ message }) => textOf(message) ?? '')
  const message = [...new Set(said)].filter((text) => text !== '').slice(0, 3)
  return new ApiFailure(message.join(' ') || 'a job failed', { reason: textOf(result.reason), isOfJob: true })
}

function lost(message: string): ApiFailure {
  return new ApiFailure(message, { isUnanswered: true })
}

function takenOver(): MixloadError {
  return new MixloadError(
    'DESTINATION_BUSY',
    'Another run has taken this BigQuery dataset over and stopped what this one was doing.',
  )
}
