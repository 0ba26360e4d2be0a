/** What the ledger says about days that are read again. */
import type { LoadRecord } from '../destination/contract.ts'
import { isSameScope, scopeOf } from '../destination/selection.ts'
import { withoutNotes } from '../load/held-back.ts'
import { daysOf } from '../time/days.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'

/** The rows of a request for days. */
type RowsOfDays = Pick<SpooledRows, 'firstDay' | 'lastDay' | 'selection' | 'dayDigests'>

/** Whether the destination may have rows of these days. */
export function mayHaveRows(
  ledger: readonly LoadRecord[],
  { firstDay, lastDay }: Pick<RowsOfDays, 'firstDay' | 'lastDay'>,
): boolean {
  if (firstDay === null || lastDay === null) return false
  return withoutNotes(ledger).some((load) => {
    if (load.dayRows === null) return load.rowCount > 0
    return Object.entries(load.dayRows).some(([day, count]) => count > 0 && firstDay <= day && day <= lastDay)
  })
}

/**
 * Whether a request returned, of each of its days, exactly the lines that the last complete load of
 * the day returned. `clock`: the zone in which times are read.
 */
export function areUnchanged(ledger: readonly LoadRecord[], rows: RowsOfDays, clock: string | undefined): boolean {
  const { firstDay, lastDay, selection, dayDigests } = rows
  const scope = scopeOf(selection)
  if (firstDay === null || lastDay === null || scope === undefined || dayDigests === undefined) return false
  return daysOf(firstDay, lastDay).every((day) => {
    const last = ledger.findLast((load) => load.selection.kind === 'complete' && hasDay(load, day))
    if (last?.selection.kind !== 'complete' || last.dayDigests === undefined) return false
    if (!isSameScope(last.selection.scope, scope) || last.source?.clock !== clock) return false
    return last.dayDigests[day] === dayDigests[day]
  })
}

function hasDay({ firstDay, lastDay }: LoadRecord, day: string): boolean {
  return firstDay !== null && lastDay !== null && firstDay <= day && day <= lastDay
}
