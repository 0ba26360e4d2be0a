import type { Selection } from '../destination/selection.ts'
import type { Chunk } from '../spool/spool.ts'
import type { DayRows } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import type { BodySummary } from './body-reader.ts'
import type { SpoolField } from './line-writer.ts'

/** Lines of one table that have come whole, waiting on disk to be loaded in one commit, and what the ledger will say. */
export interface SpooledRows {
  readonly loadId: string
  /** The days that they are of; null where they have none. */
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  /** Which part of the stream they are. */
  readonly selection: Selection
  readonly startedAt: Date
  readonly events: readonly Chunk[]
  readonly rejects: readonly Chunk[]
  readonly summary: Pick<BodySummary, 'events' | 'rejects' | 'bytes' | 'longestLine' | 'longestReject'>
  /** Lines by the day that they will be filed under; null where that is not known. */
  readonly dayRows: DayRows | null
  readonly requestCount: number
  readonly fields: readonly SpoolField[]
  readonly hasOverflow: boolean
}
