import { MixloadError, messageOf } from '../../lib/core/errors.ts'
import { ENGINE_SUPPORTS } from '../../lib/destination/capabilities.ts'
import type { DestinationSupports } from '../../lib/destination/contract.ts'
import { isLockedByOther } from '../../lib/engine/engine.ts'

/** What a database file of DuckDB's can and can't do. */
export const SUPPORTS: DestinationSupports = {
  ...ENGINE_SUPPORTS,
  atomicReplace: true,
  atomicLedger: true,
  // One process at a time may have the file open for writing, and then no other reads it.
  readersDuringLoad: false,
  queries: true,
}

/** What opening a database file failed of. */
export function openFailure(path: string, error: unknown): MixloadError {
  const says = messageOf(error)
  const holder = /PID (\d+)/.exec(says)?.[1]
  if (isLockedByOther(error)) {
    const who = holder === undefined ? 'another process' : `process ${holder}`
    return new MixloadError(
      'DESTINATION_BUSY',
      `${path} is held by ${who}. Wait for it to end, or close it, and run again.`,
      {
        cause: error,
      },
    )
  }
  return new MixloadError('DESTINATION_FAILED', `Cannot open ${path} as a DuckDB database: ${says}`, { cause: error })
}
