import type { ColumnType } from '../columns/column.ts'

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
