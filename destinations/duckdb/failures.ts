import { messageOf } from '../../lib/core/errors.ts'
import type { Explanation } from '../../lib/destination/contract.ts'
import { isLockedByOther } from '../../lib/engine/engine.ts'

/** What an error of the engine means for a database file. */
export function explain(error: unknown): Explanation | undefined {
  if (!isLockedByOther(error)) return undefined
  const owner = /PID (\d+)/.exec(messageOf(error))?.[1]
  return {
    code: 'DESTINATION_BUSY',
    reason: `it is held by ${owner === undefined ? 'another process' : `process ${owner}`}`,
    advice: 'Wait for it to end, or close it, and run again.',
  }
}
