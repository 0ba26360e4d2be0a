import type { MixloadError } from '../core/errors.ts'
import type { AnySlice } from '../slices.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

/** A complete and checked slice in the spool, ready to be loaded. */
export interface SpooledSlice<S extends AnySlice = AnySlice> {
  readonly slice: S
  /** Its rows, by table, in the order of the stream's tables. */
  readonly tables: readonly [SpooledRows, ...SpooledRows[]]
}

/** The outcome of a slice. */
export type Extracted<S extends AnySlice> =
  | { readonly kind: 'spooled'; readonly spooled: SpooledSlice<S> }
  /** It stays incomplete: these replace it. */
  | { readonly kind: 'split'; readonly into: readonly S[]; readonly reason: MixloadError }
  /** It stays incomplete, and nothing smaller can be requested. Other slices can continue. */
  | { readonly kind: 'skipped'; readonly error: MixloadError }
  /** Nothing to request: the slice is in the future. */
  | { readonly kind: 'future' }
  /** Nothing to load: the ledger has this content. */
  | { readonly kind: 'already-loaded' }
  /** Nothing to load: it was only inspected. */
  | { readonly kind: 'inspected' }

/** Where slices come from. */
export interface SliceSource<S extends AnySlice> {
  /** Spools a whole slice. @throws MixloadError if a failure concerns all slices. */
  extract(slice: S, signal: AbortSignal): Promise<Extracted<S>>
  /** Says which slices are extracted next, in their order, so that it can prepare them. */
  ahead?(slices: readonly S[]): void
}

/** Failures of a response that may be complete if less is requested. */
export const ANSWER_FAILURES = ['BODY_TRUNCATED', 'BODY_UNREADABLE', 'CONNECTION_CUT', 'QUERY_TIMEOUT'] as const
