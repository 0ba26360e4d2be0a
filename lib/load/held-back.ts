/** Which replacements were held back, by the ledger alone. */
import type { LoadRecord } from '../destination/contract.ts'
import { isNote } from '../destination/selection.ts'
import type { Day } from '../time/days.ts'

/** A replacement that was not committed, because it would remove too many rows. */
export interface HeldBack {
  /** The days whose old rows stay; null for a whole table. */
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  /** The table that would lose rows: how many it has, and how many it would have. */
  readonly table: string
  readonly before: number
  readonly after: number
}

/** The loads that have rows, or could have some: all but the notes. */
export function withoutNotes(ledger: readonly LoadRecord[]): readonly LoadRecord[] {
  return ledger.filter(({ selection }) => !isNote(selection))
}

/**
 * What is held back now, in the order of the days. A later replacement of the same days or table
 * settles it.
 */
export function heldBackIn(ledger: readonly LoadRecord[]): readonly HeldBack[] {
  let held: HeldBack[] = []
  for (const { firstDay, lastDay, selection, writeMode } of ledger) {
    if (selection.kind === 'held-back') {
      const { table, before, after } = selection
      held = held.filter((part) => part.firstDay !== firstDay || part.lastDay !== lastDay)
      held.push({ firstDay, lastDay, table, before, after })
    } else if (writeMode === 'replace-table') held = []
    else if (writeMode === 'replace-days') held = held.filter((part) => !isWithin(part, firstDay, lastDay))
  }
  return held.sort((a, b) => `${a.firstDay}`.localeCompare(`${b.firstDay}`))
}

/** Whether all of its days are among these. */
function isWithin(held: HeldBack, firstDay: Day | null, lastDay: Day | null): boolean {
  if (held.firstDay === null || held.lastDay === null || firstDay === null || lastDay === null) return false
  return firstDay <= held.firstDay && held.lastDay <= lastDay
}
