import { MixloadError, messageOf } from '../core/errors.ts'
import type { TimeDoubt } from './doubtful-times.ts'
import type { EndpointName, OutgoingRecord } from './endpoints.ts'
import type { RecordError } from './response.ts'

/** A record that Mixpanel rejected. It is not sent again. */
export interface RejectedRecord {
  readonly endpoint: EndpointName
  /** Its number, from 0, in the import or among the records sent to this endpoint. */
  readonly index: number
  readonly reason: string
  /** The property at fault, if Mixpanel names one. */
  readonly field?: string
  /** What was sent, as JSON, without the project token. */
  readonly record: string
}

/** Something that happened to records on their way to Mixpanel. */
export type DeliveryNotice =
  | { readonly kind: 'retry'; readonly endpoint: EndpointName; readonly error: MixloadError; readonly delayMs: number }
  | { readonly kind: 'rejected'; readonly rejection: RejectedRecord }
  /**
   * An event of an import that is sent, but whose time Mixpanel may replace by that of the import:
   * it is more than an hour ahead, of 1970, or in microseconds. `index`: its number, from 0.
   */
  | { readonly kind: 'doubtful-time'; readonly index: number; readonly doubt: TimeDoubt }
  /** Records that could not be delivered. `kept`: the spool keeps them for the next start. */
  | {
      readonly kind: 'failed'
      readonly endpoint: EndpointName
      readonly error: MixloadError
      readonly count: number
      readonly kept: boolean
    }

/** What happened to the records since the report before. */
export interface DeliveryReport {
  readonly accepted: number
  readonly rejected: number
  readonly failed: number
  /** The first 1,000 rejected records. `onNotice` gets all of them. */
  readonly rejections: readonly RejectedRecord[]
}

/** A batch that was delivered, or has failed. */
export interface SettledBatch {
  readonly records: readonly OutgoingRecord[]
  readonly errors: readonly RecordError[]
  readonly failure: unknown
}

/** More rejected records are counted but not kept: a wrong import may have millions. */
const REJECTIONS_KEPT = 1000

/** Counts what happens to records, and passes on each rejection and failure. */
export class DeliveryTally {
  /** Why the first failed batch failed. */
  failure: MixloadError | undefined
  readonly #notify: (notice: DeliveryNotice) => void
  #report = { accepted: 0, rejected: 0, failed: 0, rejections: [] as RejectedRecord[] }

  constructor(notify: (notice: DeliveryNotice) => void) {
    this.#notify = notify
  }

  /** Adds a batch. `isKept`: the records of a failed batch are sent again at the next start. */
  add(endpoint: EndpointName, { records, errors, failure }: SettledBatch, isKept: boolean): void {
    if (failure !== undefined) {
      const error = sendingError(failure)
      this.#report.failed += records.length
      this.failure ??= error
      this.#notify({ kind: 'failed', endpoint, error, count: records.length, kept: isKept })
      return
    }
    this.#report.accepted += records.length
    // A record that breaks several rules is rejected once.
    for (const { position, ...error } of new Map(errors.map((error) => [error.position, error])).values()) {
      const record = records[position]
      if (record === undefined) continue
      this.#report.accepted--
      this.reject({ endpoint, index: record.index, record: record.json, ...error })
    }
  }

  reject(rejection: RejectedRecord): void {
    this.#report.rejected++
    if (this.#report.rejections.length < REJECTIONS_KEPT) this.#report.rejections.push(rejection)
    this.#notify({ kind: 'rejected', rejection })
  }

  /** Returns the report, and starts a new one. Throws why the first failed batch failed. */
  takeReport(): DeliveryReport {
    const { failure } = this
    const report = this.#report
    this.#report = { accepted: 0, rejected: 0, failed: 0, rejections: [] }
    this.failure = undefined
    if (failure !== undefined) throw failure
    return report
  }
}

/** Returns the error that stopped a delivery, as one with a code. */
export function sendingError(error: unknown): MixloadError {
  if (error instanceof MixloadError) return error
  return new MixloadError('NETWORK_FAILED', `Sending failed: ${messageOf(error)}.`, { cause: error })
}
