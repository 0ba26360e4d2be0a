/** Old rows of items that could not be read: a replacement of the table keeps them. */
import type { Column } from '../columns/column.ts'
import { quoteName } from '../core/sql.ts'
import type { DestinationCapabilities, Relation } from '../destination/contract.ts'
import { ENGINE_TYPES } from '../engine/dialect.ts'
import type { Chunk } from '../spool/spool.ts'
import { readNdjson } from './spool-reader.ts'

/** Rows of the destination's table, as NDJSON files. */
export interface OldRows {
  readonly chunks: readonly Chunk[]
  readonly columns: readonly Column[]
  /** The column with the id of the item. */
  readonly item: string
}

/** More than any row of a list has: descriptions are short texts. */
const ROW_BYTES_MAX = 1 << 24

/** A query in the destination's SQL for the rows of these items, which are digits, or of all. */
export function rowsOfItems(
  path: string,
  { columns, item }: Pick<OldRows, 'columns' | 'item'>,
  ids: readonly string[] | undefined,
  { nameQuote }: Pick<DestinationCapabilities, 'nameQuote'>,
): string {
  const list = columns.map(({ name }) => quoteName(name, nameQuote)).join(', ')
  const where = ids === undefined ? '' : ` WHERE ${quoteName(item, nameQuote)} IN (${ids.join(', ')})`
  return `SELECT ${list} FROM ${path}${where}`
}

/** A query on the engine for the old rows of items that have no new rows. */
export function oldRowsQuery({ chunks, columns, item }: OldRows, rows: Relation): string {
  const name = ({ name }: Column) => quoteName(name)
  // A moment is a text that is cast, as in spooled lines.
  const typed = columns.map(
    (column) => `${name(column)}: '${column.type === 'timestamptz' ? 'VARCHAR' : ENGINE_TYPES[column.type]}'`,
  )
  const list = columns.map((column) => `CAST(${name(column)} AS ${ENGINE_TYPES[column.type]}) AS ${name(column)}`)
  const paths = chunks.map(({ path }) => path)
  const id = quoteName(item)
  const isNew =
    rows.rowCount === 0 ? '' : ` WHERE ${id} NOT IN (SELECT ${id} FROM (${rows.query}) WHERE ${id} IS NOT NULL)`
  return `SELECT ${list.join(', ')} FROM ${readNdjson(paths, typed, ROW_BYTES_MAX)}${isNew}`
}
