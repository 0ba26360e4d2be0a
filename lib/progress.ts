import type { Column } from './columns/column.ts'
import type { MixloadError } from './core/errors.ts'
import type { LoadRecord } from './destination/contract.ts'
import type { AnySlice } from './slices.ts'
import type { Day } from './time/days.ts'

/** What happens in a run, for whoever shows, logs or counts it. */
export type ProgressEvent =
  /** Before the first slice of a stream. `requestsLeft`: this hour; Infinity without a limit. */
  | {
      readonly kind: 'run-planned'
      readonly stream: string
      readonly unit: 'slices' | 'files'
      readonly sliceCount: number
      readonly requestsLeft: number
    }
  /** After the last slice of a stream, or its failure. */
  | { readonly kind: 'stream-ended'; readonly stream: string }
  | SliceEvent
  /** One item of a stream, such as a funnel, is refused; the others are read. */
  | { readonly kind: 'item-skipped'; readonly stream: string; readonly name: string; readonly error: MixloadError }
  | { readonly kind: 'columns-added'; readonly table: string; readonly columns: readonly Column[] }
  | { readonly kind: 'retry'; readonly error: MixloadError; readonly delayMs: number }
  | { readonly kind: 'waiting-for-budget'; readonly ms: number }
  /** Before rows of a table that only cost space are removed: how many, and on how many days. */
  | { readonly kind: 'tidy-started'; readonly table: string; readonly rows: number; readonly days: number }
  /** Those of a day were removed. */
  | { readonly kind: 'day-tidied'; readonly table: string; readonly day: Day | null; readonly rows: number }
  /** Events that have been sent and answered, those that were refused, and seconds taken. */
  | { readonly kind: 'import-progress'; readonly events: number; readonly rejected: number; readonly seconds: number }
  | { readonly kind: 'warning'; readonly message: string }

/** What happens to a slice of a stream. */
export type SliceEvent = {
  readonly stream: string
  readonly slice: AnySlice
} & (
  | { readonly kind: 'slice-started' }
  /** Its request is sent while earlier slices are still read. */
  | { readonly kind: 'slice-requested' }
  /** While a slice is downloaded or read: rows, decompressed bytes and requests so far. */
  | { readonly kind: 'slice-progress'; readonly rows: number; readonly bytes: number; readonly requests: number }
  /** The rows so far are discarded, and the slice is read from its first request again. */
  | { readonly kind: 'slice-restarted'; readonly reason: string }
  /** The slice stays incomplete: halves of it are requested instead. */
  | { readonly kind: 'slice-split'; readonly into: readonly AnySlice[]; readonly reason: string }
  /** A day stays incomplete: it is requested by the names of its events. */
  | { readonly kind: 'slice-by-event'; readonly reason: string }
  /** The last day is not over where the project is: the days before it are requested. */
  | { readonly kind: 'slice-shortened'; readonly reason: string }
  /** The rows of one of the stream's tables are about to be committed. */
  | { readonly kind: 'slice-loading'; readonly table: string; readonly rows: number }
  | {
      readonly kind: 'slice-loaded'
      readonly table: string
      readonly record: LoadRecord
      readonly seconds: number
      /** Rows without a usable time, and rows dated outside the slice's days; both are kept. */
      readonly undated: number
      readonly outside: number
      /** Values left out because their property is not wanted. */
      readonly ignoredValues: number
    }
  /** The ledger has its content: there is nothing to load. */
  | { readonly kind: 'slice-already-loaded' }
  /** It is not loaded in this run; the next run requests it again. */
  | { readonly kind: 'slice-skipped'; readonly error: MixloadError }
)

/** Receives what happens in a run. */
export type OnProgress = (event: ProgressEvent) => void

/** Reports each retry as progress. */
export function retryReporter(onProgress: OnProgress): (error: MixloadError, delayMs: number) => void {
  return (error, delayMs) => onProgress({ kind: 'retry', error, delayMs })
}
