/** `mixload/destination`: what a package needs that adds a destination. */
export { COLUMN_TYPES, type Column, type ColumnRole, type ColumnType } from '../columns/column.ts'
export type { Misfits, MisfitsByColumn } from '../columns/misfits.ts'
export * from '../core/public-errors.ts'
export type { RetryPolicy } from '../core/retry.ts'
export { type NameQuote, quoteName, quotePath, quoteText } from '../core/sql.ts'
export {
  Engine,
  EngineConnection,
  type EngineOptions,
  type EngineParameter,
  type EngineValue,
  interruptible,
} from '../engine/engine.ts'
export type { DayDigests, DayRows } from '../time/day-tally.ts'
export type { Day } from '../time/days.ts'
export { ENGINE_CAPABILITIES } from './capabilities.ts'
export type {
  Comments,
  CreateDriver,
  DestinationCapabilities,
  DestinationConnection,
  DestinationDriver,
  DestinationOptions,
  DestinationReader,
  Explanation,
  KnownColumn,
  Load,
  LoadRecord,
  LoadRows,
  LoadTarget,
  NewColumn,
  NewLoad,
  Relation,
  Removal,
  RemovedRows,
  RowChange,
  SupersededRows,
  TableStorage,
  TakeRows,
  View,
  WriteMode,
} from './contract.ts'
export { type LedgerRow, loadOf, loadRow } from './ledger-row.ts'
export type { LoadRequest } from './load-builder.ts'
export { DESTINATION_RETRIES, type Retries } from './retries.ts'
export { formatSelection, parseSelection, type Scope, type Selection } from './selection.ts'
export type { LoadSource } from './source.ts'
export { Warehouse, type WarehouseOptions } from './warehouse.ts'
