import { ColumnRegistry } from '../columns/registry.ts'
import { choicesText, columnRules } from '../columns/rules.ts'
import type { StreamTable } from '../columns/table.ts'
import type { LoadSource } from '../destination/source.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Engine } from '../engine/engine.ts'
import { TableInput } from '../extract/table-input.ts'
import type { OnProgress } from '../progress.ts'
import type { Settings } from '../settings.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import { RejectLimit } from './reject-limit.ts'
import { TableLoader } from './table-loader.ts'
import { assertNamesFree, EVENTS_TABLE, upgradeEvents } from './upgrade-events.ts'

/** A table during a run: what reads its lines, and what loads them. */
export interface OpenTable {
  readonly input: TableInput
  readonly loader: TableLoader
}

export interface OpenTableOptions {
  readonly settings: Settings
  /** The project's time zone. */
  readonly zone: string | undefined
  /** Open to write. */
  readonly destination: Warehouse
  readonly engine: Engine
  readonly spool: SpoolDirectory
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
  /** Stored with each load. */
  readonly source: LoadSource
}

/** Opens a table with the columns that the destination has for it, and recreates its views. */
export async function openTable(stream: string, table: StreamTable, options: OpenTableOptions): Promise<OpenTable> {
  const { settings, zone, destination, engine, spool, source, onProgress, signal } = options
  const { columnsMax, reservedColumns = [], valuesPerRowMax } = destination.capabilities
  const found = await destination.columns(table.name)
  assertNamesFree(destination, table.name, found, table.columns)
  const isUpgraded = table.name === EVENTS_TABLE && (await upgradeEvents(destination, onProgress, signal))
  const existing = isUpgraded ? await destination.columns(table.name) : found
  const fixed = table.columns.filter(({ name }) => !existing.some((column) => column.name === name))
  const rules = columnRules(settings, table.properties, table.isSelective)
  const limited = { ...rules, columnsMax: Math.min(rules.columnsMax, columnsMax) }
  const registry = new ColumnRegistry([...existing, ...fixed], limited, [...(table.reserved ?? []), ...reservedColumns])
  const localZone = settings.legacyTime ? zone : undefined
  const onWarning = (message: string) => onProgress({ kind: 'warning', message })
  const choices = choicesText(settings, localZone)
  const input = new TableInput({ table, registry, engine, spool, localZone, valuesPerRowMax, choices, onWarning })
  const rejectLimit = settings.maxRejects === undefined ? undefined : new RejectLimit(settings.maxRejects)
  const { write, maxRemoved, idMerge } = settings
  const given = { destination, input, stream, source, write, maxRemoved, rejectLimit, onProgress, idMerge }
  const loader = new TableLoader(given, existing)
  await loader.putViews()
  return { input, loader }
}
