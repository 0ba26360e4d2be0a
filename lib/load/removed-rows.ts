/** How many rows there are where a load replaces some, by the ledger alone. */
import type { LoadRecord, WriteMode } from '../destination/contract.ts'
import { type Day, daysOf } from '../time/days.ts'

/** Days, or a whole table, whose rows are replaced, and how many rows that are. */
export interface RowsBefore {
  /** Null for a whole table. */
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  readonly before: number
}

/**
 * The rows that a load replaces: of each day if `countsDays`, else of all days, or of the table.
 * `ledger`: the loads of the table, in the order of their commits. A day that was read again may
 * have its rows more than once. They count once.
 */
export function rowsBefore(ledger: readonly LoadRecord[], mode: WriteMode, countsDays: boolean): readonly RowsBefore[] {
  if (mode.kind === 'append') return []
  if (mode.kind === 'replace-table') {
    return [{ firstDay: null, lastDay: null, before: ledger.at(-1)?.rowCount ?? 0 }]
  }
  const { firstDay, lastDay } = mode
  if (countsDays) {
    return daysOf(firstDay, lastDay).map((day) => ({ firstDay: day, lastDay: day, before: rowsOfDay(ledger, day) }))
  }
  const same = ledger.findLast((load) => load.firstDay === firstDay && load.lastDay === lastDay)
  return [{ firstDay, lastDay, before: same?.rowCount ?? 0 }]
}

/** Late arrivals, and files, add to what is there. A day that is read again has all of it again. */
function rowsOfDay(ledger: readonly LoadRecord[], day: Day): number {
  let fromMixpanel = 0
  let fromFiles = 0
  for (const { dayRows, writeMode, firstDay, lastDay, selection } of ledger) {
    if (dayRows === null) continue
    const has = dayRows[day] ?? 0
    if (writeMode === 'replace-days' && firstDay !== null && lastDay !== null && firstDay <= day && day <= lastDay) {
      fromMixpanel = has
      fromFiles = 0
    } else if (selection.kind === 'late') fromMixpanel += has
    else if (selection.kind === 'file') fromFiles += has
    else fromMixpanel = Math.max(fromMixpanel, has)
  }
  return Math.max(fromMixpanel, fromFiles)
}
