import type { Column } from '../columns/column.ts'
import { latestName } from '../columns/naming.ts'
import { quoteName } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf } from '../streams/index.ts'
import { CHANGES_TABLE } from '../transform/profile-changes.ts'
import { identitiesView } from './identities.ts'

/** Columns of the table of changes that its view replaces with times. */
const CHANGE_STATE: readonly string[] = ['_change', '_changed_at', '_hash']

/** A property may have one of these names, but then its column is not a fixed one. */
const isChangeState = ({ name, role }: Column) => role === 'fixed' && CHANGE_STATE.includes(name)

/** By table, the columns that rows share to be replaced together. Others are replaced whole. */
const REPLACED_TOGETHER: Readonly<Record<string, readonly string[]>> = {
  funnels: ['funnel_id', 'date'],
  // Steps that a funnel no longer has must disappear.
  funnel_steps: ['funnel_id', 'date'],
  revenue: ['date'],
}

/** The views over a table with these columns. `path` is the table's quoted path. */
export function viewsOf(
  capabilities: DestinationCapabilities,
  table: string,
  path: string,
  columns: readonly Column[],
): readonly View[] {
  const quote = (name: string) => quoteName(name, capabilities.nameQuote)
  const list = columns.map(({ name }) => quote(name)).join(',\n    ')
  const view = (name: string, text: string, unit: readonly string[] = []): View => ({
    name,
    query: sqlText(capabilities.dialect, text, { table: path, columns: list, unit: unit.map(quote).join(', ') }),
  })
  if (table === 'export') {
    return [
      view('export_latest', 'export_latest'),
      view('export_latest_by_time', 'export_latest_by_time'),
      identitiesView(capabilities, path, columns),
    ]
  }
  if (table === CHANGES_TABLE) {
    const shown = columns.filter((column) => !isChangeState(column)).map(({ name }) => quote(name))
    const query = sqlText(capabilities.dialect, 'engage_history', { table: path, columns: shown.join(',\n    ') })
    return [{ name: 'engage_history', query }]
  }
  const unit = Object.hasOwn(REPLACED_TOGETHER, table) ? REPLACED_TOGETHER[table] : undefined
  const name = latestName(table)
  return [unit === undefined ? view(name, 'latest_rows') : view(name, 'latest_load', unit)]
}

/** The views over a table with its present columns; none if the table does not exist. */
export async function viewsOver(
  destination: Pick<Warehouse, 'capabilities' | 'columns' | 'pathInViews'>,
  table: string,
): Promise<readonly View[]> {
  const columns = await destination.columns(table)
  return columns.length === 0 ? [] : viewsOf(destination.capabilities, table, destination.pathInViews(table), columns)
}

/** The views over every table of a destination, even if the settings leave its stream out. */
export async function allViews(destination: Warehouse, settings: Settings): Promise<readonly View[]> {
  const views: View[] = []
  for (const { tables, changesTable } of STREAMS.flatMap((name) => streamsOf(name, settings))) {
    const changes = changesTable?.({ ...settings, engageHistory: true }) ?? []
    const names = tables.map(({ name }) => name).concat(changes)
    for (const name of names) views.push(...(await viewsOver(destination, name)))
  }
  return views
}
