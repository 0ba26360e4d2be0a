import { DEFAULT_RETRIES } from '../lib/core/retry.ts'
import { exportScope } from '../lib/destination/selection.ts'
import { Extractor } from '../lib/extract/event-extractor.ts'
import type { RequestBudget } from '../lib/mixpanel/budget.ts'
import type { MixpanelClient } from '../lib/mixpanel/client.ts'
import type { Tell } from '../lib/progress.ts'
import { LateDays, LateSource } from '../lib/run/late-arrivals.ts'
import { coverageOf } from '../lib/run/late-coverage.ts'
import { joined, type RunSummary, runSlices } from '../lib/run/run-slices.ts'
import type { Settings } from '../lib/settings.ts'
import { type Day, daysOf } from '../lib/time/days.ts'
import { type ExportTable, openExportTable } from './export-table.ts'
import { exportBudget, type Warehouse } from './session.ts'
import { type StreamPlan, slicesOf } from './stream-plan.ts'

/** What every stream is run with. */
export interface StreamRun {
  readonly settings: Settings
  readonly warehouse: Warehouse
  readonly client: MixpanelClient
  readonly zone: string
  /** Of all requests but exports: one for all streams, so that they share the requests at once. */
  readonly queries: RequestBudget
  readonly plan: StreamPlan
  readonly tell: Tell
}

/** What a run of events did. */
export interface ExportSummary extends RunSummary {
  readonly newColumns: number
}

/** Downloads and loads the events of a plan into an open destination: its days first, then what came late to others. */
export async function runExport(run: StreamRun, signal: AbortSignal): Promise<ExportSummary> {
  const { settings, warehouse, client, zone, plan, tell } = run
  const { destination, spool } = warehouse
  const table = await openExportTable(settings, warehouse, zone, tell)
  const extractor = new Extractor({
    client,
    budget: exportBudget(settings, tell),
    retry: DEFAULT_RETRIES,
    spool,
    registry: table.registry,
    events: settings.events,
    valuesPerRowMax: destination.supports.valuesPerRowMax,
    tell,
  })
  const ofDays = await runSlices(plan.slices, extractor, table.loader, tell, signal)
  const late =
    plan.lateSlices.length === 0 ? [] : await runLateArrivals(run, table, extractor, daysRead(ofDays), signal)
  return { ...joined([ofDays, ...late]), newColumns: table.loader.newColumns }
}

/** The days that were read whole, so that no request for late arrivals needs to bring their rows. */
function daysRead({ loads }: RunSummary): ReadonlySet<Day> {
  return new Set(loads.flatMap(({ firstDay, lastDay }) => (firstDay && lastDay ? daysOf(firstDay, lastDay) : [])))
}

/** Appends what came late to other days; where days are replaced, these are read again whole instead. */
async function runLateArrivals(
  { settings, warehouse, plan, tell }: StreamRun,
  table: ExportTable,
  extractor: Extractor,
  read: ReadonlySet<Day>,
  signal: AbortSignal,
): Promise<readonly RunSummary[]> {
  const coverage = coverageOf(plan.ledger, exportScope(settings.events), plan.clock)
  const { destination, spool } = warehouse
  const source = new LateSource({ source: extractor, loader: table.loader, destination, spool, coverage, read })
  if (settings.write === 'append') return [await runSlices(plan.lateSlices, source, table.loader, tell, signal)]

  const found = new LateDays(source)
  const looking = await runSlices(plan.lateSlices, found, table.loader, tell, signal)
  if (found.undated > 0) {
    const message = `${found.undated} late events are of no day that can be read again; they are not loaded.`
    tell({ kind: 'warning', message })
  }
  const ledger = await destination.ledger('export')
  const slices = slicesOf(settings, destination.supports, ledger, [...found.days].sort(), Date.now())
  const replacing = await runSlices(slices, extractor, table.loader, tell, signal)
  // Else the next run looks for the same again.
  if (replacing.setAside.length === 0) await found.note(table.loader, signal)
  return [looking, replacing]
}
