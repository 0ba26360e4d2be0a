/** How the engine reads the lines of the spool. */
import type { Column, ColumnType } from '../columns/column.ts'
import type { LineShape } from '../columns/table.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { LOAD_NUMBER } from '../destination/grouped-rows.ts'
import { ENGINE_TYPES } from '../engine/dialect.ts'
import { fileList } from '../engine/engine.ts'
import type { SpoolField } from '../scan/line-writer.ts'

/** The engine's type for fields of each column type. Moments are ISO texts that are cast later. */
const FIELD_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  bigint: 'BIGINT',
  timestamptz: 'VARCHAR',
  date: 'VARCHAR',
}

/** A query on the engine, and its columns in order. */
export interface Flattened {
  readonly query: string
  readonly columns: readonly Column[]
}

/** The spool fields of each column, by form. */
export type Forms = Map<Column, Partial<Record<SpoolField['form'], string>>>

/** Groups spool fields by column. */
export function formsByColumn(fields: readonly SpoolField[], { properties }: LineShape): Forms {
  const forms: Forms = new Map()
  for (const { column, form, key } of fields) {
    const entry = forms.get(column) ?? {}
    entry[form] = `${quoteName(properties)}.${quoteName(key)}`
    forms.set(column, entry)
  }
  return forms
}

/** The SQL value of a column, in its own type, from its spool fields. */
export function valueExpression(
  column: Column,
  { value, exact, text }: Partial<Record<SpoolField['form'], string>>,
): string {
  if (text !== undefined) return text
  if (column.type === 'timestamptz') return `CAST(${value} AS TIMESTAMPTZ)`
  if (column.type === 'date') return `CAST(CAST(${value} AS TIMESTAMPTZ) AS DATE)`
  if (exact === undefined) return value ?? 'NULL'
  const cast = `CAST(${exact} AS ${ENGINE_TYPES[column.type]})`
  return value === undefined ? cast : `coalesce(${value}, ${cast})`
}

/** Lines of the spool, and which parts to read. */
export interface SpooledLines {
  /** The files of each load. */
  readonly loads: readonly (readonly string[])[]
  readonly fields: readonly SpoolField[]
  readonly shape: LineShape
  /** Names of the text members beside the properties. */
  readonly topLevel: readonly string[]
  readonly longestLine: number
}

/** Whether a column takes `time`, which is a number and not ISO text. */
export function isTime(column: Column): boolean {
  return column.role === 'fixed' && column.name === 'time'
}

/**
 * A `read_json` with the exact struct of these fields, and with the number of the load if there are
 * several.
 */
export function readSpooled(lines: SpooledLines): string {
  const { loads, fields, shape, topLevel, longestLine } = lines
  const typeOf = ({ column, form }: SpoolField) => {
    if (form !== 'value') return 'VARCHAR'
    return shape.isTimed && isTime(column) ? 'DOUBLE' : FIELD_TYPES[column.type]
  }
  const struct = fields.map((field) => `${quoteName(field.key)} ${typeOf(field)}`).join(', ')
  const columns = [
    ...topLevel.map((name) => `${quoteName(name)}: 'VARCHAR'`),
    // Included even if unused: with a single column the engine holds 32 MB per file and is slower.
    `${quoteName(shape.properties)}: ${struct === '' ? "'JSON'" : quoteText(`STRUCT(${struct})`)}`,
  ]
  const read = readNdjson(loads.flat(), columns, longestLine)
  if (loads.length <= 1) return read
  const numbers = loads.flatMap((paths, at) => paths.map(() => at + 1))
  // The engine counts the files from 0, lists from 1.
  return `(SELECT *, list_extract([${numbers.join(', ')}], CAST(file_index AS BIGINT) + 1) AS ${LOAD_NUMBER} FROM ${read})`
}

/** A `read_json` of lines of up to `longestLine` bytes. Columns are `name: 'TYPE'`. */
export function readNdjson(paths: readonly string[], columns: readonly string[], longestLine: number): string {
  // Each thread's buffers are a multiple of this, so keep it as small as the lines allow.
  const objectBytes = Math.max(1 << 20, longestLine + 1024)
  return (
    `read_json(${fileList(paths)}, format = 'newline_delimited', compression = 'uncompressed', ` +
    `maximum_object_size = ${objectBytes}, auto_detect = false, columns = {${columns.join(', ')}})`
  )
}
