import type { Column } from '../columns/column.ts'
import type { ColumnRegistry } from '../columns/registry.ts'
import { isFailure } from '../core/errors.ts'
import { VERSION } from '../core/version.ts'
import type { Destination, LoadRecord, Relation, WriteMode } from '../destination/contract.ts'
import type { Engine } from '../engine/engine.ts'
import type { Tell } from '../progress.ts'
import type { SpooledRows } from '../scan/spooled-rows.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import { salvage } from '../transform/salvage.ts'
import { type Flattened, readNdjson } from '../transform/spool-reader.ts'
import { viewsOver } from '../views/views.ts'
import type { RejectLimit } from './reject-limit.ts'

export interface TableLoadOptions {
  readonly destination: Destination
  readonly engine: Engine
  readonly spool: SpoolDirectory
  readonly registry: ColumnRegistry
  /** The table, which the ledger calls the stream. */
  readonly table: string
  readonly rejectLimit?: RejectLimit | undefined
  readonly tell: Tell
}

/** Puts spooled lines into a table of the destination: first the columns they need, then all else in one commit. */
export abstract class TableLoader<S extends SpooledRows> {
  /** Columns made so far, those that the table has from the start not counted. */
  newColumns = 0
  protected readonly options: TableLoadOptions
  /** Names of the columns that the destination has. */
  readonly #there: Set<string>

  constructor(options: TableLoadOptions, there: readonly Column[]) {
    this.options = options
    this.#there = new Set(there.map(({ name }) => name))
  }

  /** What messages call the lines. */
  protected abstract nameOf(spooled: S): string
  protected abstract modeOf(spooled: S): WriteMode
  /** The rows of these files, but for `_loaded_at` and `_load_id`, which belong to the commit. */
  protected abstract flattened(spooled: S, paths: readonly string[]): Flattened
  /** All rows that the commit is to make. */
  protected abstract rowsOf(spooled: S): Relation | Promise<Relation>
  /** Called when the columns are there and the rows come next. */
  protected abstract onLoading(spooled: S, rows: number): void

  async load(spooled: S, signal: AbortSignal): Promise<LoadRecord> {
    try {
      return await this.#commit(spooled, signal)
    } catch (error) {
      if (!isFailure(error, 'DESTINATION_FAILED') || signal.aborted) throw error
      return this.#commit(await this.readable(spooled, error), signal)
    }
  }

  /** The lines without those that the engine refuses; throws `failure` where it refuses none, so had another cause. */
  protected async readable(spooled: S, failure: unknown): Promise<S> {
    const { engine, spool, registry, tell } = this.options
    const connection = await engine.connect()
    try {
      await engine.makeRoomFor(registry.columns.length, connection)
      const readable = await salvage(spooled, spool, connection, (paths) => this.flattened(spooled, paths).query).catch(
        (error) => {
          // Whatever keeps lines from being tried says nothing about them.
          throw isFailure(error, 'ENGINE_FAILED', 'SPOOL_FAILED') ? failure : error
        },
      )
      if (readable === undefined) throw failure
      const refused = readable.summary.rejects - spooled.summary.rejects
      tell({
        kind: 'warning',
        message: `${this.nameOf(spooled)}: the engine cannot read ${refused} lines; they are set aside in _mixload_rejects.`,
      })
      return readable
    } finally {
      connection.close()
    }
  }

  async #commit(spooled: S, signal: AbortSignal): Promise<LoadRecord> {
    const { destination, table, rejectLimit } = this.options
    await rejectLimit?.admit(spooled, this.nameOf(spooled))
    const relation = await this.rowsOf(spooled)
    await this.#addColumns(relation.columns, spooled.loadId)
    this.onLoading(spooled, relation.rowCount)
    const mode = this.modeOf(spooled)
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

  /** Columns come before the load and in a step of their own: an added column that no row uses harms nobody. */
  async #addColumns(used: readonly Column[], loadId: string): Promise<void> {
    const { destination, registry, table, tell } = this.options
    // A companion never comes without the column whose misfits it takes.
    const needed = new Set(used.flatMap(({ name, owner }) => (owner === undefined ? [name] : [name, owner])))
    const missing = registry.columns.filter(
      ({ name, role }) => !this.#there.has(name) && (role === 'fixed' || needed.has(name)),
    )
    if (missing.length === 0) return
    await destination.addColumns(
      table,
      missing.map((column) => ({ ...column, firstLoadId: loadId })),
    )
    for (const { name } of missing) this.#there.add(name)
    const added = missing.filter(({ role }) => role !== 'fixed')
    this.newColumns += added.length
    if (added.length > 0) tell({ kind: 'columns-added', table, columns: added })
    await this.putViews()
  }

  /** Makes the table's views anew with the columns it has. */
  async putViews(): Promise<void> {
    const { destination, table } = this.options
    const views = await viewsOver(destination, table)
    if (views.length > 0) await destination.putViews(views)
  }
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
