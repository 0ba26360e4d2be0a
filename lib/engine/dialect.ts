import type { ColumnType } from '../columns/column.ts'
import type { DestinationSupports } from '../destination/contract.ts'

/** What the engine calls the types of columns. */
export const ENGINE_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  date: 'DATE',
}

/** What holds wherever tables are the engine's own, or are read by it. */
export const ENGINE_SUPPORTS = {
  dialect: 'duckdb',
  nameQuote: '"',
  // There is no limit; names are kept short enough for the other destinations.
  identifierBytesMax: 63,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
} as const satisfies Partial<DestinationSupports>
