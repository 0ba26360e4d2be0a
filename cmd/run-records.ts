import { type RecordRunSummary, runRecordStream } from '../lib/run/run-records.ts'
import type { RecordStream } from '../lib/streams/stream.ts'
import type { StreamRun } from './run-export.ts'

/** Loads the records of a stream into an open destination. */
export function runRecords(run: StreamRun, stream: RecordStream, signal: AbortSignal): Promise<RecordRunSummary> {
  const { settings, zone, client, queries: budget, warehouse, plan, tell } = run
  const { destination, engine, spool } = warehouse
  const { slices } = plan
  return runRecordStream(stream, { settings, zone, client, budget, destination, engine, spool, slices, tell }, signal)
}
