import type { ColumnType } from '../../lib/columns/column.ts'
import type { DestinationSupports } from '../../lib/destination.ts'

export const SUPPORTS: DestinationSupports = {
  // The views are for DuckDB, which reads the files.
  dialect: 'duckdb',
  nameQuote: '"',
  // Parquet has no limit of its own; names are kept short enough for the other destinations.
  identifierBytesMax: 63,
  columnsMax: 10_000,
  valuesPerRowMax: Number.POSITIVE_INFINITY,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
  // Files come and go one by one, and whoever reads the directory sees that.
  atomicReplace: false,
  atomicLedger: false,
  readersDuringLoad: true,
  queries: true,
}

/**
 * The engine's types, as which its Parquet writer stores: moments as microseconds in UTC, json as text that is marked as
 * json, which readers that don't know the mark take for text.
 */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  date: 'DATE',
}
