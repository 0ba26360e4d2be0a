import { isDeepStrictEqual } from 'node:util'
import type { Column } from '../columns/column.ts'
import type { MisfitsByColumn } from '../columns/misfits.ts'
import { isFailure, MixloadError } from '../core/errors.ts'
import { exceeds, type RowLimit } from '../core/row-limit.ts'
import type { LoadRecord, Relation, WriteMode } from '../destination/contract.ts'
import type { LoadRequest } from '../destination/load-builder.ts'
import { NO_ROWS } from '../destination/load-rules.ts'
import type { LoadSource } from '../destination/source.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { TableInput } from '../extract/table-input.ts'
import type { IdMerge } from '../mixpanel/id-merge.ts'
import type { OnProgress } from '../progress.ts'
import { type AnySlice, hasDays } from '../slices.ts'
import { readNdjson } from '../transform/spool-reader.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { eventsShown } from './events-shown.ts'
import { type HeldBack, heldBackIn, withoutNotes } from './held-back.ts'
import { oldRowsOf } from './old-rows.ts'
import type { RejectLimit } from './reject-limit.ts'
import { rowsBefore } from './removed-rows.ts'
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
  /** How the project merges ids. */
  readonly idMerge?: IdMerge | undefined
}

/** The rows of a slice for one table. */
export interface SlicePart {
  readonly rows: SpooledRows
  readonly slice: AnySlice
}

/** A replacement of days, or of a table, that removes too many rows, and the error that says so. */
export interface RefusedPart extends HeldBack {
  readonly error: MixloadError
}

/** Loads spooled rows into a table: first the columns they need, then the rest in one commit. */
export class TableLoader {
  readonly #options: TableLoadOptions
  readonly #writer: TableWriter

  /** `existing`: the columns that the destination has. */
  constructor(options: TableLoadOptions, existing: readonly Column[]) {
    this.#options = options
    this.#writer = new TableWriter(options.destination, options.input.table.name, existing, options.idMerge)
  }

  /** Whether the destination loads several slices in one commit. */
  get takesGroups(): boolean {
    return this.#options.destination.capabilities.atomicGroups === true
  }

  /** The rows, with the old rows of items that could not be read, if the table is replaced. */
  async withOldRows(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<SpooledRows> {
    const { destination, input } = this.#options
    const isReplaced = this.#modeOf(spooled, slice).kind === 'replace-table'
    if (!isReplaced || this.#allowsAll || !spooled.leftOut?.length) return spooled
    return { ...spooled, old: await oldRowsOf(destination, input, spooled.leftOut, signal) }
  }

  /** The days, or the whole table, of which a replacement by these rows would remove too much. */
  async refusedParts(spooled: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<readonly RefusedPart[]> {
    const { destination, input, maxRemoved } = this.#options
    if (this.#allowsAll) return []
    const { name: table } = input.table
    const { name, missing = 0 } = spooled
    const loads = (await destination.allLoads()).filter(({ stream }) => stream === table)
    const parts = rowsBefore(withoutNotes(loads), this.#modeOf(spooled, slice), spooled.dayRows !== null)
    if (parts.every(({ before }) => before === 0)) return []
    // The ledger cannot tell which events of a file Mixpanel had, too.
    const days = parts.flatMap(({ firstDay, lastDay }) => (firstDay !== null && firstDay === lastDay ? [firstDay] : []))
    const shown = await eventsShown(destination, table, days, signal)
    const { rowCount, dayRows } = await input.rows.replacedBy(spooled)
    const isUnkept = Boolean(spooled.leftOut?.length) && !destination.capabilities.queries
    return parts.flatMap(({ before: noted, ...part }) => {
      const { firstDay, lastDay } = part
      const before = (firstDay === null ? undefined : shown?.get(firstDay)) ?? noted
      const after = dayRows === null || firstDay === null ? rowCount : (dayRows[firstDay] ?? 0)
      const isContradicted = before > 0 && (isUnkept || (missing > 0 && before > after))
      if (!isContradicted && !exceeds(maxRemoved, before - after, before)) return []
      const span = firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
      const error = new MixloadError(
        'ROWS_WOULD_BE_LOST',
        `${firstDay === null ? name : `${table} of ${span}`}: Mixpanel returned ${after} ${after === 1 ? 'row' : 'rows'}` +
          `${missing > 0 && isContradicted ? `, ${missing} fewer than it counts` : ''}, but the ` +
          `warehouse has ${before}. The old rows stay. If they are gone ` +
          'in Mixpanel on purpose, run again with --max-removed 100%.',
      )
      return [{ ...part, table, before, after, error }]
    })
  }

  /** Notes in the ledger that a replacement is held back, unless it has the same note. */
  async noteHeldBack(spooled: SpooledRows, { error: _, ...held }: RefusedPart, signal: AbortSignal): Promise<void> {
    const { destination, input, source } = this.#options
    const noted = heldBackIn(await destination.ledger(input.table.name))
    if (noted.some((note) => isDeepStrictEqual(note, held))) return
    const { firstDay, lastDay, ...numbers } = held
    const { startedAt, requestCount } = spooled
    const selection = { kind: 'held-back', ...numbers } as const
    const details = { firstDay, lastDay, selection, startedAt, source, requestCount }
    await this.#writer.load(this.#writer.request(NO_ROWS, { kind: 'append' }, details), signal)
  }

  /** Loads the rows of a slice. Lines that the engine cannot read become rejects. */
  async load(rows: SpooledRows, slice: AnySlice, signal: AbortSignal): Promise<LoadRecord> {
    try {
      return await this.#loadOne({ rows, slice }, signal)
    } catch (error) {
      if (!isFailure(error, 'DESTINATION_FAILED') || signal.aborted) throw error
      return this.#loadOne({ rows: await this.#options.input.rows.readable(rows, error), slice }, signal)
    }
  }

  /**
   * Loads the rows of several slices in one commit, or none of them. Lines that the engine cannot
   * read make it fail.
   */
  async loadAll(parts: readonly SlicePart[], signal: AbortSignal): Promise<readonly LoadRecord[]> {
    const requests = await this.#requests(parts)
    const isAppended = requests.every(({ target }) => target.mode.kind === 'append')
    const { rows: input } = this.#options.input
    const group = isAppended ? input.groupRelation(parts.map(({ rows }) => rows)) : undefined
    const records = await this.#writer.loadAll(requests, signal, group)
    for (const { rows } of parts) this.#options.rejectLimit?.note(rows.summary.rejects)
    return records
  }

  /** Recreates the table's views with the columns it has. */
  putViews(): Promise<void> {
    return this.#writer.putViews()
  }

  async #loadOne(part: SlicePart, signal: AbortSignal): Promise<LoadRecord> {
    const [request] = await this.#requests([part])
    if (request === undefined) throw new TypeError('A slice is one load.')
    const record = await this.#writer.load(request, signal)
    this.#options.rejectLimit?.note(part.rows.summary.rejects)
    return record
  }

  /** Adds the columns that the slices need. Returns their loads. */
  async #requests(parts: readonly SlicePart[]): Promise<readonly LoadRequest[]> {
    const { input, stream, source, rejectLimit, onProgress } = this.#options
    const { name: table } = input.table
    await rejectLimit?.admit(parts.map(({ rows }) => rows))
    const loads: (SlicePart & { readonly relation: Relation })[] = []
    for (const part of parts) loads.push({ ...part, relation: await input.rows.relation(part.rows) })
    const uses = loads.map(({ rows, relation }) => ({ loadId: rows.loadId, used: relation.columns }))
    const added = await this.#writer.addColumns(input.registry.columns, uses)
    const columns = added.filter(({ role }) => role !== 'fixed')
    if (columns.length > 0) onProgress({ kind: 'columns-added', table, columns })
    return loads.map(({ rows, slice, relation }) => {
      const { loadId, firstDay, lastDay, selection, startedAt, requestCount, dayRows, dayDigests, summary, misfits } =
        rows
      onProgress({ kind: 'slice-loading', stream, table, slice, rows: relation.rowCount })
      const counts = { rejectCount: summary.rejects, byteCount: summary.bytes, requestCount, dayRows, dayDigests }
      const details = { loadId, firstDay, lastDay, selection, startedAt, source, ...counts, ...someOf(misfits) }
      return this.#writer.request(relation, this.#modeOf(rows, slice), details, rejectsRelation(rows))
    })
  }

  /**
   * Files and late arrivals replace nothing, because they have only some rows of their days. Nor do
   * days without an item that could not be read: the view takes the latest load of each item.
   */
  #modeOf({ leftOut }: SpooledRows, slice: AnySlice): WriteMode {
    if ('isWhole' in slice) return { kind: 'replace-table' }
    const isPart = !hasDays(slice) || slice.since !== undefined || Boolean(leftOut?.length)
    if (this.#options.write === 'append' || isPart) return { kind: 'append' }
    return { kind: 'replace-days', firstDay: slice.firstDay, lastDay: slice.lastDay }
  }

  get #allowsAll(): boolean {
    const { kind, most } = this.#options.maxRemoved
    return kind === 'percent' && most === 100
  }
}

/** The values that do not fit, for the ledger, which has nothing if there are none. */
function someOf(misfits: MisfitsByColumn): Pick<LoadRecord, 'misfits'> {
  return Object.keys(misfits).length === 0 ? {} : { misfits }
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
