import { type Column, type ColumnType, columnOfProperty } from '../columns/column.ts'
import { latestName } from '../columns/naming.ts'
import { quoteName } from '../core/sql.ts'
import { sqlText } from '../core/sql-files.ts'
import type { DestinationCapabilities, View } from '../destination/contract.ts'
import { SUPERSEDED } from '../destination/ledger.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { IdMerge } from '../mixpanel/id-merge.ts'
import { type Settings, STREAMS } from '../settings.ts'
import { streamsOf, tableNames } from '../streams/index.ts'
import { CHANGES_TABLE } from '../transform/profile-changes.ts'
import { identitiesView } from './identities.ts'
import { strayValueViews, type TableColumns } from './stray-values.ts'

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

/** The columns that rows share to be replaced together; undefined in tables that are replaced. */
export function replacedTogether(table: string): readonly string[] | undefined {
  return Object.hasOwn(REPLACED_TOGETHER, table) ? REPLACED_TOGETHER[table] : undefined
}

/** The views over a table with these columns. `pathOf`: the quoted path of a table or view. */
export function viewsOf(
  capabilities: DestinationCapabilities,
  table: string,
  pathOf: (table: string) => string,
  columns: readonly Column[],
  idMerge: IdMerge = 'auto',
): readonly View[] {
  const path = pathOf(table)
  const quote = (name: string) => quoteName(name, capabilities.nameQuote)
  const list = columns.map(({ name }) => quote(name)).join(',\n    ')
  const view = (name: string, text: string, unit: readonly string[] = []): View => ({
    name,
    query: sqlText(capabilities.dialect, text, { table: path, columns: list, unit: unit.map(quote).join(', ') }),
  })
  if (table === 'export') return eventViews(capabilities, pathOf, columns, idMerge)
  if (table === CHANGES_TABLE) {
    const shown = columns.filter((column) => !isChangeState(column)).map(({ name }) => quote(name))
    const query = sqlText(capabilities.dialect, 'engage_history', { table: path, columns: shown.join(',\n    ') })
    return [{ name: 'engage_history', query }]
  }
  const unit = replacedTogether(table)
  const name = latestName(table)
  return [unit === undefined ? view(name, 'latest_rows') : view(name, 'latest_load', unit)]
}

/** The views over events. */
function eventViews(
  capabilities: DestinationCapabilities,
  pathOf: (table: string) => string,
  columns: readonly Column[],
  idMerge: IdMerge,
): readonly View[] {
  const { dialect, nameQuote } = capabilities
  const list = columns.map(({ name }) => quoteName(name, nameQuote)).join(',\n    ')
  const paths = { table: pathOf('export'), superseded: pathOf(SUPERSEDED.name), latest: pathOf('export_latest') }
  const texts = { ...paths, columns: list }
  const deleted = withoutDeleted(capabilities, paths.table, columns)
  return [
    { name: 'export_latest', query: sqlText(dialect, 'export_latest', { ...texts, deleted }) },
    { name: 'export_latest_by_time', query: sqlText(dialect, 'export_latest_by_time', texts) },
    identitiesView(capabilities, paths.latest, columns, idMerge),
  ]
}

/** The events that say which other events were deleted. */
export const DELETION_EVENT = '$delete'

/** The columns of these events that say it, in the order of {@link DELETION_PROPERTIES}. */
export function deletionColumns(columns: readonly Column[]): readonly Column[] {
  return DELETION_PROPERTIES.flatMap(([property, ...types]) => columnOfProperty(columns, property, ...types) ?? [])
}

const DELETION_PROPERTIES: readonly (readonly [property: string, ...types: ColumnType[]])[] = [
  ['$delete_event_name', 'text'],
  ['$delete_insert_id', 'text'],
  // Earlier versions have made a double of it.
  ['$delete_inserted_before', 'bigint', 'double'],
]

/** Leaves out events that were deleted in Mixpanel, if the table has columns that tell so. */
function withoutDeleted({ dialect, nameQuote }: DestinationCapabilities, table: string, columns: readonly Column[]) {
  const quoted = (column: Column | undefined) => column && quoteName(column.name, nameQuote)
  const isDeleted = quoted(columnOfProperty(columns, '$is_deleted', 'boolean'))
  const ofEvents = deletionColumns(columns)
  const [event, insertId, before] = DELETION_PROPERTIES.map(([name]) =>
    quoted(ofEvents.find(({ property }) => property === name)),
  )
  const conditions: string[] = []
  if (isDeleted !== undefined) conditions.push(sqlText(dialect, 'without_deleted', { is_deleted: isDeleted }))
  if (event !== undefined && insertId !== undefined) {
    const values = { table, event, insert_id: insertId, before: before === undefined ? 'NULL' : `deletions.${before}` }
    conditions.push(sqlText(dialect, 'without_deletions', values))
  }
  return conditions.map((text) => `\n${text.trim()}`).join('')
}

/**
 * The views over a table with its present columns; none if the table does not exist. `idMerge`: how
 * the project merges ids.
 */
export async function viewsOver(
  destination: Pick<Warehouse, 'capabilities' | 'columns' | 'pathInViews'>,
  table: string,
  idMerge: IdMerge = 'auto',
): Promise<readonly View[]> {
  const columns = await destination.columns(table)
  return columns.length === 0
    ? []
    : viewsOf(destination.capabilities, table, (name) => destination.pathInViews(name), columns, idMerge)
}

/**
 * The views over every table of a destination, even if the settings leave its stream out; none
 * before a load.
 */
export async function allViews(destination: Warehouse, settings: Settings): Promise<readonly View[]> {
  const views: View[] = []
  for (const name of allTableNames(settings)) views.push(...(await viewsOver(destination, name, settings.idMerge)))
  return views.length === 0 ? [] : [...views, ...(await viewsOfStrayValues(destination, settings))]
}

/** The views of values that are not in a column of their own, in all tables. */
export async function viewsOfStrayValues(destination: Warehouse, settings: Settings): Promise<readonly View[]> {
  const tables: TableColumns[] = []
  for (const name of allTableNames(settings)) {
    tables.push({ name, path: destination.pathInViews(name), columns: await destination.columns(name) })
  }
  return strayValueViews(destination.capabilities, tables)
}

/** The tables of all streams, whether or not they exist. */
function allTableNames(settings: Settings): readonly string[] {
  return tableNames(
    STREAMS.flatMap((name) => streamsOf(name, settings)),
    settings,
  )
}
