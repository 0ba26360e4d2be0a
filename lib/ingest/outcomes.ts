import { MixloadError, messageOf } from '../core/errors.ts'
import type { RecordFault } from './answers.ts'
import type { EndpointName, Outgoing } from './endpoints.ts'
import type { Rejection } from './report.ts'

/** The refusals of a batch, each with its record. */
export function rejectionsOf(
  endpoint: EndpointName,
  records: readonly Outgoing[],
  faults: readonly RecordFault[],
): readonly Rejection[] {
  // A record may break several rules, and is refused once.
  const byPosition = new Map(faults.map((fault) => [fault.position, fault]))
  return [...byPosition.values()].flatMap(({ position, reason, field }) => {
    const record = records[position]
    if (record === undefined) return []
    return [{ endpoint, index: record.index, reason, ...(field === undefined ? {} : { field }), record: record.json }]
  })
}

/** What stopped the sending, as an error with a code. */
export function failureOf(error: unknown): MixloadError {
  if (error instanceof MixloadError) return error
  return new MixloadError('NETWORK_FAILED', `Sending failed: ${messageOf(error)}.`, { cause: error })
}
