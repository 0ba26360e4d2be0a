import type { MixloadError } from '../core/errors.ts'
import type { EndpointName } from './endpoints.ts'

/** A record that Mixpanel refused. It is not sent again. */
export interface Rejection {
  readonly endpoint: EndpointName
  /** Its number, from 0: among the events of an import; otherwise among the records that went to this endpoint. */
  readonly index: number
  readonly reason: string
  /** The property that is at fault, where Mixpanel names one. */
  readonly field?: string
  /** What was sent, as JSON, without the token. */
  readonly record: string
}

/** What happens to records on their way. */
export type IngestEvent =
  | { readonly kind: 'retry'; readonly endpoint: EndpointName; readonly error: MixloadError; readonly delayMs: number }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** Records that could not be delivered; `kept` where the spool has them for the next start. */
  | {
      readonly kind: 'failed'
      readonly endpoint: EndpointName
      readonly error: MixloadError
      readonly count: number
      readonly kept: boolean
    }

export type Tell = (event: IngestEvent) => void

/** What became of the records since the report before. */
export interface Report {
  readonly accepted: number
  readonly rejected: number
  readonly failed: number
  /** The first of those that were refused, at most {@link REJECTIONS_KEPT}; `tell` is told of all. */
  readonly rejections: readonly Rejection[]
}

/** More are counted, but not kept: a wrong import may have millions. */
const REJECTIONS_KEPT = 1000

/** Counts what becomes of records. */
export class Tally {
  #accepted = 0
  #rejected = 0
  #failed = 0
  #rejections: Rejection[] = []
  #failure: MixloadError | undefined

  accept(count: number): void {
    this.#accepted += count
  }

  reject(rejection: Rejection): void {
    this.#rejected++
    if (this.#rejections.length < REJECTIONS_KEPT) this.#rejections.push(rejection)
  }

  fail(count: number, error: MixloadError): void {
    this.#failed += count
    this.#failure ??= error
  }

  /** What has been counted, and why the first that failed did; counting begins anew. */
  take(): { readonly report: Report; readonly failure: MixloadError | undefined } {
    const report: Report = {
      accepted: this.#accepted,
      rejected: this.#rejected,
      failed: this.#failed,
      rejections: this.#rejections,
    }
    const failure = this.#failure
    this.#accepted = this.#rejected = this.#failed = 0
    this.#rejections = []
    this.#failure = undefined
    return { report, failure }
  }
}
