import type { Column } from './columns/column.ts'
import type { ColumnRegistry } from './columns/registry.ts'
import type { Destination, LoadRecord, Relation, WriteMode } from './destination.ts'
import type { Engine } from './engine.ts'
import { isFailure } from './errors.ts'
import type { Tell } from './events.ts'
import type { SpooledSlice } from './extract.ts'
import { type Flattened, flattenExport, readNdjson } from './flatten.ts'
import { salvage } from './salvage.ts'
import { sliceName } from './slices.ts'
import type { SpoolDirectory } from './spool.ts'
import { VERSION } from './version.ts'
import { viewsOf } from './views.ts'

export interface LoadOptions {
  readonly destination: Destination
  readonly engine: Engine
  readonly spool: SpoolDirectory
  readonly registry: ColumnRegistry
  readonly table: string
  readonly write: 'append' | 'replace'
  /** The project's zone where its times are local clock readings, else undefined. */
  readonly localZone: string | undefined
  readonly tell: Tell
}

/** Puts spooled slices into the destination: first the columns they need, then all else in one commit. */
export class Loader {
  readonly #options: LoadOptions
  /** Names of the columns that the destination has. */
  readonly #there: Set<string>

  constructor(options: LoadOptions, there: readonly Column[]) {
    this.#options = options
    this.#there = new Set(there.map(({ name }) => name))
  }

  async load(spooled: SpooledSlice, signal: AbortSignal): Promise<LoadRecord> {
    try {
      return await this.#commit(spooled, signal)
    } catch (error) {
      if (!isFailure(error, 'DESTINATION_FAILED') || signal.aborted) throw error
      const readable = await this.#salvage(spooled)
      if (readable === undefined) throw error
      const refused = readable.summary.rejects - spooled.summary.rejects
      this.#options.tell({
        kind: 'warning',
        message: `${sliceName(spooled.slice)}: the engine cannot read ${refused} lines; they are set aside in _mixload_rejects.`,
      })
      return this.#commit(readable, signal)
    }
  }

  async #salvage(spooled: SpooledSlice): Promise<SpooledSlice | undefined> {
    const { engine, spool } = this.#options
    const connection = await engine.connect()
    try {
      return await salvage(spooled, spool, connection, (paths) => this.#flattened(spooled, paths).query)
    } finally {
      connection.close()
    }
  }

  async #commit(spooled: SpooledSlice, signal: AbortSignal): Promise<LoadRecord> {
    const { destination, table, tell } = this.#options
    const relation = this.#relation(spooled)
    await this.#addColumns(relation.columns, spooled.loadId)
    tell({ kind: 'slice-loading', slice: spooled.slice, events: spooled.summary.events })
    const mode = this.#mode(spooled)
    return destination.load(
      relation,
      { table, mode, rejects: rejectsRelation(spooled) },
      {
        loadId: spooled.loadId,
        stream: table,
        firstDay: spooled.firstDay,
        lastDay: spooled.lastDay,
        selection: spooled.selection,
        rowCount: spooled.summary.events,
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
  }

  #mode({ slice }: SpooledSlice): WriteMode {
    // A file is no answer to a request for days, so there is nothing that it could stand for.
    if (this.#options.write === 'append' || 'file' in slice) return { kind: 'append' }
    return { kind: 'replace-days', ...slice }
  }

  #relation(spooled: SpooledSlice): Relation {
    const rowCount = spooled.summary.events
    if (rowCount === 0) return { columns: [], rowCount, query: 'SELECT 1 WHERE false' }
    const paths = spooled.events.map(({ path }) => path)
    return { ...this.#flattened(spooled, paths), rowCount }
  }

  #flattened(spooled: SpooledSlice, paths: readonly string[]): Flattened {
    const { registry, localZone } = this.#options
    return flattenExport(
      {
        paths,
        fields: spooled.fields,
        hasOverflow: spooled.hasOverflow,
        overflowColumn: spooled.hasOverflow ? registry.overflowColumn() : undefined,
        longestLine: spooled.summary.longestLine,
        clock: spooled.clock,
        localZone,
      },
      registry.columns.filter(({ role }) => role === 'fixed'),
    )
  }

  /** Columns come before the load and in a step of their own: an added column that no row uses harms nobody. */
  async #addColumns(used: readonly Column[], loadId: string): Promise<void> {
    const { destination, registry, table, tell } = this.#options
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
    if (added.length > 0) tell({ kind: 'columns-added', table, columns: added })
    await this.putViews()
  }

  /** Makes the table's views anew with the columns it has. */
  async putViews(): Promise<void> {
    const { destination, table } = this.#options
    const columns = await destination.columns(table)
    if (columns.length === 0) return
    const path = destination.pathInViews(table)
    await destination.putViews(viewsOf(destination.supports, table, path, columns))
  }
}

function rejectsRelation({ rejects, summary }: SpooledSlice): Relation | undefined {
  if (summary.rejects === 0) return undefined
  const paths = rejects.map(({ path }) => path)
  const text = (name: string): Column => ({ name, type: 'text', role: 'fixed', property: null })
  return {
    columns: [text('reason'), text('line')],
    rowCount: summary.rejects,
    query: `SELECT reason, line FROM ${readNdjson(paths, ["reason: 'VARCHAR'", "line: 'VARCHAR'"], summary.longestReject)}`,
  }
}
