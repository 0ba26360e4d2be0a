import type { Warehouse } from '../destination/warehouse.ts'
import { ID_MERGES, type IdMerge } from '../mixpanel/id-merge.ts'
import { idMergeQuery } from './identities.ts'

/**
 * How the project merges ids: the setting, or what its events show. Undefined if there are no
 * events, or the destination has no queries.
 */
export async function seenIdMerge(
  destination: Pick<Warehouse, 'capabilities' | 'columns' | 'pathInViews' | 'query'>,
  idMerge: IdMerge,
  signal: AbortSignal,
): Promise<Exclude<IdMerge, 'auto'> | undefined> {
  if (idMerge !== 'auto') return idMerge
  const columns = await destination.columns('export')
  if (columns.length === 0 || !destination.capabilities.queries) return undefined
  const names: unknown[] = []
  const sql = idMergeQuery(destination.capabilities, destination.pathInViews('export_latest'), columns)
  await destination.query(sql, (rows) => void names.push(...[...rows].map((row) => JSON.parse(row).name)), signal)
  return ID_MERGES.find((name) => names.includes(name))
}
