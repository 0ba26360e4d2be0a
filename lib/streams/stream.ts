/** What a stream of records, that is of anything but events, is made of. Types only: this file has no runtime code. */
import type { CatalogueEntry, FixedColumn } from '../columns/catalogue.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Tell } from '../progress.ts'
import type { Settings } from '../settings.ts'
import type { Slice } from '../slices.ts'

/** A table that a stream fills. Members of its records that have no fixed column get columns as they come. */
export interface StreamTable {
  readonly name: string
  /**
   * The columns it always has, in this order, `_loaded_at` and `_load_id` last. One with a `property` takes that member of
   * the record.
   */
  readonly columns: readonly FixedColumn[]
  /** The text column that takes a record's `event` (see {@link RecordBatch}); undefined where records have none. */
  readonly identity?: string
  /** The columns that tell its rows apart. Of rows of one load that agree in all of them, the last one stays. */
  readonly key: readonly string[]
  /** Names that no property's column takes, because views over the table need them. */
  readonly reserved?: readonly string[]
  /** Members that are known before one has been seen, by name. */
  readonly properties: Readonly<Record<string, CatalogueEntry>>
}

/** Records of one table, in the order they came. */
export interface RecordBatch {
  readonly table: string
  /** Whole lines, each `{"event":"…","properties":{…}}` and 0x0A; `event` is the record's identity, or empty. */
  readonly lines: Buffer
}

/** How many rows Mixpanel itself says that there are. */
export interface ExpectedRows {
  readonly table: string
  readonly count: number
  /** Counts the rows that have this value, as text, in a column of the table's key; all rows where left out. */
  readonly where?: { readonly column: string; readonly value: string }
  /** Fewer rows make the slice be read anew, once. Else the difference, either way, is told only. */
  readonly isReadAnew: boolean
  /** How a message calls them, such as `cohort 17`. */
  readonly name: string
}

/** What a stream may use while it reads. */
export interface StreamContext {
  readonly settings: Settings
  /** The project's time zone. */
  readonly zone: string
  /**
   * What `read` makes of the whole body of a 200 answer. It waits for the family's request budget, and asks again after
   * what may pass; also for a body that `read` finds to be broken.
   * @throws MixloadError of what the answer means.
   */
  ask<T>(request: ApiRequest, read: (body: Buffer) => T | Promise<T>, signal: AbortSignal): Promise<T>
  /** Has what came compared with Mixpanel's own count, rows of equal keys counted once, before it is loaded. */
  expect(rows: ExpectedRows): void
  readonly tell: Tell
}

/** Profiles, cohorts, annotations, funnels, revenue: whatever comes as JSON objects over few requests. */
export interface RecordStream {
  /** As `--streams` and the ledger have it. */
  readonly name: string
  /** Its own table first, then those that hang on it, which are committed before it. */
  readonly tables: readonly [StreamTable, ...StreamTable[]]
  /** A full table is one slice, and its rows are replaced in one commit; else days are loaded as those of events are. */
  readonly replication: 'full-table' | 'incremental'
  /** Of an incremental stream: the most days that a slice may span, where many days cost one request as one does. */
  readonly sliceDaysMax?: (settings: Settings) => number
  /** Of an incremental stream: the days up to the last whole one that sync reads again; else the attribution window's. */
  readonly daysReadAgain?: (settings: Settings) => number
  /** Of a full table of profiles: the table that keeps their changes, where the settings want that. */
  readonly changesTable?: (settings: Settings) => string | undefined
  /**
   * Asks Mixpanel for a slice, or for all there is where it is undefined, and gives its records.
   * @throws MixloadError SESSION_LOST or COUNT_MISMATCH where reading should begin anew: what it gave so far is thrown away.
   */
  read(context: StreamContext, slice: Slice | undefined, signal: AbortSignal): AsyncIterable<RecordBatch>
}
