/** Which days `backfill` and `sync` read: the only difference between them. */

import { MixloadError } from '../core/errors.ts'
import { addDays, type Day, daysOf, earlier } from '../time/days.ts'
import { type DayClock, missingDays } from './whole-days.ts'

/** What the choice of a stream's days depends on. */
export interface DayChoice {
  readonly name: string
  /** The days that are whole in the ledger. */
  readonly whole: ReadonlySet<Day>
  /** The setting `from`, else the stream's first whole day, else that of the events. */
  readonly from: Day | undefined
  readonly lastDay: Day
  /** How many days, up to the last whole one, sync reads again. */
  readonly daysReadAgain: number
  /** Days up to the last one whose replacement was held back; none if this run replaces nothing. */
  readonly heldBack: readonly Day[]
  readonly clock: DayClock
}

/** Decides which days of a stream are read. */
export type ChooseDays = (choice: DayChoice) => readonly Day[]

/** The days that `backfill` reads: those from the first day on that are not whole. */
export function chooseBackfillDays(first: Day | undefined): ChooseDays {
  return ({ whole, lastDay }) => {
    if (first === undefined) {
      throw new MixloadError('CONFIG_INVALID', 'backfill needs the first day: --from 2024-01-01.')
    }
    return missingDays(first, lastDay, whole)
  }
}

/**
 * The days that `sync` reads: those that are not whole, the attribution window again, and what was
 * held back, however long ago.
 */
export function chooseSyncDays({ name, whole, from, lastDay, daysReadAgain, heldBack }: DayChoice): readonly Day[] {
  if (from === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${name}: the ledger has no whole day, so sync does not know where to begin. Run mixload backfill --from DAY first, or give sync --from DAY.`,
    )
  }
  const days = syncDays(whole, from, lastDay, daysReadAgain)
  return [...new Set([...days, ...heldBack.filter((day) => day >= from)])].sort()
}

/**
 * The days that sync reads, up to `yesterday`: those since `from`, or since the first whole day,
 * that are not whole; and the attribution window, which ends with the last whole day, again.
 */
export function syncDays(
  whole: ReadonlySet<Day>,
  from: Day | undefined,
  yesterday: Day,
  attributionWindow: number,
): readonly Day[] {
  const wholeInOrder = [...whole].sort()
  const start = from ?? wholeInOrder[0]
  const lastWhole = wholeInOrder.at(-1)
  if (start === undefined) return []
  const missing = missingDays(start, yesterday, whole)
  if (lastWhole === undefined) return missing
  const windowEnd = earlier(lastWhole, yesterday)
  const window = daysOf(addDays(windowEnd, 1 - attributionWindow), windowEnd).filter((day) => day >= start)
  return [...new Set([...missing, ...window])].sort()
}
