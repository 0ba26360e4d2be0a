import type { Column } from './columns/column.ts'
import type { MixloadError } from './core/errors.ts'
import type { LoadRecord } from './destination/contract.ts'
import type { AnySlice, Slice } from './slices.ts'

/** What happens in a run that somebody may want to see. The pipeline tells; the shell prints, logs or ignores. */
export type RunEvent =
  /** Before the first slice of a stream: how many there are, and how many requests may still go this hour (Infinity: no limit). */
  | {
      readonly kind: 'run-planned'
      readonly stream: string
      readonly unit: 'slices' | 'files'
      readonly sliceCount: number
      readonly requestsLeft: number
    }
  | { readonly kind: 'slice-started'; readonly slice: AnySlice }
  /** While a slice is downloaded or read: bytes unzipped and events so far. */
  | { readonly kind: 'slice-progress'; readonly slice: AnySlice; readonly bytes: number; readonly events: number }
  | { readonly kind: 'slice-loading'; readonly slice: AnySlice; readonly events: number }
  | { readonly kind: 'slice-loaded'; readonly slice: AnySlice; readonly record: LoadRecord; readonly seconds: number }
  /** The body was not whole: halves of it are asked for instead. */
  | {
      readonly kind: 'slice-split'
      readonly slice: AnySlice
      readonly into: readonly AnySlice[]
      readonly reason: string
    }
  | { readonly kind: 'slice-by-event'; readonly slice: AnySlice; readonly reason: string }
  /** Its content is in the ledger: there is nothing to load. */
  | { readonly kind: 'slice-already-loaded'; readonly slice: AnySlice }
  | { readonly kind: 'slice-clamped'; readonly slice: AnySlice; readonly reason: string }
  /** Given up for this run; the next run will ask for it again. */
  | { readonly kind: 'slice-set-aside'; readonly slice: AnySlice; readonly error: MixloadError }
  /** Records of a stream are asked for: all of them, or those of some days. */
  | { readonly kind: 'records-started'; readonly stream: string; readonly days: Slice | undefined }
  | {
      readonly kind: 'records-progress'
      readonly stream: string
      readonly days: Slice | undefined
      readonly records: number
      readonly requests: number
    }
  /** What came so far is thrown away. */
  | {
      readonly kind: 'records-anew'
      readonly stream: string
      readonly days: Slice | undefined
      readonly reason: string
    }
  /** One of the things that a stream reads one by one, such as a funnel, is refused, while the others are read. */
  | { readonly kind: 'records-left-out'; readonly name: string; readonly error: MixloadError }
  | {
      readonly kind: 'records-loading'
      readonly table: string
      readonly days: Slice | undefined
      readonly rows: number
    }
  | {
      readonly kind: 'records-loaded'
      readonly table: string
      readonly days: Slice | undefined
      readonly record: LoadRecord
      readonly seconds: number
    }
  | { readonly kind: 'columns-added'; readonly table: string; readonly columns: readonly Column[] }
  | { readonly kind: 'retry'; readonly error: MixloadError; readonly delayMs: number }
  | { readonly kind: 'waiting-for-budget'; readonly ms: number }
  | { readonly kind: 'rejects'; readonly slice: AnySlice; readonly count: number }
  | { readonly kind: 'dates'; readonly slice: AnySlice; readonly undated: number; readonly outside: number }
  /** Events that have been sent and answered, of them those refused, and the seconds that it took. */
  | { readonly kind: 'import-progress'; readonly events: number; readonly rejected: number; readonly seconds: number }
  | { readonly kind: 'warning'; readonly message: string }

/** Takes what happens in a run. */
export type Tell = (event: RunEvent) => void
