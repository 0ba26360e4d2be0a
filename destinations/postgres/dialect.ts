import type { ColumnType } from '../../lib/columns/column.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'

export const CAPABILITIES: DestinationCapabilities = {
  dialect: 'postgres',
  nameQuote: '"',
  // The server cuts longer names off without a word.
  identifierBytesMax: 63,
  columnsMax: 1600,
  // A row must fit into a page of 8 kB. What is longer than 24 bytes is moved out of it, but not
  // less.
  valuesPerRowMax: 300,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
  atomicReplace: true,
  atomicLedger: true,
  readersDuringLoad: true,
  queries: true,
}

/** As the server itself spells them, so that they can be compared with what it says of a column. */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  double: 'double precision',
  boolean: 'boolean',
  json: 'jsonb',
  timestamptz: 'timestamp with time zone',
  bigint: 'bigint',
  date: 'date',
}
