import { HASH_COLUMN } from '../columns/catalogue.ts'
import type { Column } from '../columns/column.ts'
import { quoteName } from '../core/sql.ts'
import { LOAD_NUMBER } from '../destination/grouped-rows.ts'
import { ENGINE_TYPES } from '../engine/dialect.ts'
import { LINE_HASH_FIELD, OVERFLOW_FIELD } from '../scan/line-writer.ts'
import { withContentHash } from './content-hash.ts'
import { type EventInput, eventExpressions, withMilliseconds } from './flatten-events.ts'
import { ROW_FIELD } from './numbered-lines.ts'
import { type Flattened, formsByColumn, readSpooled, type SpooledLines, valueExpression } from './spool-reader.ts'

/** Spooled lines of one table and how to read them. */
export interface FlattenInput {
  readonly lines: Omit<SpooledLines, 'topLevel'>
  /** The column for properties without a column; undefined if there are none. */
  readonly overflowColumn: Column | undefined
  /** The columns of the table's key, never the overflow column. */
  readonly key: readonly Column[]
  readonly identity: Column | undefined
  /** Whether the lines are numbered, because keys repeat and the last row of each key stays. */
  readonly isNumbered: boolean
  /** How to make events; undefined if the records are not events. */
  readonly events: EventInput | undefined
}

/**
 * The query that turns spooled lines into rows, with their `LOAD_NUMBER` if they are those of
 * several loads. The commit adds `_loaded_at` and `_load_id`.
 */
export function flatten(input: FlattenInput): Flattened {
  const { overflowColumn, isNumbered, events, lines } = input
  const expressions = expressionsOf(input)
  if (overflowColumn !== undefined) expressions.set(overflowColumn, `CAST(${OVERFLOW_FIELD} AS JSON)`)
  const list = [...expressions].map(([column, expression]) => `${expression} AS ${quoteName(column.name)}`)
  if (lines.loads.length > 1) list.push(LOAD_NUMBER)
  const source = events === undefined ? reader(input) : withMilliseconds(events, lines, reader(input))
  const where = isNumbered ? `\nWHERE CAST(${ROW_FIELD} AS BIGINT) IN (${lastRows(input)})` : ''
  const flattened = { query: `SELECT ${list.join(',\n  ')}\nFROM ${source}${where}`, columns: [...expressions.keys()] }
  return events === undefined ? flattened : withContentHash(flattened, events.fixed.get(HASH_COLUMN))
}

/** Counts rows with a complete key (`rows`) and distinct keys (`keys`), by `value` of a column. */
export function countKeys(input: FlattenInput, column?: Column): string {
  const names = input.key.map(({ name }) => quoteName(name)).join(', ')
  const value = column === undefined ? '' : `CAST(${quoteName(column.name)} AS VARCHAR) AS value, `
  const counts = `SELECT ${names}, count(*) AS n FROM (${keysOf(input)}) WHERE ${hasKey(input)} GROUP BY ${names}`
  const by = column === undefined ? '' : ' GROUP BY value'
  return `SELECT ${value}count(*) AS keys, coalesce(sum(n), 0) AS rows FROM (${counts})${by}`
}

/** The numbers of the rows that stay: the last of each key, and all with an incomplete key. */
function lastRows(input: FlattenInput): string {
  const names = input.key.map(({ name }) => quoteName(name)).join(', ')
  const keys = keysOf(input)
  return (
    `SELECT max(__at) FROM (${keys}) WHERE ${hasKey(input)} GROUP BY ${names}` +
    ` UNION ALL SELECT __at FROM (${keys}) WHERE NOT (${hasKey(input)})`
  )
}

function hasKey({ key }: FlattenInput): string {
  return key.map(({ name }) => `${quoteName(name)} IS NOT NULL`).join(' AND ')
}

/** The key of each row, and its number as `__at` if rows are numbered. Reads nothing else. */
function keysOf(input: FlattenInput): string {
  const fields = input.lines.fields.filter(({ column }) => input.key.includes(column))
  const only = { ...input, lines: { ...input.lines, fields }, overflowColumn: undefined }
  const expressions = expressionsOf(only)
  const list = input.key.map((column) => `${expressions.get(column) ?? 'NULL'} AS ${quoteName(column.name)}`)
  if (input.isNumbered) list.push(`CAST(${ROW_FIELD} AS BIGINT) AS __at`)
  return `SELECT ${list.join(', ')} FROM ${reader(only)}`
}

function expressionsOf({ lines, key, identity, events }: FlattenInput): Map<Column, string> {
  const { fields, shape } = lines
  const expressions = new Map<Column, string>()
  const forms = formsByColumn(fields, shape)
  if (identity !== undefined && shape.identity !== undefined) expressions.set(identity, quoteName(shape.identity))
  const computed = events === undefined ? new Map<Column, string>() : eventExpressions(events, forms)
  for (const [column, form] of forms) {
    if (!computed.has(column)) expressions.set(column, valueExpression(column, form))
  }
  for (const column of key) {
    if (!expressions.has(column)) expressions.set(column, `CAST(NULL AS ${ENGINE_TYPES[column.type]})`)
  }
  for (const [column, expression] of computed) expressions.set(column, expression)
  return expressions
}

function reader({ lines, overflowColumn, isNumbered }: FlattenInput): string {
  const { identity, isTimed } = lines.shape
  const topLevel = [
    ...(identity === undefined ? [] : [identity]),
    ...(isTimed ? [LINE_HASH_FIELD] : []),
    ...(overflowColumn === undefined ? [] : [OVERFLOW_FIELD]),
    ...(isNumbered ? [ROW_FIELD] : []),
  ]
  return readSpooled({ ...lines, topLevel })
}
