/** What a driver of a destination is, and what it works with. This file has only types. */
import type { Column } from '../columns/column.ts'
import type { NameQuote } from '../core/sql.ts'
import type { Engine } from '../engine/engine.ts'
import type { DayRows } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import type { Selection } from './selection.ts'
import type { LoadSource } from './source.ts'

/** What a destination can and can't do, as data, known before anything is loaded. */
export interface DestinationCapabilities {
  /** The folder of `sql/` whose texts it takes; where there is none, the common texts serve. */
  readonly dialect: string
  /** What names are quoted with in its SQL. */
  readonly nameQuote: NameQuote
  readonly identifierBytesMax: number
  /** The most columns that a table may have. */
  readonly columnsMax: number
  /** The most columns that are not null in one row; Infinity where there is no such limit. */
  readonly valuesPerRowMax: number
  /** The most loads that one table takes in 24 hours; Infinity where there is no such limit. */
  readonly loadsPerDayMax: number
  /** The most days that one load may hold; Infinity where there is no such limit. */
  readonly daysPerLoadMax: number
  /** Whether days or a whole table are replaced in one commit: no reader sees them half done. */
  readonly atomicReplace: boolean
  /**
   * Whether rows and ledger row become visible in one moment. Where not, the rows come first, and
   * what a killed run left between the two is settled when the destination is opened to write: no
   * load is ever there in part or twice.
   */
  readonly atomicLedger: boolean
  /** Whether a reader may go on reading while a load is under way. */
  readonly readersDuringLoad: boolean
  /** Whether it runs queries. */
  readonly queries: boolean
}

/** How a load meets the rows that are there. */
export type WriteMode =
  | { readonly kind: 'append' }
  /** Rows of these days, by `_day`, go in the same commit. */
  | { readonly kind: 'replace-days'; readonly firstDay: Day; readonly lastDay: Day }
  /** All rows go in the same commit. */
  | { readonly kind: 'replace-table' }

/** What the ledger says of one load. */
export interface LoadRecord {
  /** Made once for a slice, and kept over all tries to commit it. */
  readonly loadId: string
  readonly stream: string
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  /** Which part of the stream it holds. In a table it is a text: see `formatSelection`. */
  readonly selection: Selection
  readonly rowCount: number
  readonly rejectCount: number
  /** Bytes received, decompressed. */
  readonly byteCount: number
  readonly requestCount: number
  readonly startedAt: Date
  /** Set by the destination at the commit, later than that of every load before. */
  readonly loadedAt: Date
  readonly writeMode: WriteMode['kind']
  readonly mixloadVersion: string
  /** Its rows by their `_day`; null where they were not counted, or have none. */
  readonly dayRows: DayRows | null
  /** Where its rows come from; undefined for a load of a version that did not store it. */
  readonly source?: LoadSource | undefined
  /** The form of the ledger that it was written in: see `LEDGER_FORM`. Set at the commit. */
  readonly form?: number | undefined
}

/** A load that is not committed yet. */
export type NewLoad = Omit<LoadRecord, 'loadedAt' | 'form'>

/** A typed result on the transform engine. A destination takes it in its fastest form. */
export interface Relation {
  /** In the order of the query's columns. */
  readonly columns: readonly Column[]
  /** How many rows the query must give. A load with another number is refused. */
  readonly rowCount: number
  /** A query on the engine that the destination was made with. */
  readonly query: string
}

/** Where a load goes. */
export interface LoadTarget {
  readonly table: string
  readonly mode: WriteMode
  /** Rows for `_mixload_rejects`: `reason` and `line`, both text. */
  readonly rejects: Relation | undefined
}

/** A view as the destination is to have it. */
export interface View {
  readonly name: string
  readonly query: string
}

/** Takes rows of a query, each as the text of a JSON object. */
export type TakeRows = (rows: readonly string[]) => void | Promise<void>

/** What is in a ledger about a column, beside the column itself. */
export interface NewColumn extends Column {
  readonly firstLoadId: string
}

/** A column as the ledger has it. */
export interface KnownColumn extends NewColumn {
  readonly firstSeenAt: Date
}

/**
 * Rows that a driver writes, with the types of the table's columns. First come the columns of the
 * load: `_loaded_at` and `_load_id`, or `load_id` and `stream` of rejects.
 */
export interface LoadRows extends Relation {
  /**
   * Compares the number of rows that arrived with the number that is expected. Call it before the
   * commit.
   * @throws MixloadError COUNT_MISMATCH
   */
  verify(count: number): void
}

/** A load that is not in the ledger yet, with the columns of its table. */
export interface Load {
  /** The row to write to the ledger. */
  readonly record: LoadRecord
  readonly table: string
  /** The table's columns, in its order; none if there is no such table. */
  readonly columns: readonly KnownColumn[]
  /** Always `append` if there is no such table. */
  readonly mode: WriteMode
  /** Undefined if the load has no rows. Columns of the table that they lack become null. */
  readonly rows: LoadRows | undefined
  /** Rows for `_mixload_rejects`. Undefined if there are none. */
  readonly rejects: LoadRows | undefined
}

/** What a driver knows about an error of its own. */
export interface Explanation {
  /** DESTINATION_FAILED if left out. */
  readonly code?: 'DESTINATION_BUSY' | 'DESTINATION_FAILED' | 'DESTINATION_UNAVAILABLE'
  /** What happened; the error's own message if left out. */
  readonly reason?: string
  /** What to do about it, in whole sentences. */
  readonly advice?: string | undefined
  /** How long to wait before the next attempt. */
  readonly retryAfterMs?: number
}

/**
 * A kind of place that rows are loaded into, as its author writes it. The pipeline never uses a
 * driver itself: it uses the class `Warehouse`, which calls the driver. So a driver may assume that
 *
 * - its calls come one at a time, and none comes after `close`;
 * - no load comes twice, and its rows have only columns that the table has;
 * - texts hold neither NUL nor lone surrogates, and names are at most `identifierBytesMax` long.
 *
 * A driver throws its errors as they are: `Warehouse` turns them into a MixloadError that names the
 * place and what was being done. A MixloadError is passed on as it is.
 */
export interface DestinationDriver {
  readonly capabilities: DestinationCapabilities
  /** Where it is, without secrets, for messages. */
  readonly description: string
  /** How a query names a table or view: quoted, with its schema. */
  pathInViews(table: string): string
  /**
   * Connects to load: takes the run lock, creates the schema and the ledger tables that are
   * missing, and settles what a run that was killed has left. It is called again after a connection
   * was lost; what that one was about to commit must be decided by then. An aborted signal ends it,
   * with whatever error.
   * @throws MixloadError DESTINATION_BUSY naming its owner, if another run has the lock.
   */
  connect(signal: AbortSignal): Promise<DestinationConnection>
  /** Connects to read: creates nothing, and resolves to undefined if there is nothing to read. */
  connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined>
  /** What an error means, and what to do about it; undefined if it speaks for itself. */
  explain?(error: unknown): Explanation | undefined
  /** Lets go of what outlives connections. */
  close?(): Promise<void>
}

/** A connection to read. */
export interface DestinationReader {
  /** Whether it is of no more use, so that another one must be made. */
  readonly isLost: boolean
  /**
   * The loads that are committed, in any order: all of them, or at least those of a stream. It is
   * read before the first load and after a load that failed; a driver that commits in several steps
   * settles here what that load has left.
   */
  readLedger(stream?: string): Promise<readonly LoadRecord[]>
  /** The columns of a table that are both in the ledger and in the table, in the table's order. */
  readColumns(table: string): Promise<readonly KnownColumn[]>
  /** Runs a query: see `Warehouse.query`. Left out where `capabilities.queries` is false. */
  query?(sql: string, take: TakeRows, signal: AbortSignal): Promise<number>
  /** Ends the connection, and with it the run lock. */
  close(): Promise<void>
}

/** A connection to load, with the run lock. */
export interface DestinationConnection extends DestinationReader {
  /** Adds columns that `readColumns` lacks, and the table if it is missing, which may be empty. */
  createColumns(table: string, columns: readonly KnownColumn[]): Promise<void>
  /**
   * Writes rows, rejects and the ledger's row in one commit, or nothing of them. An aborted signal
   * ends it, with whatever error. Once the commit has begun, nothing ends it any more.
   * @throws MixloadError COMMIT_IN_DOUBT if only the ledger can tell whether it was committed.
   */
  write(load: Load, signal: AbortSignal): Promise<void>
  /** Creates or replaces views. Left out where the place keeps none. */
  replaceViews?(views: readonly View[]): Promise<void>
}

/** What every destination is made from. */
export interface DestinationOptions {
  /** Such as `duckdb:warehouse.duckdb`. It may hold a password: never show it. */
  readonly url: string
  readonly schema: string
  /** The transform engine, on which the queries of relations run. */
  readonly engine: Engine
  /** A directory for files on their way. It is removed when the run ends. */
  readonly workDirectory: string
  /** Takes what the user should know. */
  readonly warn: (message: string) => void
  readonly bigqueryEndpoint?: string | undefined
}

/**
 * Makes a driver, and connects to nothing yet. A package that is named by `npm-package:NAME`
 * exports one of these as `createDriver`.
 * @throws MixloadError CONFIG_INVALID if the URL is not one of its own.
 */
export type CreateDriver = (options: DestinationOptions) => DestinationDriver | Promise<DestinationDriver>
