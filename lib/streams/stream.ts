/** What a stream is made of. Types only: this file has no runtime code. */
import type { StreamTable } from '../columns/table.ts'
import type { MixloadError } from '../core/errors.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { Scope } from '../destination/selection.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { OnProgress } from '../progress.ts'
import type { Settings } from '../settings.ts'
import type { Slice } from '../slices.ts'
import type { Day } from '../time/days.ts'

/** Lines of one table, in the order they came. */
export interface LineBatch {
  readonly table: string
  /**
   * Lines of the table's shape, each with 0x0A at its end. A line may begin in one batch and end in
   * the next, except after the last batch of a read.
   */
  readonly lines: Buffer
}

/** How many rows Mixpanel itself says that there are. */
export interface ExpectedRows {
  readonly table: string
  readonly count: number
  /**
   * Counts the rows that have this value, as text, in a column of the table's key; all rows where
   * left out.
   */
  readonly where?: { readonly column: string; readonly value: string }
  /**
   * Whether fewer rows make the slice be read again, once. Otherwise the difference, either way, is
   * only reported.
   */
  readonly isReadAgain: boolean
  /** How messages call them, such as `cohort 17`. */
  readonly name: string
}

/** What a stream may use while it reads. */
export interface StreamContext {
  readonly settings: Settings
  /** The project's time zone. */
  readonly zone: string
  /**
   * What `read` makes of the whole body of a 200 response. Waits for the request budget, and
   * requests again after failures that may pass; also where `read` finds the body broken.
   * @throws MixloadError of what the response means.
   */
  ask<T>(request: ApiRequest, read: (body: Buffer) => T | Promise<T>, signal: AbortSignal): Promise<T>
  /**
   * The body of a 200 response as it comes in, requested once within the budget. Whatever fails,
   * the slice is read again: see {@link StreamedReading}.
   * @throws MixloadError of what the response means.
   */
  stream(request: ApiRequest, signal: AbortSignal): AsyncIterable<Buffer>
  /**
   * Has the rows that came compared with Mixpanel's own count before they are loaded; rows of equal
   * keys count once.
   */
  expect(rows: ExpectedRows): void
  readonly onProgress: OnProgress
}

/**
 * How a stream is read whose responses go to the spool as they come in, so that only their end
 * shows if they are whole.
 */
export interface StreamedReading {
  /**
   * How often a slice is requested again after a failure, by code. Then halves of its days are
   * requested.
   */
  readonly retries: RetryPolicy['retries']
  /**
   * What to request in the place of a single day that does not come whole: slices that make up the
   * day. `seen` are the identities of the records that did come.
   * @throws MixloadError of the code of `reason` where nothing smaller can be requested.
   */
  narrow(
    context: StreamContext,
    day: Slice,
    reason: MixloadError,
    seen: Iterable<string>,
    signal: AbortSignal,
  ): Promise<readonly Slice[]>
}

/** A request that shows whether a part of the API may be used. */
export interface Probe {
  /** What it checks. */
  readonly name: string
  readonly request: ApiRequest
}

/**
 * Something that Mixpanel has and mixload copies: events, profiles, cohorts, funnels. A new stream
 * is a file of `lib/streams/`: it says what its tables are, and its `read` sends requests by its
 * context and yields lines. Nothing else needs to know of it but the list of streams. `read` need
 * not care about retries, the budget, columns, rows of equal keys, or what a table has already.
 */
export interface Stream {
  /** As `--streams` and the ledger have it. */
  readonly name: string
  /** Its own table first, then those that depend on it, which are committed before it. */
  readonly tables: readonly [StreamTable, ...StreamTable[]]
  /**
   * A full table is one slice, and its rows are replaced in one commit; an incremental stream is
   * loaded by days.
   */
  readonly replication: 'full-table' | 'incremental'
  /** The family of the API whose request budget it takes. */
  readonly family: ApiRequest['family']
  /** What of it is requested; all of it where left out. */
  readonly scope?: Scope
  /** Why it cannot be loaded with these settings; undefined where it can. */
  readonly refusal?: (settings: Settings) => string | undefined
  /** The most days of a slice, where many days cost one request as one day does. */
  readonly sliceDaysMax?: (settings: Settings) => number
  /** Requests per slice, where that is known beforehand. */
  readonly requestsPerSlice?: number
  /**
   * The days up to the last whole one that sync reads again; the attribution window's where left
   * out.
   */
  readonly daysReadAgain?: (settings: Settings) => number
  /**
   * Whether a slice can be limited to what Mixpanel has processed since a moment, to find what came
   * late.
   */
  readonly hasLateArrivals?: true
  /**
   * Of a full table of profiles: the table that keeps their changes, where the settings want that.
   */
  readonly changesTable?: (settings: Settings) => string | undefined
  /** Undefined where each response is read whole before its rows are handed on. */
  readonly streamed?: StreamedReading
  /**
   * The request that shows whether the stream may be read, if there is one; that of the query API
   * where left out.
   */
  readonly probe?: (settings: Settings, day: Day) => Probe | undefined
  /**
   * Requests a slice, or all there is where it is undefined, and yields its lines.
   * @throws MixloadError SESSION_LOST or COUNT_MISMATCH where reading should start over: what it
   *   yielded is discarded.
   */
  read(context: StreamContext, slice: Slice | undefined, signal: AbortSignal): AsyncIterable<LineBatch>
}
