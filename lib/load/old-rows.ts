import { LOAD_COLUMNS } from '../columns/catalogue.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { TableInput } from '../extract/table-input.ts'
import { type OldRows, rowsOfItems } from '../transform/old-rows.ts'
import { spoolQuery } from './spool-query.ts'

/**
 * The rows that a table has of these items, or all of its rows if the id of one is not known.
 * Undefined if there are none, or if the destination cannot be queried for them.
 */
export async function oldRowsOf(
  destination: Warehouse,
  { table: { name, key }, directory }: TableInput,
  ids: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<OldRows | undefined> {
  const [item] = key
  const own = LOAD_COLUMNS.map((column) => column.name)
  const columns = (await destination.columns(name)).filter((column) => !own.includes(column.name))
  if (item === undefined || columns.length === 0 || !destination.capabilities.queries) return undefined
  const known = ids.filter((id) => id !== undefined && /^-?\d+$/.test(id)) as readonly string[]
  const wanted = known.length === ids.length ? known : undefined
  const sql = rowsOfItems(destination.pathInViews(name), { columns, item }, wanted, destination.capabilities)
  const chunks = await spoolQuery(destination, sql, directory, '.old.ndjson', signal)
  return chunks.length === 0 ? undefined : { chunks, columns, item }
}
