import { ColumnRegistry } from '../lib/columns/registry.ts'
import { Loader } from '../lib/load/event-loader.ts'
import { RejectLimit } from '../lib/load/reject-limit.ts'
import type { Tell } from '../lib/progress.ts'
import type { Settings } from '../lib/settings.ts'
import { exportColumnRules, exportColumns } from '../lib/streams/export.ts'
import type { Warehouse } from './session.ts'

/** The table of events during a run: the columns it has and gets, and what loads into it. */
export interface ExportTable {
  readonly registry: ColumnRegistry
  readonly loader: Loader
}

/** The table `export` of a destination that is open to write. `zone` is the project's. */
export async function openExportTable(
  settings: Settings,
  { destination, engine, spool }: Warehouse,
  zone: string | undefined,
  tell: Tell,
): Promise<ExportTable> {
  const there = await destination.columns('export')
  const fixed = exportColumns(settings.legacyTime).filter(({ name }) => !there.some((column) => column.name === name))
  const rules = exportColumnRules(settings)
  const columnsMax = Math.min(rules.columnsMax, destination.supports.columnsMax)
  const registry = new ColumnRegistry([...there, ...fixed], { ...rules, columnsMax })
  const localZone = settings.legacyTime ? zone : undefined
  const { write } = settings
  const rejectLimit = settings.maxRejects === undefined ? undefined : new RejectLimit(settings.maxRejects)
  const options = { destination, engine, spool, registry, table: 'export', write, localZone, rejectLimit, tell }
  const loader = new Loader(options, there)
  await loader.putViews()
  return { registry, loader }
}
