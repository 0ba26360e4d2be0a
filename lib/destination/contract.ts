/** The contract between mixload and a driver. This file has only types. */
import type { Column } from '../columns/column.ts'
import type { MisfitsByColumn } from '../columns/misfits.ts'
import type { NameQuote } from '../core/sql.ts'
import type { Engine } from '../engine/engine.ts'
import type { DayDigests, DayRows } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import type { Selection } from './selection.ts'
import type { LoadSource } from './source.ts'

/** What a destination can do. Known before anything is loaded. */
export interface DestinationCapabilities {
  /** The folder of `sql/` with its texts. The common texts are used for those that it lacks. */
  readonly dialect: string
  /** The quote of names in its SQL. */
  readonly nameQuote: NameQuote
  readonly identifierBytesMax: number
  /** Names, in lower case, that no property's column takes, such as those of system columns. */
  readonly reservedColumns?: readonly string[]
  /** The most columns that a table may have. */
  readonly columnsMax: number
  /** The most bytes of a comment on a table or column; no limit if left out. */
  readonly commentBytesMax?: number
  /** The most columns that are not null in one row; Infinity if there is no limit. */
  readonly valuesPerRowMax: number
  /** The most loads that one table takes in 24 hours; Infinity if there is no limit. */
  readonly loadsPerDayMax: number
  /** The most days that one load may have; Infinity if there is no limit. */
  readonly daysPerLoadMax: number
  /** Whether days or a whole table are replaced in one step, so that readers see no part of it. */
  readonly atomicReplace: boolean
  /**
   * Whether rows and ledger row become visible at the same moment. If not, the rows come first. If
   * a run is killed between the two, the next opening to write settles the load, so that it is
   * never there in part or twice.
   */
  readonly atomicLedger: boolean
  /** Whether several loads can be one commit: see `writeAll`. False if left out. */
  readonly atomicGroups?: boolean
  /** Whether others can read during a load. */
  readonly readersDuringLoad: boolean
  /** Whether it runs queries. */
  readonly queries: boolean
  /** Whether `write` heeds `Load.removal`. False if left out. */
  readonly removesRows?: boolean
}

/** What a load does with the existing rows. */
export type WriteMode =
  | { readonly kind: 'append' }
  /** Rows of these days, by `_day`, are removed in the same commit. */
  | { readonly kind: 'replace-days'; readonly firstDay: Day; readonly lastDay: Day }
  /** All rows are removed in the same commit. */
  | { readonly kind: 'replace-table' }

/** The ledger row of one load. */
export interface LoadRecord {
  /** Created once per slice, and the same for all attempts to commit it. */
  readonly loadId: string
  readonly stream: string
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  /** The part of the stream that was requested. Stored as text: see `formatSelection`. */
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
  /**
   * The number of rows that came, by `_day`; null if they were not counted, or have no days. Rows
   * that were loaded before are among them, but not in `rowCount`.
   */
  readonly dayRows: DayRows | null
  /** The digests of all lines of its days; undefined if unknown. */
  readonly dayDigests?: DayDigests | undefined
  /** Values received that do not fit their column; none in a load of a version without them. */
  readonly misfits?: MisfitsByColumn | undefined
  /** Where its rows come from; undefined for a load of a version that did not store it. */
  readonly source?: LoadSource | undefined
  /** The form of the ledger when it was written: see `LEDGER_FORM`. Set at the commit. */
  readonly form?: number | undefined
}

/** A load that is not committed yet. */
export type NewLoad = Omit<LoadRecord, 'loadedAt' | 'form'>

/** The typed result of a query on the engine. Each destination reads it in its fastest way. */
export interface Relation {
  /** In the order of the query's columns. */
  readonly columns: readonly Column[]
  /** How many rows the query must return. A load with another number is refused. */
  readonly rowCount: number
  /** A query on the engine of the destination. */
  readonly query: string
}

/** The table that a load goes to, and how. */
export interface LoadTarget {
  readonly table: string
  readonly mode: WriteMode
  /** Rows for `_mixload_rejects`: `reason` and `line`, both text. */
  readonly rejects: Relation | undefined
  /** Rows to remove, in a load that has none of its own. */
  readonly removal?: Removal | undefined
}

/** Rows of one day that only cost space. */
export interface Removal {
  /** Their `_day`: null for rows without a day, and in a table without days. */
  readonly day: Day | null
  /**
   * A condition in the destination's SQL, which calls the row `__rows`. It is true only for rows of
   * the day.
   */
  readonly where: string
  /**
   * How many rows that are. A driver refuses a load that removes another number, if it can know the
   * number before the commit, as BigQuery cannot.
   */
  readonly rowCount: number
}

/** What is known about the storage of a table. */
export interface TableStorage {
  /** The bytes that the table takes; undefined if that is not known. */
  readonly bytes: number | undefined
  /** The days with several small files, which a removal merges, even if it removes no rows. */
  readonly scatteredDays: readonly (Day | null)[]
  /** The bytes that removing the rows scans, if the destination bills them. */
  readonly scannedBytes?: number | undefined
}

/** A view to create. */
export interface View {
  readonly name: string
  readonly query: string
}

/** The comments on a table or view and on its columns, which readers of the warehouse see. */
export interface Comments {
  readonly name: string
  readonly kind: 'table' | 'view'
  /** Null for none; in a change, for one that stays. */
  readonly text: string | null
  /** By the names of the columns: all of them, or in a change those that get another comment. */
  readonly columns: ReadonlyMap<string, string | null>
}

/** Takes rows of a query, each as the text of a JSON object. */
export type TakeRows = (rows: readonly string[]) => void | Promise<void>

/** A column and the load that first needs it. */
export interface NewColumn extends Column {
  readonly firstLoadId: string
}

/** A column in the ledger. */
export interface KnownColumn extends NewColumn {
  readonly firstSeenAt: Date
}

/**
 * Rows that a driver writes, with the types of the table's columns. First come the columns of the
 * load: `_loaded_at` and `_load_id`, or `load_id` and `stream` of rejects.
 */
export interface LoadRows extends Relation {
  /**
   * Compares the number of rows that arrived with the expected number. Call it before the commit.
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
  /** Undefined if the load changes no events. A driver without views need not look at it. */
  readonly superseded: SupersededRows | undefined
  /** Undefined unless the driver has `capabilities.removesRows`. */
  readonly removal: RemovedRows | undefined
}

/** Rows that a load removes in its commit. It may also merge files with rows of the same day. */
export interface RemovedRows extends Removal {
  /**
   * Compares the number of removed rows with the expected number. Call it before the commit.
   * @throws MixloadError COUNT_MISMATCH
   */
  verify(count: number): void
}

/**
 * What a load does to `_mixload_superseded`, in the same commit, or at least before its ledger row
 * is there.
 */
export interface SupersededRows {
  /** Which rows, by `day`, are removed first: of more days than those that the load replaces. */
  readonly mode: WriteMode
  /** A query in the destination's SQL for the rows to append, once the rows of the load are in. */
  readonly query: string
}

/** New values for columns of existing rows. */
export interface RowChange {
  readonly table: string
  /** By the name of a column, an expression in the destination's SQL. */
  readonly values: Readonly<Record<string, string>>
  /** A condition in the destination's SQL. */
  readonly where: string
}

/** What a driver knows about one of its errors. */
export interface Explanation {
  /** DESTINATION_FAILED if left out. */
  readonly code?: 'DESTINATION_BUSY' | 'DESTINATION_FAILED' | 'DESTINATION_UNAVAILABLE'
  /** What happened; the error's own message if left out. */
  readonly reason?: string
  /** What to do about it, in complete sentences. */
  readonly advice?: string | undefined
  /** How long to wait before the next attempt. */
  readonly retryAfterMs?: number
}

/**
 * A kind of warehouse. The pipeline uses a driver only through the class `Warehouse`, so a driver
 * may assume that
 *
 * - its calls are made one at a time, and none after `close`;
 * - no load is written twice, and its rows have only columns that the table has;
 * - texts have neither NUL nor lone surrogates, and names are at most `identifierBytesMax` long.
 *
 * A driver throws its errors as they are. `Warehouse` turns each into a MixloadError that names the
 * warehouse and the step, and passes on a MixloadError unchanged.
 */
export interface DestinationDriver {
  readonly capabilities: DestinationCapabilities
  /** Where it is, without secrets, for messages. */
  readonly description: string
  /** How a query names a table or view: quoted, with its schema. */
  pathInViews(table: string): string
  /**
   * Connects to load: takes the run lock, creates the missing schema and ledger tables, and settles
   * what a killed run has left. It is called again after a connection was lost. When it resolves,
   * the commits of the lost connection must be decided. An aborted signal ends it with any error.
   * @throws MixloadError DESTINATION_BUSY naming its owner, if another run has the lock.
   */
  connect(signal: AbortSignal): Promise<DestinationConnection>
  /** Connects to read: creates nothing, and resolves to undefined if there is nothing to read. */
  connectToRead(signal: AbortSignal): Promise<DestinationReader | undefined>
  /** What an error means, and what to do about it; undefined if its message is enough. */
  explain?(error: unknown): Explanation | undefined
  /** Releases what is shared by connections. */
  close?(): Promise<void>
}

/** A connection to read. */
export interface DestinationReader {
  /** Whether the connection is lost, so that a new one must be made. */
  readonly isLost: boolean
  /**
   * The committed loads, in any order: all of them, or at least those of a stream. Called before
   * the first load and after each load that failed. A driver that commits in several steps settles
   * here what that load has left.
   */
  readLedger(stream?: string): Promise<readonly LoadRecord[]>
  /** The columns of a table that are both in the ledger and in the table, in the table's order. */
  readColumns(table: string): Promise<readonly KnownColumn[]>
  /**
   * The comments on those of these tables and views that exist and whose comments may be changed.
   * Left out if the warehouse has no comments.
   */
  readComments?(names: readonly string[]): Promise<readonly Comments[]>
  /** Runs a query: see `Warehouse.query`. Left out if `capabilities.queries` is false. */
  query?(sql: string, take: TakeRows, signal: AbortSignal): Promise<number>
  /**
   * What is known about the storage of a table. `where`: a condition for the rows that are to be
   * removed, as in `Removal`; undefined if there are none. Left out if nothing is known.
   */
  readStorage?(table: string, where: string | undefined, signal: AbortSignal): Promise<TableStorage>
  /** Ends the connection, and with it the run lock. */
  close(): Promise<void>
}

/** A connection to load, with the run lock. */
export interface DestinationConnection extends DestinationReader {
  /** Adds columns that `readColumns` lacks. Creates the table first if it is missing. */
  createColumns(table: string, columns: readonly KnownColumn[]): Promise<void>
  /**
   * Writes rows, rejects and the ledger row in one commit, or none of them. An aborted signal ends
   * it with any error, but not after the commit has begun.
   * @throws MixloadError COMMIT_IN_DOUBT if only the ledger can tell whether it was committed.
   */
  write(load: Load, signal: AbortSignal): Promise<void>
  /**
   * Like `write`, for several loads: all of them in one commit, in their order, or none of them.
   * Left out if the capability `atomicGroups` is false. Loads are then written one at a time.
   */
  writeAll?(loads: readonly Load[], signal: AbortSignal): Promise<void>
  /**
   * Gives columns of existing rows new values, all in one commit, or at least so that it can be
   * repeated. Left out if the warehouse has no views.
   */
  changeRows?(change: RowChange, signal: AbortSignal): Promise<void>
  /**
   * Makes the space of removed rows usable again, and statistics current. Can be repeated. Left out
   * if the warehouse does that by itself.
   */
  reclaimSpace?(tables: readonly string[], signal: AbortSignal): Promise<void>
  /**
   * Creates or replaces views. Left out if the warehouse has no views. A view that is as wanted
   * keeps its comments.
   */
  replaceViews?(views: readonly View[]): Promise<void>
  /** Changes comments, without waiting for readers. Left out if the warehouse has no comments. */
  writeComments?(changes: readonly Comments[]): Promise<void>
}

/** What every driver is created from. */
export interface DestinationOptions {
  /** Such as `duckdb:warehouse.duckdb`. It may hold a password: never show it. */
  readonly url: string
  readonly schema: string
  /** The transform engine, on which the queries of relations run. */
  readonly engine: Engine
  /** A directory for temporary files. It is removed when the run ends. */
  readonly workDirectory: string
  /** Shows a warning to the user. */
  readonly warn: (message: string) => void
  readonly bigqueryEndpoint?: string | undefined
}

/**
 * Creates a driver, which connects to nothing yet. A package for `npm-package:NAME` exports such a
 * function as `createDriver`.
 * @throws MixloadError CONFIG_INVALID if the URL is not one of its own.
 */
export type CreateDriver = (options: DestinationOptions) => DestinationDriver | Promise<DestinationDriver>
