import { SUPERSEDED } from '../destination/ledger.ts'
import type { LoadSource } from '../destination/source.ts'
import { isHashed, knownRowsQuery } from '../destination/superseded.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { TableInput } from '../extract/table-input.ts'
import { spoolQuery } from '../load/spool-query.ts'
import { removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import { type SpooledRows, withoutRows } from '../transform/spooled-rows.ts'
import { areUnchanged, mayHaveRows } from './again-days.ts'

export interface AgainOptions {
  readonly input: TableInput
  readonly destination: Warehouse
  readonly spool: SpoolDirectory
  readonly loadSource: LoadSource
}

/**
 * Leaves out those rows of days that the destination has already, so that a row is appended once,
 * however often its day is read. Days whose lines are those of the last time are known by their
 * digests; other days are compared row by row, if the destination can be queried.
 */
export class AgainRows {
  readonly #options: AgainOptions

  constructor(options: AgainOptions) {
    this.#options = options
  }

  /** The rows to load; undefined if they must be compared with those of the destination. */
  async uncompared(rows: SpooledRows): Promise<SpooledRows | undefined> {
    const { input, destination, loadSource } = this.#options
    const ledger = (await destination.allLoads()).filter(({ stream }) => stream === input.table.name)
    if (rows.summary.rows === 0 || !mayHaveRows(ledger, rows)) return rows
    return areUnchanged(ledger, rows, loadSource.clock) ? withoutRows(rows) : undefined
  }

  /**
   * The rows that the destination does not have. What is loaded before them must be committed,
   * because an event may have moved here from a neighbouring day.
   */
  async compared(rows: SpooledRows, signal: AbortSignal): Promise<SpooledRows> {
    const known = await this.#knownIn(rows, signal)
    try {
      return await this.#options.input.rows.withoutKnown(
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
