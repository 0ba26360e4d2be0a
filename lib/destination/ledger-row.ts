import { dayRowsText } from '../time/day-tally.ts'
import type { KnownColumn, LoadRecord } from './contract.ts'

/** A row of `_mixload_loads` by its columns, each value a text, which keeps every digit. */
export function ledgerRow(record: LoadRecord): Readonly<Record<string, string | null>> {
  return {
    load_id: record.loadId,
    stream: record.stream,
    first_day: record.firstDay,
    last_day: record.lastDay,
    selection: record.selection,
    row_count: String(record.rowCount),
    reject_count: String(record.rejectCount),
    byte_count: String(record.byteCount),
    request_count: String(record.requestCount),
    started_at: record.startedAt.toISOString(),
    loaded_at: record.loadedAt.toISOString(),
    write_mode: record.writeMode,
    mixload_version: record.mixloadVersion,
    day_rows: dayRowsText(record.dayRows),
  }
}

/** A row of `_mixload_columns` by its columns, each value a text. */
export function columnRow(
  table: string,
  column: Omit<KnownColumn, 'firstSeenAt'>,
  firstSeenAt: Date,
): Readonly<Record<string, string | null>> {
  return {
    table_name: table,
    property: column.property,
    column_name: column.name,
    column_type: column.type,
    column_role: column.role,
    owner_column: column.owner ?? null,
    first_load_id: column.firstLoadId,
    first_seen_at: firstSeenAt.toISOString(),
  }
}
