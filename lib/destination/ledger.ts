/**
 * The ledger's tables, with each column declared once. The tables of every destination, the
 * mappings between rows and records, the dbt sources and docs/tables.md are made from these
 * declarations.
 *
 * To add a column, add a field to the record and a line to its table. Add it at the end and make it
 * nullable: existing tables get the column at their end, and their rows have no value for it.
 */
import type { ColumnRole, ColumnType } from '../columns/column.ts'
import type { MisfitsByColumn } from '../columns/misfits.ts'
import { MixloadError } from '../core/errors.ts'
import type { DayDigests, DayRows } from '../time/day-tally.ts'
import type { KnownColumn, LoadRecord, WriteMode } from './contract.ts'
import { formatSelection, parseSelection, type Selection } from './selection.ts'
import { formatSource, type LoadSource, parseSource } from './source.ts'

/** A column of the ledger, with values of type `T`. */
export interface LedgerColumn<T = unknown> {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
  readonly description: string
  /** The value as a text that keeps every digit; null for no value. */
  toText(value: T): string | null
  /** The value of such a text. A time may also be SQL's: `2026-08-03 12:00:00.001+00`. */
  fromText(text: string | null): T
}

/** The columns of a table, in its order, by the fields of its records. */
export type LedgerColumns<R> = { readonly [F in keyof R]-?: LedgerColumn<R[F]> }

/** A table of the ledger, with records of type `R`. */
export interface LedgerTable<R = object> {
  readonly name: string
  readonly description: string
  /** The column that identifies a row; undefined if none does. */
  readonly key: string | undefined
  readonly columns: LedgerColumns<R>
}

/** A row of `_mixload_columns`. */
export interface NotedColumn extends KnownColumn {
  readonly table: string
}

/** A row of `_mixload_rejects`. */
export interface Reject {
  readonly loadId: string
  readonly stream: string
  readonly reason: string
  readonly line: string
}

/** A row of `_mixload_superseded`. The number has too many digits for a number of JavaScript. */
export interface Superseded {
  readonly rowId: string
  readonly day: string | null
  readonly rowHash: string | null
}

/** How the values of one type are stored. */
interface Kind<T> {
  readonly type: ColumnType
  toText(value: T): string | null
  fromText(text: string): T
}

const textOf = <T extends string>(): Kind<T> => ({
  type: 'text',
  toText: (value) => value,
  fromText: (value) => value as T,
})
const text = textOf<string>()
const day: Kind<string> = { ...text, type: 'date' }
const count: Kind<number> = { type: 'bigint', toText: String, fromText: Number }
const integer: Kind<string> = { ...text, type: 'bigint' }
const moment: Kind<Date> = {
  type: 'timestamptz',
  toText: (value) => value.toISOString(),
  fromText: (value) => new Date(value.replace(' ', 'T').replace(/\+00$/, 'Z')),
}

const dayRows: Kind<DayRows> = { type: 'text', toText: JSON.stringify, fromText: JSON.parse }

const dayDigests: Kind<DayDigests> = { type: 'text', toText: JSON.stringify, fromText: JSON.parse }

const misfits: Kind<MisfitsByColumn> = { type: 'text', toText: JSON.stringify, fromText: JSON.parse }

const selection: Kind<Selection> = { type: 'text', toText: formatSelection, fromText: parseSelection }

const source: Kind<LoadSource> = { type: 'text', toText: formatSource, fromText: parseSource }

function column<T>(name: string, kind: Kind<T>, description: string): LedgerColumn<T> {
  const fromText = (value: string | null) => {
    if (value !== null) return kind.fromText(value)
    throw new MixloadError(
      'DESTINATION_FAILED',
      `A row of the ledger has no ${name}, which mixload always writes. Restore the ledger from a copy.`,
    )
  }
  return { name, type: kind.type, nullable: false, description, toText: kind.toText, fromText }
}

/** A nullable column. Null reads as `none`. */
function optional<T, N extends null | undefined>(
  name: string,
  kind: Kind<T>,
  none: N,
  description: string,
): LedgerColumn<T | N> {
  return {
    name,
    type: kind.type,
    nullable: true,
    description,
    toText: (value) => (value === null || value === undefined ? null : kind.toText(value)),
    fromText: (value) => (value === null ? none : kind.fromText(value)),
  }
}

/** One row for each load. */
export const LOADS: LedgerTable<LoadRecord> = {
  name: '_mixload_loads',
  description: 'Loads: a row is written in the same commit as the rows it is about',
  key: 'load_id',
  columns: {
    loadId: column('load_id', text, 'Id of the load, which its rows have in _load_id'),
    stream: column('stream', text, 'Table that was loaded'),
    firstDay: optional(
      'first_day',
      day,
      null,
      'First day that was requested; of a file, the day of its first event; null if there is none',
    ),
    lastDay: optional(
      'last_day',
      day,
      null,
      'Last day that was requested; of a file, the day of its last event; null if there is none',
    ),
    selection: column('selection', selection, 'Which part of the stream was requested, as JSON; empty for all of it'),
    rowCount: column('row_count', count, 'Rows that were added to the table'),
    rejectCount: column('reject_count', count, 'Rows in _mixload_rejects'),
    byteCount: column('byte_count', count, 'Bytes received or read, decompressed'),
    requestCount: column(
      'request_count',
      count,
      'Requests it took, failed ones included; 0 for a file, and for a table that came with another',
    ),
    startedAt: column(
      'started_at',
      moment,
      'When the download, or reading the file, began; a day is whole only if it was over by then',
    ),
    loadedAt: column('loaded_at', moment, 'When it was committed'),
    writeMode: column('write_mode', textOf<WriteMode['kind']>(), 'append, replace-days or replace-table'),
    mixloadVersion: column('mixload_version', text, 'Version of mixload that loaded it'),
    dayRows: optional(
      'day_rows',
      dayRows,
      null,
      'Rows that came, by _day, as JSON: {"2026-08-03":1234}; null if they were not counted. Rows that were there already count here, but not in row_count',
    ),
    source: optional(
      'source',
      source,
      undefined,
      'Project, region, clock and filter, as JSON; null if an earlier version loaded it',
    ),
    form: optional(
      'ledger_form',
      count,
      undefined,
      'Form of the ledger; null for the first. A version of mixload refuses forms that it does not know',
    ),
    dayDigests: optional(
      'day_digests',
      dayDigests,
      undefined,
      'Digests of all lines of a day, by _day, as JSON; a day that is read again with the same digest is not loaded; null if they were not computed',
    ),
    misfits: optional(
      'misfits',
      misfits,
      undefined,
      'Values received that do not fit their column, as JSON: by column their number, an example and where they are',
    ),
  },
}

/** One row for each column that mixload has made. */
export const COLUMNS: LedgerTable<NotedColumn> = {
  name: '_mixload_columns',
  description: 'Columns that mixload has made, and the properties whose values they hold',
  key: undefined,
  columns: {
    table: column('table_name', text, 'Table'),
    property: optional('property', text, null, 'Property, as Mixpanel spells it; null if the column has none'),
    name: column('column_name', text, 'Column'),
    type: column('column_type', textOf<ColumnType>(), 'text, double, boolean, json, timestamptz, bigint or date'),
    role: column(
      'column_role',
      textOf<ColumnRole>(),
      'fixed, property, companion (what does not fit, as text) or overflow (_more)',
    ),
    owner: optional('owner_column', text, undefined, 'Of a companion: the column whose misfits it takes'),
    firstLoadId: column(
      'first_load_id',
      text,
      'Load that needed it first; it may have failed, because columns are made before the load',
    ),
    firstSeenAt: column('first_seen_at', moment, 'When it was made'),
  },
}

/** One row for each line that was rejected. */
export const REJECTS: LedgerTable<Reject> = {
  name: '_mixload_rejects',
  description: 'Lines that were rejected, with the reason',
  key: undefined,
  columns: {
    loadId: column('load_id', text, 'Load'),
    stream: column('stream', text, 'Table that was loaded'),
    reason: column('reason', text, 'Why the line was rejected'),
    line: column(
      'line',
      text,
      'The line; in base64 if it is not UTF-8; its first 1,000 bytes if it is too long; without excluded properties, and empty if they cannot be found in it',
    ),
  },
}

/** One row for each row of `export` that is not in `export_latest`. */
export const SUPERSEDED: LedgerTable<Superseded> = {
  name: '_mixload_superseded',
  description: 'Rows of export that are copies of an event which another row shows',
  key: 'row_id',
  columns: {
    rowId: column('row_id', integer, 'Row of export, by its _mixload_row'),
    day: optional('day', day, null, 'Its _day'),
    rowHash: optional('row_hash', integer, null, 'Its _mixload_hash; null if it has none'),
  },
}

/** All tables of the ledger. */
export const LEDGER_TABLES: readonly LedgerTable[] = [LOADS, COLUMNS, REJECTS, SUPERSEDED]

/** The columns of a table, in its order. */
export function columnsOf<R>({ columns }: LedgerTable<R>): readonly LedgerColumn[] {
  return Object.values<LedgerColumn>(columns)
}
