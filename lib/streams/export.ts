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

/** What of the stream is asked for, as the ledger keeps it; empty for all of it. `since` as of a slice. */
export function exportSelection(events: readonly string[] | undefined, since?: number): string {
  const selected = {
    ...(events === undefined ? {} : { events: [...events].sort() }),
    ...(since === undefined ? {} : { [LATE_SINCE]: since }),
  }
  return Object.keys(selected).length === 0 ? '' : JSON.stringify(selected)
}

/** The `since` of a selection and the selection that it would be without; undefined where it has none. */
export function lateSince(selection: string): { readonly since: number; readonly selection: string } | undefined {
  if (loadedFile(selection) !== undefined || !selection.includes(`"${LATE_SINCE}":`)) return undefined
  const selected: { readonly events?: readonly string[]; readonly [LATE_SINCE]?: number } = JSON.parse(selection)
  const since = selected[LATE_SINCE]
  return since === undefined ? undefined : { since, selection: exportSelection(selected.events) }
}

const LATE_SINCE = 'late_since'

/** A file that was loaded, as the ledger keeps it in the place of what was asked for. */
export interface LoadedFile {
  /** Its name, without its directory. */
  readonly file: string
  /** Its bytes as it lay on disk, and their hash. */
  readonly bytes: number
  readonly sha256: string
}

/** The `selection` of a file's load. It equals that of no request, so that a file never makes a day whole. */
export function fileSelection({ file, bytes, sha256 }: LoadedFile): string {
  return JSON.stringify({ file, bytes, sha256 })
}

/** The file that a ledger's row is of; undefined where the row is of a request. */
export function loadedFile(selection: string): LoadedFile | undefined {
  if (!selection.startsWith('{"file":')) return undefined
  return JSON.parse(selection)
}

/** The columns that the table has from the start. */
export function exportColumns(localTime: boolean): readonly FixedColumn[] {
  return localTime ? [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN] : EXPORT_COLUMNS
}

/** Which properties get columns, and of what type. */
export function exportColumnRules(settings: Settings): ColumnRules {
  return columnRules(settings, EVENT_PROPERTIES, true)
}
