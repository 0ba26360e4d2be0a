import type { MisfitsByColumn } from '../columns/misfits.ts'
import type { Selection } from '../destination/selection.ts'
import type { BodySummary } from '../scan/body-reader.ts'
import type { SpoolField } from '../scan/line-writer.ts'
import { type Chunk, removeChunks } from '../spool/spool.ts'
import type { DayDigests, DayRows } from '../time/day-tally.ts'
import type { Day } from '../time/days.ts'
import type { EventClock } from '../time/event-time.ts'
import type { NewContents } from './known-rows.ts'
import type { LoadedRows } from './loaded-rows.ts'
import type { OldRows } from './old-rows.ts'

/** Spooled rows of one table, to be loaded in one commit, with their ledger details. */
export interface SpooledRows {
  /** Their name in messages, such as `funnels of 2026-03-01`. */
  readonly name: string
  readonly loadId: string
  /** The days of the rows; null if they have none. */
  readonly firstDay: Day | null
  readonly lastDay: Day | null
  readonly selection: Selection
  readonly startedAt: Date
  readonly lines: readonly Chunk[]
  readonly rejects: readonly Chunk[]
  readonly summary: BodySummary
  /** Rows by the day that they are filed under; null if unknown. */
  readonly dayRows: DayRows | null
  /** Digests of all lines of its days; undefined if unknown. */
  readonly dayDigests?: DayDigests | undefined
  readonly requestCount: number
  readonly fields: readonly SpoolField[]
  readonly hasOverflow: boolean
  /** Values left out because their property is not wanted. */
  readonly ignoredValues: number
  /** Values that do not fit their column. */
  readonly misfits: MisfitsByColumn
  /** How to read their times; undefined if they have none. */
  readonly clock: EventClock | undefined
  readonly areKeysDistinct: boolean
  /**
   * Rows that Mixpanel counts and that did not come; 0 where a change during reading explains it.
   */
  readonly missing?: number
  /** The digits of the ids of items that could not be read; undefined where they are not known. */
  readonly leftOut?: readonly (string | undefined)[]
  /** Old rows of such items, which stay although the table is replaced. */
  readonly old?: OldRows | undefined
  /** Set if some rows are already loaded: how many are not, and which ones. */
  readonly kept?: { readonly rows: number; readonly loaded: LoadedRows | NewContents }
}

/** The same request without its rows and rejects, whose files are deleted. */
export async function withoutRows({ kept: _, ...rows }: SpooledRows): Promise<SpooledRows> {
  await discardRows(rows)
  const summary = { ...rows.summary, rows: 0, rejects: 0, undated: 0, outside: 0 }
  const none = { lines: [], rejects: [], fields: [], hasOverflow: false, ignoredValues: 0, misfits: {} }
  return { ...rows, ...none, summary }
}

/** Deletes their files. */
export async function discardRows({ lines, rejects }: Pick<SpooledRows, 'lines' | 'rejects'>): Promise<void> {
  await removeChunks([...lines, ...rejects])
}
