import type { Readable } from 'node:stream'
import { FileExtractor } from '../lib/extract/file-extractor.ts'
import type { Tell } from '../lib/progress.ts'
import { type RunSummary, runSlices } from '../lib/run/run-slices.ts'
import type { Settings } from '../lib/settings.ts'
import { loadsLeft } from '../lib/slices.ts'
import { openExportTable } from './export-table.ts'
import type { Warehouse } from './session.ts'

/** What loading files takes. */
export interface FileRun {
  readonly settings: Settings
  readonly warehouse: Warehouse
  readonly files: readonly string[]
  readonly standardInput: () => Readable
  readonly tell: Tell
}

/** Loads files of events into an open destination, each in one commit. */
export async function runFiles(run: FileRun, signal: AbortSignal): Promise<RunSummary> {
  const { settings, warehouse, files, standardInput, tell } = run
  const { destination, spool } = warehouse
  const { registry, loader } = await openExportTable(settings, warehouse, settings.timezone, tell)
  const { loadsPerDayMax, daysPerLoadMax, valuesPerRowMax } = destination.supports
  const ledger = await destination.ledger('export')
  const loadsMax = loadsLeft(ledger, loadsPerDayMax, Date.now())
  const limits = { loadsMax, daysPerLoadMax, valuesPerRowMax }
  const source = new FileExtractor({ stream: 'export', spool, registry, ledger, ...limits, standardInput, tell })
  const slices = files.map((file) => ({ file }))
  return runSlices(slices, source, loader, tell, signal)
}
