import type { ColumnType } from '../../lib/columns/column.ts'
import type { DestinationSupports } from '../../lib/destination.ts'
import { MixloadError, messageOf } from '../../lib/errors.ts'

export const SUPPORTS: DestinationSupports = {
  dialect: 'duckdb',
  nameQuote: '"',
  // DuckDB has no limit of its own; names are kept short enough for the other destinations.
  identifierBytesMax: 63,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
  atomicReplace: true,
  atomicLedger: true,
  // One process at a time may have the file open for writing, and then no other reads it.
  readersDuringLoad: false,
  queries: true,
}

export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  date: 'DATE',
}

/** What opening a database file failed of. DuckDB gives no codes, so the lock's message is the only sign of it. */
export function openFailure(path: string, error: unknown): MixloadError {
  const says = messageOf(error)
  const holder = /PID (\d+)/.exec(says)?.[1]
  if (/could not set lock|conflicting lock|being used by another process/i.test(says)) {
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
