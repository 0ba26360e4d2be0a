/** Which days `backfill` and `sync` read: the only difference between them. */

import { MixloadError } from '../core/errors.ts'
import type { Settings } from '../settings.ts'
import { addDays, type Day, daysOf, earlier } from '../time/days.ts'
import { type DayClock, missingDays } from './whole-days.ts'

/** What the choice of a stream's days depends on. */
export interface DayChoice {
  readonly name: string
  /** The days that are whole in the ledger. */
  readonly whole: ReadonlySet<Day>
  /** The first day of the setting `from`, else the first whole day, else that of the events. */
  readonly from: Day | undefined
  readonly lastDay: Day
  /** How many days, up to the last whole one, sync reads again. */
  readonly daysReadAgain: number
  /** Days up to the last one whose replacement was held back; none if this run replaces nothing. */
  readonly heldBack: readonly Day[]
  readonly clock: DayClock
}

/** Which days of the streams are loaded. */
export interface StreamsToLoad {
  readonly choose: (choice: DayChoice) => readonly Day[]
  /** Whether late arrivals of other days are loaded, too. */
  readonly lateArrivals: boolean
}

/** @throws MixloadError CONFIG_INVALID if the first day is after the last one. */
export function assertInOrder(from: Day | undefined, last: Day): void {
  if (from === undefined || from <= last) return
  throw new MixloadError('CONFIG_INVALID', `--from ${from} is after the last day, ${last}.`)
}

/** What `backfill` loads: the days from the first one on that are not whole. */
export function toBackfill(settings: Pick<Settings, 'from'>): StreamsToLoad {
  const choose: StreamsToLoad['choose'] = ({ whole, from, lastDay }) => {
    if (settings.from !== undefined && from !== undefined) return missingDays(from, lastDay, whole)
    throw new MixloadError(
      'CONFIG_INVALID',
      'backfill needs the first day, such as --from 2024-01-01, --from 2024 or --from 30d.',
    )
  }
  return { choose, lateArrivals: false }
}

/** What `sync` loads. */
export function toSync({ lateArrivals }: Pick<Settings, 'lateArrivals'>): StreamsToLoad {
  return { choose: syncDays, lateArrivals }
}

/**
 * The days that `sync` reads: those since the first day that are not whole; the attribution window,
 * which ends with the last whole day, again; and what was held back, however long ago.
 */
export function syncDays({ name, whole, from, lastDay, daysReadAgain, heldBack }: DayChoice): readonly Day[] {
  if (from === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${name}: the ledger has no whole day, so sync does not know where to begin. Run mixload backfill --from DAY first, or give sync --from DAY.`,
    )
  }
  const lastWhole = [...whole].sort().at(-1)
  const windowEnd = earlier(lastWhole ?? lastDay, lastDay)
  const window = lastWhole === undefined ? [] : daysOf(addDays(windowEnd, 1 - daysReadAgain), windowEnd)
  const again = [...window, ...heldBack].filter((day) => day >= from)
  return [...new Set([...missingDays(from, lastDay, whole), ...again])].sort()
}
