/** How the engine reads the lines of the spool, whatever they hold. */
import type { Column, ColumnType } from '../columns/column.ts'
import type { LineShape } from '../columns/table.ts'
import { quoteName, quoteText } from '../core/sql.ts'
import { fileList } from '../engine/engine.ts'
import type { SpoolField } from '../scan/line-writer.ts'

/** What the engine reads a field of each column type as. Moments come as ISO text and are cast. */
const FIELD_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  json: 'JSON',
  bigint: 'BIGINT',
  timestamptz: 'VARCHAR',
  date: 'VARCHAR',
}

/** A query on the engine and the columns that it gives, in its order. */
export interface Flattened {
  readonly query: string
  readonly columns: readonly Column[]
}

/** The fields of the spool that the values of a column come from, by their form. */
export type Forms = Map<Column, Partial<Record<SpoolField['form'], string>>>

/** Per column, the fields of the spool that its values come from. */
export function formsByColumn(fields: readonly SpoolField[], { properties }: LineShape): Forms {
  const forms: Forms = new Map()
  for (const { column, form, key } of fields) {
    const entry = forms.get(column) ?? {}
    entry[form] = `${quoteName(properties)}.${quoteName(key)}`
    forms.set(column, entry)
  }
  return forms
}

/** The value of a column, of its own type, from the forms that it stands in. */
export function valueExpression(
  column: Column,
  { value, exact, text }: Partial<Record<SpoolField['form'], string>>,
): string {
  if (text !== undefined) return text
  if (column.type === 'timestamptz') return `CAST(${value} AS TIMESTAMPTZ)`
  if (column.type === 'date') return `CAST(CAST(${value} AS TIMESTAMPTZ) AS DATE)`
  if (exact === undefined) return value ?? 'NULL'
  return value === undefined ? `CAST(${exact} AS JSON)` : `coalesce(${value}, CAST(${exact} AS JSON))`
}

/** Lines of the spool, and what of them is wanted. */
export interface SpooledLines {
  readonly paths: readonly string[]
  readonly fields: readonly SpoolField[]
  readonly shape: LineShape
  /** Names of the members beside the properties, which are texts. */
  readonly topLevel: readonly string[]
  readonly longestLine: number
  /** Columns whose own values come as numbers although their type is that of a moment. */
  readonly isNumber?: (column: Column) => boolean
}

/**
 * `read_json` with the exact struct of these fields: columns of the top level, and the struct of
 * the properties.
 */
export function readSpooled(lines: SpooledLines): string {
  const { paths, fields, shape, topLevel, longestLine, isNumber = () => false } = lines
  const typeOf = ({ column, form }: SpoolField) => {
    if (form !== 'value') return 'VARCHAR'
    return isNumber(column) ? 'DOUBLE' : FIELD_TYPES[column.type]
  }
  const struct = fields.map((field) => `${quoteName(field.key)} ${typeOf(field)}`).join(', ')
  const columns = [
    ...topLevel.map((name) => `${quoteName(name)}: 'VARCHAR'`),
    // Also where nobody asks for them: given a single column, the engine holds 32 MB for each file,
    // and takes longer.
    `${quoteName(shape.properties)}: ${struct === '' ? "'JSON'" : quoteText(`STRUCT(${struct})`)}`,
  ]
  return readNdjson(paths, columns, longestLine)
}

/**
 * The engine's reader for NDJSON files of lines up to `longestLine` bytes, as `name: 'TYPE'`
 * columns.
 */
export function readNdjson(paths: readonly string[], columns: readonly string[], longestLine: number): string {
  // The engine's buffers are a multiple of this, a thread, so it is no larger than the lines need.
  const objectBytes = Math.max(1 << 20, longestLine + 1024)
  return (
    `read_json(${fileList(paths)}, format = 'newline_delimited', compression = 'uncompressed', ` +
    `maximum_object_size = ${objectBytes}, auto_detect = false, columns = {${columns.join(', ')}})`
  )
}
