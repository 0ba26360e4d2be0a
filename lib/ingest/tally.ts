import { MixloadError, messageOf } from '../core/errors.ts'
import type { SettledBatch } from './batch-queue.ts'
import type { EndpointName } from './endpoints.ts'
import type { DeliveryNotice, DeliveryReport, RejectedRecord } from './report.ts'

/** More rejected records are counted but not kept: a wrong import may have millions. */
const REJECTIONS_KEPT = 1000

/** Counts what happens to records, and passes on each rejection and failure. */
export class DeliveryTally {
  readonly #notify: (notice: DeliveryNotice) => void
  #accepted = 0
  #rejected = 0
  #failed = 0
  #rejections: RejectedRecord[] = []
  #failure: MixloadError | undefined

  constructor(notify: (notice: DeliveryNotice) => void) {
    this.#notify = notify
  }

  /** Why the first failed batch failed; undefined if none did. */
  get failure(): MixloadError | undefined {
    return this.#failure
  }

  /** Adds a batch. `isKept`: the records of a failed batch are sent again at the next start. */
  add(endpoint: EndpointName, { records, errors, failure }: SettledBatch, isKept: boolean): void {
    if (failure !== undefined) {
      const error = sendingError(failure)
      this.#failed += records.length
      this.#failure ??= error
      this.#notify({ kind: 'failed', endpoint, error, count: records.length, kept: isKept })
      return
    }
    // A record that breaks several rules is rejected once.
    const byPosition = new Map(errors.map((error) => [error.position, error]))
    this.#accepted += records.length
    for (const { position, reason, field } of byPosition.values()) {
      const record = records[position]
      if (record === undefined) continue
      this.#accepted--
      this.reject({
        endpoint,
        index: record.index,
        reason,
        ...(field === undefined ? {} : { field }),
        record: record.json,
      })
    }
  }

  reject(rejection: RejectedRecord): void {
    this.#rejected++
    if (this.#rejections.length < REJECTIONS_KEPT) this.#rejections.push(rejection)
    this.#notify({ kind: 'rejected', rejection })
  }

  /**
   * Returns the report, and starts a new one.
   * @throws MixloadError why the first failed batch failed.
   */
  takeReport(): DeliveryReport {
    const failure = this.#failure
    const report: DeliveryReport = {
      accepted: this.#accepted,
      rejected: this.#rejected,
      failed: this.#failed,
      rejections: this.#rejections,
    }
    this.#accepted = this.#rejected = this.#failed = 0
    this.#rejections = []
    this.#failure = undefined
    if (failure !== undefined) throw failure
    return report
  }
}

/** Returns the error that stopped a delivery, as one with a code. */
export function sendingError(error: unknown): MixloadError {
  if (error instanceof MixloadError) return error
  return new MixloadError('NETWORK_FAILED', `Sending failed: ${messageOf(error)}.`, { cause: error })
}
