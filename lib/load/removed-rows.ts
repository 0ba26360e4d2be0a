/** How many rows a replacement would remove, by the ledger alone. */
import type { LoadRecord, NewLoad, WriteMode } from '../destination/contract.ts'
import { daysOf } from '../time/days.ts'

/** Rows of a day, or of a whole table, before and after a replacement. */
export interface Replaced {
  /** Undefined for a whole table. */
  readonly day?: string
  readonly before: number
  readonly after: number
}

/** A load that is about to replace rows. */
export type Replacement = Pick<NewLoad, 'rowCount' | 'dayRows'>

/**
 * What a replacement does to each day, or to the table. `ledger`: the loads of the table, in the
 * order of their commits. A day that was read again may have its rows more than once. They count
 * once.
 */
export function replacedRows(
  ledger: readonly LoadRecord[],
  mode: WriteMode,
  { rowCount, dayRows }: Replacement,
): readonly Replaced[] {
  if (mode.kind === 'append') return []
  if (mode.kind === 'replace-table') return [{ before: ledger.at(-1)?.rowCount ?? 0, after: rowCount }]
  const { firstDay, lastDay } = mode
  if (dayRows === null) {
    const same = ledger.findLast((load) => load.firstDay === firstDay && load.lastDay === lastDay)
    return [
      {
        day: firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`,
        before: same?.rowCount ?? 0,
        after: rowCount,
      },
    ]
  }
  return daysOf(firstDay, lastDay).map((day) => ({ day, before: rowsOfDay(ledger, day), after: dayRows[day] ?? 0 }))
}

/** Late arrivals, and files, add to what is there. A day that is read again has all of it again. */
function rowsOfDay(ledger: readonly LoadRecord[], day: string): number {
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
