import type { ColumnRole, ColumnType } from '../../lib/columns/column.ts'
import type { KnownColumn, LoadRecord, WriteMode } from '../../lib/destination.ts'
import { dayRowsOf } from '../../lib/time/day-tally.ts'
import type { Day } from '../../lib/time/days.ts'
import { at, type JsonObject, textOf } from './json.ts'
import type { ListedRow } from './tables.ts'

export const LOADS = '_mixload_loads'
export const COLUMNS = '_mixload_columns'
export const REJECTS = '_mixload_rejects'
export const LEASE = '_mixload_lease'

const field = (name: string, type: string, mode: 'REQUIRED' | 'NULLABLE' = 'REQUIRED') => ({ name, type, mode })

/** The schemas of the ledger's tables, for their creation and for each job that writes them. */
export const SCHEMAS = {
  [LOADS]: [
    field('load_id', 'STRING'),
    field('stream', 'STRING'),
    field('first_day', 'DATE', 'NULLABLE'),
    field('last_day', 'DATE', 'NULLABLE'),
    field('selection', 'STRING'),
    field('row_count', 'INTEGER'),
    field('reject_count', 'INTEGER'),
    field('byte_count', 'INTEGER'),
    field('request_count', 'INTEGER'),
    field('started_at', 'TIMESTAMP'),
    field('loaded_at', 'TIMESTAMP'),
    field('write_mode', 'STRING'),
    field('mixload_version', 'STRING'),
    field('day_rows', 'STRING', 'NULLABLE'),
  ],
  [COLUMNS]: [
    field('table_name', 'STRING'),
    field('property', 'STRING', 'NULLABLE'),
    field('column_name', 'STRING'),
    field('column_type', 'STRING'),
    field('column_role', 'STRING'),
    field('owner_column', 'STRING', 'NULLABLE'),
    field('first_load_id', 'STRING'),
    field('first_seen_at', 'TIMESTAMP'),
  ],
  [REJECTS]: [
    field('load_id', 'STRING'),
    field('stream', 'STRING'),
    field('reason', 'STRING'),
    field('line', 'STRING'),
  ],
} as const

/** A table of the ledger. */
export type LedgerTable = keyof typeof SCHEMAS

/**
 * The ledger's tables. Those that every load writes are partitioned, because such tables may be
 * changed ten times as often, and more than 1,500 times a day
 * (docs.cloud.google.com/bigquery/quotas, "Partitioned tables").
 */
export const RESOURCES: Readonly<Record<LedgerTable, JsonObject>> = {
  [LOADS]: {
    description: 'One row for each load that mixload has committed. A load without a row here is not committed.',
    schema: { fields: SCHEMAS[LOADS] },
    timePartitioning: { type: 'DAY', field: 'loaded_at' },
  },
  [COLUMNS]: {
    description: 'The columns that mixload has created, and the Mixpanel properties whose values they hold.',
    schema: { fields: SCHEMAS[COLUMNS] },
    timePartitioning: { type: 'DAY', field: 'first_seen_at' },
  },
  [REJECTS]: {
    description: 'Lines that Mixpanel sent and that are not valid events.',
    schema: { fields: SCHEMAS[REJECTS] },
  },
}

/** The load in a listed row of the ledger. */
export function loadOf(row: ListedRow): LoadRecord {
  return {
    loadId: textOf(row.load_id) ?? '',
    stream: textOf(row.stream) ?? '',
    firstDay: dayOf(row.first_day),
    lastDay: dayOf(row.last_day),
    selection: textOf(row.selection) ?? '',
    rowCount: Number(row.row_count),
    rejectCount: Number(row.reject_count),
    byteCount: Number(row.byte_count),
    requestCount: Number(row.request_count),
    startedAt: momentOf(row.started_at),
    loadedAt: momentOf(row.loaded_at),
    writeMode: row.write_mode as WriteMode['kind'],
    mixloadVersion: textOf(row.mixload_version) ?? '',
    dayRows: dayRowsOf(row.day_rows),
  }
}

/** The column in a listed row of the ledger, and its table. */
export function columnOf(row: ListedRow): { readonly table: string; readonly column: KnownColumn } {
  const owner = textOf(row.owner_column)
  return {
    table: textOf(row.table_name) ?? '',
    column: {
      name: textOf(row.column_name) ?? '',
      type: row.column_type as ColumnType,
      role: row.column_role as ColumnRole,
      property: textOf(row.property) ?? null,
      ...(owner === undefined ? {} : { owner }),
      firstLoadId: textOf(row.first_load_id) ?? '',
      firstSeenAt: momentOf(row.first_seen_at),
    },
  }
}

/** Google's client returns days and moments as objects that hold their text. */
function dayOf(value: unknown): Day | null {
  return textOf(at(value, 'value')) ?? null
}

function momentOf(value: unknown): Date {
  return new Date(textOf(at(value, 'value')) ?? 0)
}
