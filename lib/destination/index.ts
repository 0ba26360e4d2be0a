/** `mixload/destination`: what a package needs that adds a destination. */
export { COLUMN_TYPES, type Column, type ColumnRole, type ColumnType } from '../columns/column.ts'
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorHandling,
  isFailure,
  MixloadError,
} from '../core/errors.ts'
export { type NameQuote, quoteName, quotePath, quoteText } from '../core/sql.ts'
export {
  Engine,
  EngineConnection,
  type EngineOptions,
  type EngineParameter,
  type EngineValue,
  interruptible,
} from '../engine/engine.ts'
export type { DayRows } from '../time/day-tally.ts'
export type { Day } from '../time/days.ts'
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
  TakeRows,
  View,
  WriteMode,
} from './contract.ts'
export { loadOf, loadRow } from './ledger-row.ts'
export { formatSelection, parseSelection, type Scope, type Selection } from './selection.ts'
export { inTurns } from './serialized.ts'
