import type { Column } from '../columns/column.ts'
import { isFailure } from '../core/errors.ts'
import { VERSION } from '../core/version.ts'
import type { LoadRecord, Relation, WriteMode } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { TableInput } from '../extract/table-input.ts'
import type { OnProgress } from '../progress.ts'
import { type AnySlice, hasDays } from '../slices.ts'
import { readNdjson } from '../transform/spool-reader.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { viewsOver } from '../views/views.ts'
import type { RejectLimit } from './reject-limit.ts'

export interface TableLoadOptions {
  readonly destination: Warehouse
  readonly input: TableInput
  /** The stream that the table is of. */
  readonly stream: string
  readonly write: 'append' | 'replace'
  readonly rejectLimit?: RejectLimit | undefined
  readonly onProgress: OnProgress
}

/**
 * Puts spooled rows into a table of the destination: first the columns they need, then all else in
 * one commit.
 */
export class TableLoader {
  readonly #options: TableLoadOptions
  /** Names of the columns that the destination has. */
  readonly #existing: Set<string>

  constructor(options: TableLoadOptions, existing: readonly Column[]) {
    this.#options = options
    this.#existing = new Set(existing.map(({ name }) => name))
  }

  /**
   * Loads the rows of a slice; without the lines that the engine refuses, if there are such lines.
   */
  async load(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<LoadRecord> {
    try {
      return await this.#commit(spooled, slice, signal)
    } catch (error) {
      if (!isFailure(error, 'DESTINATION_FAILED') || signal.aborted) throw error
      return this.#commit(await this.#options.input.rows.readable(spooled, error), slice, signal)
    }
  }

  /** Recreates the table's views with the columns it has. */
  async putViews(): Promise<void> {
    const { destination, input } = this.#options
    const views = await viewsOver(destination, input.table.name)
    if (views.length > 0) await destination.putViews(views)
  }

  async #commit(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<LoadRecord> {
    const { destination, input, stream, rejectLimit, onProgress } = this.#options
    const { name: table } = input.table
    await rejectLimit?.admit(spooled)
    const relation = await input.rows.relation(spooled)
    await this.#addColumns(relation.columns, spooled.loadId)
    onProgress({ kind: 'slice-loading', stream, table, slice, rows: relation.rowCount })
    const mode = modeOf(slice, this.#options.write)
    const record = await destination.load(
      relation,
      { table, mode, rejects: rejectsRelation(spooled) },
      {
        loadId: spooled.loadId,
        stream: table,
        firstDay: spooled.firstDay,
        lastDay: spooled.lastDay,
        selection: spooled.selection,
        rowCount: relation.rowCount,
        rejectCount: spooled.summary.rejects,
        byteCount: spooled.summary.bytes,
        requestCount: spooled.requestCount,
        startedAt: spooled.startedAt,
        writeMode: mode.kind,
        mixloadVersion: VERSION,
        dayRows: spooled.dayRows,
      },
      signal,
    )
    rejectLimit?.note(spooled.summary.rejects)
    return record
  }

  /**
   * Columns come before the load and in a step of their own: an added column that no row uses harms
   * nobody.
   */
  async #addColumns(used: readonly Column[], loadId: string): Promise<void> {
    const { destination, input, onProgress } = this.#options
    // A companion never comes without the column whose misfits it takes.
    const needed = new Set(used.flatMap(({ name, owner }) => (owner === undefined ? [name] : [name, owner])))
    const missing = input.registry.columns.filter(
      ({ name, role }) => !this.#existing.has(name) && (role === 'fixed' || needed.has(name)),
    )
    if (missing.length === 0) return
    const { name: table } = input.table
    await destination.addColumns(
      table,
      missing.map((column) => ({ ...column, firstLoadId: loadId })),
    )
    for (const { name } of missing) this.#existing.add(name)
    const added = missing.filter(({ role }) => role !== 'fixed')
    if (added.length > 0) onProgress({ kind: 'columns-added', table, columns: added })
    await this.putViews()
  }
}

/**
 * Files and late arrivals answer no request for whole days, so there is nothing that they could
 * replace.
 */
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
