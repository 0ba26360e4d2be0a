import { duplicate, notFound, Refusal } from './refusal.ts'
import type { FakeStore, JobConfiguration, Resource } from './store.ts'

/** What happens to a job after it was accepted. */
export type Course =
  | 'at-once'
  /** It is done after so many look-ups. */
  | { readonly polls: number }
  /** It runs until it is cancelled. */
  | 'stuck'
  /** It runs until it is cancelled, and is then done, because it is too late to stop it. */
  | 'done-when-cancelled'
  | { readonly failsWith: string }

export interface FakeJob {
  readonly id: string
  readonly configuration: JobConfiguration
  readonly content: string | undefined
  course: Course
  polls: number
  isDone: boolean
  error: { readonly reason: string; readonly message: string } | undefined
}

/** The jobs of a project. It accepts each id only once. */
export class FakeJobs {
  readonly #store: FakeStore
  readonly all = new Map<string, FakeJob>()
  courseOf: (job: FakeJob) => Course = () => 'at-once'

  constructor(store: FakeStore) {
    this.#store = store
  }

  insert(id: string, configuration: JobConfiguration, content: string | undefined): Resource {
    if (this.all.has(id)) throw duplicate(`Job ${id}`)
    const job: FakeJob = {
      id,
      configuration,
      content,
      course: 'at-once',
      polls: 0,
      isDone: false,
      error: undefined,
    }
    job.course = this.courseOf(job)
    this.all.set(id, job)
    if (job.course === 'at-once') this.#finish(job)
    else if (typeof job.course === 'object' && 'failsWith' in job.course) this.#fail(job, job.course.failsWith)
    return shownJob(job)
  }

  get(id: string): Resource {
    const job = this.#find(id)
    if (typeof job.course === 'object' && 'polls' in job.course && !job.isDone) {
      if (job.polls++ >= job.course.polls) this.#finish(job)
    }
    return shownJob(job)
  }

  cancel(id: string): Resource {
    const job = this.#find(id)
    if (!job.isDone) {
      if (job.course === 'done-when-cancelled') this.#finish(job)
      else this.#fail(job, 'stopped')
    }
    return { job: shownJob(job) }
  }

  #find(id: string): FakeJob {
    const job = this.all.get(id)
    if (job === undefined) throw notFound(`Job ${id}`)
    return job
  }

  #finish(job: FakeJob): void {
    job.isDone = true
    try {
      this.#store.run(job.configuration, job.content)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      job.error = { reason: error.reason, message: error.message }
    }
  }

  #fail(job: FakeJob, reason: string): void {
    job.isDone = true
    job.error = { reason, message: `The job failed: ${reason}` }
  }
}

function shownJob({ id, configuration, isDone, error }: FakeJob): Resource {
  return {
    jobReference: { jobId: id },
    configuration,
    status: {
      state: isDone ? 'DONE' : 'RUNNING',
      ...(error === undefined ? {} : { errorResult: error, errors: [error] }),
    },
  }
}
