import type { ColumnType } from '../columns/column.ts'

/** The documented names of the column types in each SQL dialect. */
export const DATA_TYPES: Readonly<Record<string, Readonly<Record<ColumnType, string>>>> = {
  duckdb: {
    text: 'varchar',
    double: 'double',
    boolean: 'boolean',
    json: 'json',
    timestamptz: 'timestamp with time zone',
    bigint: 'bigint',
    date: 'date',
  },
  postgres: {
    text: 'text',
    double: 'double precision',
    boolean: 'boolean',
    json: 'jsonb',
    timestamptz: 'timestamp with time zone',
    bigint: 'bigint',
    date: 'date',
  },
  bigquery: {
    text: 'string',
    double: 'float64',
    boolean: 'bool',
    json: 'json',
    timestamptz: 'timestamp',
    bigint: 'int64',
    date: 'date',
  },
}
