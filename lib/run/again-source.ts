import { SUPERSEDED } from '../destination/ledger.ts'
import type { LoadSource } from '../destination/source.ts'
import { isHashed, knownRowsQuery } from '../destination/superseded.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { Extracted, SliceSource } from '../extract/slice-source.ts'
import type { TableInput } from '../extract/table-input.ts'
import { spoolQuery } from '../load/spool-query.ts'
import type { StreamSlice } from '../slices.ts'
import { removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import { type SpooledRows, withoutRows } from '../transform/spooled-rows.ts'
import { areUnchanged, mayHaveRows } from './again-days.ts'

export interface AgainOptions {
  /** Extracts the events of whole days. */
  readonly source: SliceSource<StreamSlice>
  readonly input: TableInput
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
  readonly loadSource: LoadSource
}

/**
 * Extracts days and leaves out those rows that the destination has already, so that a row is
 * appended once, however often its day is read. Days whose lines are those of the last time are
 * known by their digests; other days are compared row by row, if the destination can be queried.
 */
export class AgainSource implements SliceSource<StreamSlice> {
  readonly #options: AgainOptions

  constructor(options: AgainOptions) {
    this.#options = options
  }

  ahead(slices: readonly StreamSlice[]): void {
    this.#options.source.ahead?.(slices)
  }

  async extract(requested: StreamSlice, signal: AbortSignal): Promise<Extracted<StreamSlice>> {
    const extracted = await this.#options.source.extract(requested, signal)
    if (extracted.kind !== 'spooled') return extracted
    const { slice, tables } = extracted.spooled
    return { kind: 'spooled', spooled: { slice, tables: [await this.#newRows(tables[0], signal)] } }
  }

  async #newRows(rows: SpooledRows, signal: AbortSignal): Promise<SpooledRows> {
    const { input, destination, loadSource } = this.#options
    // Extraction must not wait for the load of an earlier slice.
    const ledger = await destination.committedLoads(input.table.name)
    if (rows.summary.rows === 0 || !mayHaveRows(ledger, rows)) return rows
    if (areUnchanged(ledger, rows, loadSource.clock)) return withoutRows(rows)
    const known = await this.#knownIn(rows, signal)
    try {
      return await input.rows.withoutKnown(
        rows,
        known.map(({ path }) => path),
      )
    } finally {
      await removeChunks(known)
    }
  }

  /** Files with the hashes of the destination's rows of these days. */
  async #knownIn({ firstDay, lastDay }: SpooledRows, signal: AbortSignal) {
    const { input, destination, spool } = this.#options
    const { capabilities } = destination
    const columns = await destination.columns(input.table.name)
    if (!capabilities.queries || !isHashed(columns) || firstDay === null || lastDay === null) return []
    const paths = {
      table: destination.pathInViews(input.table.name),
      superseded: destination.pathInViews(SUPERSEDED.name),
    }
    const sql = knownRowsQuery(capabilities, columns, paths, firstDay, lastDay)
    return spoolQuery(destination, sql, spool, '.known.ndjson', signal)
  }
}
