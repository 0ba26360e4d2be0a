import type { ColumnType } from '../columns/column.ts'

/** The engine's name of each column type. */
export const ENGINE_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  timestamptz: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  date: 'DATE',
}
