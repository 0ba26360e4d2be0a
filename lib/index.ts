/** What the package exports: the pieces that a program, a test or a destination of one's own is made with. */
export type { Column, ColumnRole, ColumnType } from './columns/column.ts'
export { ERROR_CODES, type ErrorCode, isFailure, MixloadError } from './core/errors.ts'
export { quoteName, quotePath, quoteText } from './core/sql.ts'
export type {
  CreateDestination,
  Destination,
  DestinationOptions,
  DestinationSupports,
  KnownColumn,
  LoadRecord,
  LoadTarget,
  NewColumn,
  NewLoad,
  Relation,
  View,
  WriteMode,
} from './destination/contract.ts'
export { loadOf, loadRow } from './destination/ledger-row.ts'
export { formatSelection, parseSelection, type Scope, type Selection } from './destination/selection.ts'
export { inTurns } from './destination/serialized.ts'
export { Engine, EngineConnection, type EngineOptions, interruptible } from './engine/engine.ts'
export type { IngestClient } from './ingest/client.ts'
export type { IngestOptions } from './ingest/client-options.ts'
export { clientNamed, createClient, stopClient } from './ingest/clients.ts'
export type { EndpointName } from './ingest/endpoints.ts'
export type { Time } from './ingest/event-time.ts'
export type { ImportEvent } from './ingest/import-record.ts'
export type { Operation } from './ingest/operations.ts'
export type { EngageOptions, EventPayload, Ip, ProfileUpdate, TrackOptions } from './ingest/payloads.ts'
export type { Properties } from './ingest/property-values.ts'
export type { IngestEvent, Rejection, Report } from './ingest/report.ts'
export type { ImportCredentials } from './ingest/sender.ts'
export {
  type AnnotationInput,
  type CohortInput,
  type Fault,
  type FunnelInput,
  type Plan,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from './simulator/index.ts'
