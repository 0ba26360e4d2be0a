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
   * Lines of the table's shape, each with 0x0A at its end. A line may continue in the next batch.
   */
  readonly lines: Buffer
}

/** Mixpanel's own count of rows. */
export interface ExpectedRows {
  readonly table: string
  readonly count: number
  /** Counts only rows with this value, as text, in a key column. Default: all rows. */
  readonly where?: { readonly column: string; readonly value: string }
  /** Whether missing rows make the slice be read again, once. Else they are only reported. */
  readonly isReadAgain: boolean
  /** Their name in messages, such as `cohort 17`. */
  readonly name: string
}

/** An item of a list, such as a funnel, that cannot be read, and why. */
export interface LeftOutItem {
  /** As messages call it. */
  readonly name: string
  /** The digits of its id; undefined if they are not known. */
  readonly id?: string | undefined
  readonly error: MixloadError
}

/** What a stream may use while it reads. */
export interface StreamContext {
  readonly settings: Settings
  readonly zone: string
  /** Ends the reading of the slice. */
  readonly signal: AbortSignal
  /**
   * Returns the result of `read` on the body of a 200 response. Waits for the request budget, and
   * retries transient failures, also of `read`. @throws MixloadError by the response's meaning.
   */
  ask<T>(request: ApiRequest, read: (body: Buffer) => T | Promise<T>, signal?: AbortSignal): Promise<T>
  /**
   * Yields the body of a 200 response as it arrives, within the budget. After a failure the slice
   * is read again: see {@link StreamedReading}. @throws MixloadError by the response's meaning.
   */
  stream(request: ApiRequest): AsyncIterable<Buffer>
  /** Compares the number of distinct rows with Mixpanel's count before they are loaded. */
  expect(rows: ExpectedRows): void
  /** Reports an item that is left out. What the warehouse has of it stays. */
  leaveOut(item: LeftOutItem): void
  readonly onProgress: OnProgress
}

/** How to read a stream whose responses are spooled before their end is known. */
export interface StreamedReading {
  /** The request for a slice, the only one that reading it makes. */
  readonly request: (slice: Slice) => ApiRequest
  /** Retries of a slice by error code. After those the slice is split in halves. */
  readonly retries: RetryPolicy['retries']
  /**
   * Smaller slices for a day that stays incomplete. `seen`: the identities of records that came.
   * @throws MixloadError with the code of `reason` if nothing smaller can be requested.
   */
  narrow(context: StreamContext, day: Slice, reason: MixloadError, seen: Iterable<string>): Promise<readonly Slice[]>
}

/** A request that shows whether a part of the API is accessible. */
export interface Probe {
  readonly name: string
  readonly request: ApiRequest
}

/** How Mixpanel's number of rows is found before a stream is loaded for the first time. */
export interface RowCount {
  readonly request: (settings: Settings) => ApiRequest
  /** The number in a response; undefined if it says none. */
  readonly read: (body: Buffer) => number | undefined
  /** How many rows come with one request. */
  readonly perRequest: (settings: Settings) => number
}

/**
 * A kind of data that mixload copies, such as events or funnels. To add one, add a file here and an
 * entry in the index. It names its tables, and its `read` yields their lines. Retries, the budget,
 * columns, duplicates and existing rows are handled elsewhere.
 */
export interface Stream {
  /** Its name in `--streams` and in the ledger. */
  readonly name: string
  /** Its own table first, then those that depend on it, which are committed before it. */
  readonly tables: readonly [StreamTable, ...StreamTable[]]
  /** A full table is one slice, replaced in one commit. An incremental stream is loaded by days. */
  readonly replication: 'full-table' | 'incremental'
  readonly family: ApiRequest['family']
  /** Which part of it is requested. Default: all of it. */
  readonly scope?: Scope
  /** Why it cannot be loaded with these settings; undefined if it can. */
  readonly refusal?: (settings: Settings) => string | undefined
  /** The most days of a slice, if many days take one request. */
  readonly sliceDaysMax?: (settings: Settings) => number
  /** For streams whose number of requests depends on their number of rows. */
  readonly rowCount?: RowCount
  /** Requests per slice, if known in advance. */
  readonly requestsPerSlice?: number
  /** How many past days sync reads again. Default: the attribution window. */
  readonly daysReadAgain?: (settings: Settings) => number
  /** Whether a slice can be limited to events processed after a moment, to find late arrivals. */
  readonly hasLateArrivals?: true
  /** For profiles: the table that keeps their changes, if the settings enable it. */
  readonly changesTable?: (settings: Settings) => string | undefined
  /** Undefined if each response is read whole before its rows are yielded. */
  readonly streamed?: StreamedReading
  /** The request that shows whether the stream is accessible. Default: that of the query API. */
  readonly probe?: (settings: Settings, day: Day) => Probe | undefined
  /**
   * Requests a slice, or everything, and yields its lines. @throws MixloadError SESSION_LOST or
   * COUNT_MISMATCH to start over, DAY_IN_FUTURE to read fewer days: yielded lines are discarded.
   */
  read(context: StreamContext, slice: Slice | undefined): AsyncIterable<LineBatch>
}
