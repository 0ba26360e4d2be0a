import type { Slice } from '../slices.ts'
import { removeChunks } from '../spool/spool.ts'
import type { BodySummary } from './body-reader.ts'
import type { SpooledRows } from './spooled-rows.ts'

/** Records of one table that have come whole, waiting on disk to be loaded. */
export interface SpooledRecords extends SpooledRows {
  /** The days that were asked for; undefined for all there is. */
  readonly days: Slice | undefined
  readonly summary: BodySummary
  /** Whether it is sure that no two of them agree in the table's key. */
  readonly areKeysDistinct: boolean
  readonly ignoredValues: number
}

/** Deletes their files. */
export async function discardRecords({ events, rejects }: SpooledRecords): Promise<void> {
  await removeChunks([...events, ...rejects])
}
