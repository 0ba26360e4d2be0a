import type { ErrorCode, MixloadError } from '../core/errors.ts'
import type { AnySlice } from '../slices.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

/** A slice that has come whole and was checked, waiting on disk to be loaded. */
export interface SpooledSlice<S extends AnySlice = AnySlice> {
  readonly slice: S
  /** Its rows, by table, in the order of the stream's tables. */
  readonly tables: readonly [SpooledRows, ...SpooledRows[]]
}

/** What became of a slice. */
export type Extracted<S extends AnySlice> =
  | { readonly kind: 'spooled'; readonly spooled: SpooledSlice<S> }
  /** It does not come whole: these come in its place. */
  | { readonly kind: 'split'; readonly into: readonly S[]; readonly reason: MixloadError }
  /** Nothing to request: the slice lies after the project's today. */
  | { readonly kind: 'future' }
  /** Nothing to load: the ledger has its content. */
  | { readonly kind: 'already-loaded' }
  /** Nothing to load: it was only to be looked at. */
  | { readonly kind: 'looked-at' }

/** Where slices come from. */
export interface SliceSource<S extends AnySlice> {
  /** Failures that concern one slice alone, so that the others can go on. */
  readonly sliceFailures: readonly ErrorCode[]
  /**
   * Brings a slice whole to the spool.
   * @throws MixloadError when neither another attempt nor a smaller request helps.
   */
  extract(slice: S, signal: AbortSignal): Promise<Extracted<S>>
}

/** Failures of an answer to be whole: it may come whole where less is requested. */
export const ANSWER_FAILURES = ['BODY_TRUNCATED', 'BODY_UNREADABLE', 'CONNECTION_CUT', 'QUERY_TIMEOUT'] as const
