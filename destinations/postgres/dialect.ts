import type { ColumnType } from '../../lib/columns/column.ts'
import type { DestinationCapabilities } from '../../lib/destination/contract.ts'

export const CAPABILITIES: DestinationCapabilities = {
  dialect: 'postgres',
  nameQuote: '"',
  // The server silently cuts longer names off.
  identifierBytesMax: 63,
  // Every table has these system columns, and no other column may have their names.
  reservedColumns: ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'],
  columnsMax: 1600,
  // A row must fit into a page of 8 kB. Only values longer than 24 bytes can be stored outside of
  // it.
  valuesPerRowMax: 300,
  loadsPerDayMax: Number.POSITIVE_INFINITY,
  daysPerLoadMax: Number.POSITIVE_INFINITY,
  atomicReplace: true,
  atomicLedger: true,
  atomicGroups: true,
  readersDuringLoad: true,
  queries: true,
  removesRows: true,
}

/** As the server spells them, so that they can be compared with the types of its columns. */
export const TYPE_NAMES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  double: 'double precision',
  boolean: 'boolean',
  json: 'jsonb',
  timestamptz: 'timestamp with time zone',
  bigint: 'bigint',
  date: 'date',
}
