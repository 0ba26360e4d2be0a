import { EVENT_PROPERTIES, EXPORT_COLUMNS, type FixedColumn, LOCAL_TIME_COLUMN } from '../columns/catalogue.ts'
import type { ColumnRules } from '../columns/registry.ts'
import { columnRules } from '../columns/rules.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Settings } from '../settings.ts'
import type { Slice } from '../slices.ts'

/** The raw export of a slice. `time_in_ms` always: else events that differ in milliseconds only would look equal. */
export function exportRequest({ firstDay, lastDay, since }: Slice, events: readonly string[] | undefined): ApiRequest {
  return {
    family: 'data',
    path: '/api/2.0/export',
    query: {
      from_date: firstDay,
      to_date: lastDay,
      time_in_ms: 'true',
      ...(events === undefined ? {} : { event: JSON.stringify(events) }),
      ...(since === undefined ? {} : { where: `properties["mp_processing_time_ms"] > ${since}` }),
    },
  }
}

/** The columns that the table has from the start. */
export function exportColumns(localTime: boolean): readonly FixedColumn[] {
  return localTime ? [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN] : EXPORT_COLUMNS
}

/** Which properties get columns, and of what type. */
export function exportColumnRules(settings: Settings): ColumnRules {
  return columnRules(settings, EVENT_PROPERTIES, true)
}
