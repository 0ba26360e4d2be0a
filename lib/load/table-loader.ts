import type { Column } from '../columns/column.ts'
import { isFailure, MixloadError } from '../core/errors.ts'
import { exceeds, type RowLimit } from '../core/row-limit.ts'
import type { LoadRecord, Relation, WriteMode } from '../destination/contract.ts'
import type { LoadSource } from '../destination/source.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { TableInput } from '../extract/table-input.ts'
import type { OnProgress } from '../progress.ts'
import { type AnySlice, hasDays } from '../slices.ts'
import { readNdjson } from '../transform/spool-reader.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import type { RejectLimit } from './reject-limit.ts'
import { replacedRows } from './removed-rows.ts'
import { TableWriter } from './table-writer.ts'

export interface TableLoadOptions {
  readonly destination: Warehouse
  readonly input: TableInput
  readonly stream: string
  readonly write: 'append' | 'replace'
  readonly source: LoadSource
  readonly maxRemoved: RowLimit
  readonly rejectLimit?: RejectLimit | undefined
  readonly onProgress: OnProgress
}

/** Loads spooled rows into a table: first the columns they need, then the rest in one commit. */
export class TableLoader {
  readonly #options: TableLoadOptions
  readonly #writer: TableWriter

  /** `existing`: the columns that the destination has. */
  constructor(options: TableLoadOptions, existing: readonly Column[]) {
    this.#options = options
    this.#writer = new TableWriter(options.destination, options.input.table.name, existing)
  }

  /**
   * Checks that a replacement by these rows removes no more rows of a day or table than it may.
   * @throws MixloadError ROWS_WOULD_BE_LOST with both numbers.
   */
  async admit({ name, dayRows, summary, missing = 0 }: SpooledRows, slice: AnySlice): Promise<void> {
    const { destination, input, write, maxRemoved } = this.#options
    const replacement = { rowCount: summary.rows, dayRows }
    const loads = (await destination.allLoads()).filter(({ stream }) => stream === input.table.name)
    const replaced = replacedRows(loads, modeOf(slice, write), replacement)
    const allowsAll = maxRemoved.kind === 'percent' && maxRemoved.most >= 100
    for (const { day, before, after } of replaced) {
      const isContradicted = missing > 0 && before > after && !allowsAll
      if (!isContradicted && !exceeds(maxRemoved, before - after, before)) continue
      const what = day === undefined ? name : `${input.table.name} of ${day}`
      throw new MixloadError(
        'ROWS_WOULD_BE_LOST',
        `${what}: Mixpanel returned ${after} rows${isContradicted ? `, ${missing} fewer than it counts` : ''}, but the ` +
          `warehouse has ${before}. The old rows stay. If they are gone ` +
          'in Mixpanel on purpose, run again with --max-removed 100%.',
      )
    }
  }

  /** Loads the rows of a slice. Lines that the engine cannot read become rejects. */
  async load(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<LoadRecord> {
    try {
      return await this.#commit(spooled, slice, signal)
    } catch (error) {
      if (!isFailure(error, 'DESTINATION_FAILED') || signal.aborted) throw error
      return this.#commit(await this.#options.input.rows.readable(spooled, error), slice, signal)
    }
  }

  /** Recreates the table's views with the columns it has. */
  putViews(): Promise<void> {
    return this.#writer.putViews()
  }

  async #commit(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<LoadRecord> {
    const { input, stream, source, write, rejectLimit, onProgress } = this.#options
    const { name: table } = input.table
    const { loadId, firstDay, lastDay, selection, startedAt, requestCount, dayRows, summary } = spooled
    await rejectLimit?.admit(spooled)
    const relation = await input.rows.relation(spooled)
    const added = await this.#writer.addColumns(input.registry.columns, relation.columns, loadId)
    const columns = added.filter(({ role }) => role !== 'fixed')
    if (columns.length > 0) onProgress({ kind: 'columns-added', table, columns })
    onProgress({ kind: 'slice-loading', stream, table, slice, rows: relation.rowCount })
    const counts = { rejectCount: summary.rejects, byteCount: summary.bytes, requestCount, dayRows }
    const details = { loadId, firstDay, lastDay, selection, startedAt, source, ...counts }
    const record = await this.#writer.load(relation, modeOf(slice, write), details, signal, rejectsRelation(spooled))
    rejectLimit?.note(summary.rejects)
    return record
  }
}

/** Files and late arrivals replace nothing, because they have only some rows of their days. */
function modeOf(slice: AnySlice, write: 'append' | 'replace'): WriteMode {
  if ('isWhole' in slice) return { kind: 'replace-table' }
  if (write === 'append' || !hasDays(slice) || slice.since !== undefined) return { kind: 'append' }
  return { kind: 'replace-days', firstDay: slice.firstDay, lastDay: slice.lastDay }
}

function rejectsRelation({ rejects, summary }: SpooledRows): Relation | undefined {
  if (summary.rejects === 0) return undefined
  const paths = rejects.map(({ path }) => path)
  const text = (name: string): Column => ({ name, type: 'text', role: 'fixed', property: null })
  return {
    columns: [text('reason'), text('line')],
    rowCount: summary.rejects,
    query: `SELECT reason, line FROM ${readNdjson(paths, ["reason: 'VARCHAR'", "line: 'VARCHAR'"], summary.longestReject)}`,
  }
}
