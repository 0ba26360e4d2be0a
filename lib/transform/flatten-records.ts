import type { Column } from '../columns/column.ts'
import { quoteName } from '../core/sql.ts'
import { ENGINE_TYPES } from '../engine/dialect.ts'
import { OVERFLOW_FIELD, type SpoolField } from '../scan/line-writer.ts'
import { ROW_FIELD } from './numbered-lines.ts'
import { type Flattened, type Forms, formsByColumn, readSpooled, valueExpression } from './spool-reader.ts'

/** Spooled records of one table and how to read them. */
export interface FlattenRecordsInput {
  readonly paths: readonly string[]
  readonly fields: readonly SpoolField[]
  readonly hasOverflow: boolean
  /** The column for it, where {@link hasOverflow}. */
  readonly overflowColumn: Column | undefined
  readonly longestLine: number
  /** The columns of the table's key; none of them is the overflow. */
  readonly key: readonly Column[]
  /** The column that takes a record's `event`. */
  readonly identity: Column | undefined
  /** Whether the lines are numbered, because some agree in the key: of those the last one stays. */
  readonly isNumbered: boolean
}

/** The query that turns spooled records into rows, but for `_loaded_at` and `_load_id`, which belong to the commit. */
export function flattenRecords(input: FlattenRecordsInput): Flattened {
  const { overflowColumn, isNumbered } = input
  const expressions = expressionsOf(input)
  if (overflowColumn !== undefined) expressions.set(overflowColumn, `CAST(${OVERFLOW_FIELD} AS JSON)`)
  const list = [...expressions].map(([column, expression]) => `${expression} AS ${quoteName(column.name)}`)
  const where = isNumbered ? `\nWHERE CAST(${ROW_FIELD} AS BIGINT) IN (${lastRows(input)})` : ''
  return {
    query: `SELECT ${list.join(',\n  ')}\nFROM ${reader(input)}${where}`,
    columns: [...expressions.keys()],
  }
}

/**
 * A query for how many rows have a whole key, and how many keys there are, as `rows` and `keys`; with `column`, one of
 * the key, that by its values, as `value`.
 */
export function countKeys(input: FlattenRecordsInput, column?: Column): string {
  const names = input.key.map(({ name }) => quoteName(name)).join(', ')
  const value = column === undefined ? '' : `CAST(${quoteName(column.name)} AS VARCHAR) AS value, `
  const counts = `SELECT ${names}, count(*) AS n FROM (${keysOf(input)}) WHERE ${hasKey(input)} GROUP BY ${names}`
  const by = column === undefined ? '' : ' GROUP BY value'
  return `SELECT ${value}count(*) AS keys, coalesce(sum(n), 0) AS rows FROM (${counts})${by}`
}

/** The numbers of the rows that stay: the last one of each key, and each that lacks part of its key. */
function lastRows(input: FlattenRecordsInput): string {
  const names = input.key.map(({ name }) => quoteName(name)).join(', ')
  const keys = keysOf(input)
  return (
    `SELECT max(_at) FROM (${keys}) WHERE ${hasKey(input)} GROUP BY ${names}` +
    ` UNION ALL SELECT _at FROM (${keys}) WHERE NOT (${hasKey(input)})`
  )
}

function hasKey({ key }: FlattenRecordsInput): string {
  return key.map(({ name }) => `${quoteName(name)} IS NOT NULL`).join(' AND ')
}

/** The key of each row, and its number as `_at` where rows are numbered. Reads nothing else of the lines. */
function keysOf(input: FlattenRecordsInput): string {
  const fields = input.fields.filter(({ column }) => input.key.includes(column))
  const only = { ...input, fields, hasOverflow: false, overflowColumn: undefined }
  const expressions = expressionsOf(only)
  const list = input.key.map((column) => `${expressions.get(column) ?? 'NULL'} AS ${quoteName(column.name)}`)
  if (input.isNumbered) list.push(`CAST(${ROW_FIELD} AS BIGINT) AS _at`)
  return `SELECT ${list.join(', ')} FROM ${reader(only)}`
}

function expressionsOf({ fields, key, identity }: FlattenRecordsInput): Map<Column, string> {
  const expressions = new Map<Column, string>()
  const forms: Forms = formsByColumn(fields)
  if (identity !== undefined) expressions.set(identity, 'event')
  for (const [column, form] of forms) expressions.set(column, valueExpression(column, form))
  for (const column of key) {
    if (!expressions.has(column)) expressions.set(column, `CAST(NULL AS ${ENGINE_TYPES[column.type]})`)
  }
  return expressions
}

function reader({ paths, fields, hasOverflow, isNumbered, longestLine }: FlattenRecordsInput): string {
  const topLevel = ['event', ...(hasOverflow ? [OVERFLOW_FIELD] : []), ...(isNumbered ? [ROW_FIELD] : [])]
  return readSpooled({ paths, fields, topLevel, longestLine })
}
