import type { Column } from '../columns/column.ts'
import { isFailure } from '../core/errors.ts'
import type { Relation, WriteMode } from '../destination/contract.ts'
import type { SpooledSlice } from '../extract/event-extractor.ts'
import { sliceName } from '../slices.ts'
import { flattenExport } from '../transform/flatten-events.ts'
import { countByDay, type LoadedRows, withoutLoaded } from '../transform/loaded-rows.ts'
import type { Flattened } from '../transform/spool-reader.ts'
import { TableLoader, type TableLoadOptions } from './table-loader.ts'

export interface LoadOptions extends TableLoadOptions {
  readonly write: 'append' | 'replace'
  /** The project's zone where its times are local clock readings, else undefined. */
  readonly localZone: string | undefined
}

/** Puts spooled slices of events into the destination. */
export class Loader extends TableLoader<SpooledSlice> {
  readonly #write: 'append' | 'replace'
  readonly #localZone: string | undefined

  constructor(options: LoadOptions, there: readonly Column[]) {
    super(options, there)
    this.#write = options.write
    this.#localZone = options.localZone
  }

  protected nameOf({ slice }: SpooledSlice): string {
    return sliceName(slice)
  }

  protected modeOf({ slice }: SpooledSlice): WriteMode {
    // A file is no answer to a request for days, so there is nothing that it could stand for.
    if (this.#write === 'append' || 'file' in slice) return { kind: 'append' }
    // What came late is a part of its days.
    if (slice.since !== undefined) return { kind: 'append' }
    return { kind: 'replace-days', firstDay: slice.firstDay, lastDay: slice.lastDay }
  }

  protected rowsOf(spooled: SpooledSlice): Relation {
    const { kept } = spooled
    const rowCount = kept?.rows ?? spooled.summary.events
    if (rowCount === 0) return { columns: [], rowCount, query: 'SELECT 1 WHERE false' }
    const paths = spooled.events.map(({ path }) => path)
    const flattened = this.flattened(spooled, paths)
    const query = kept === undefined ? flattened.query : withoutLoaded(flattened, kept.loaded)
    return { columns: flattened.columns, rowCount, query }
  }

  /** The slice without rows that are loaded already. */
  async withoutLoaded(spooled: SpooledSlice, loaded: LoadedRows): Promise<SpooledSlice> {
    if (spooled.summary.events === 0) return { ...spooled, dayRows: {} }
    try {
      return await this.#counted(spooled, loaded)
    } catch (error) {
      if (!isFailure(error, 'ENGINE_FAILED')) throw error
      return this.readable({ ...spooled, kept: { rows: 0, loaded } }, error)
    }
  }

  protected override async readable(spooled: SpooledSlice, failure: unknown): Promise<SpooledSlice> {
    const readable = await super.readable(spooled, failure)
    return spooled.kept === undefined ? readable : this.#counted(readable, spooled.kept.loaded)
  }

  async #counted(spooled: SpooledSlice, loaded: LoadedRows): Promise<SpooledSlice> {
    const paths = spooled.events.map(({ path }) => path)
    const connection = await this.options.engine.connect()
    try {
      const counts = await connection.all(countByDay(withoutLoaded(this.flattened(spooled, paths), loaded)))
      const rows = counts.reduce((total, { count }) => total + Number(count), 0)
      const ofDays = counts.filter(({ day }) => day !== null)
      const dayRows = Object.fromEntries(ofDays.map(({ day, count }) => [String(day), Number(count)]))
      return { ...spooled, dayRows, kept: { rows, loaded } }
    } finally {
      connection.close()
    }
  }

  protected flattened(spooled: SpooledSlice, paths: readonly string[]): Flattened {
    const { registry } = this.options
    return flattenExport(
      {
        paths,
        fields: spooled.fields,
        hasOverflow: spooled.hasOverflow,
        overflowColumn: spooled.hasOverflow ? registry.overflowColumn() : undefined,
        longestLine: spooled.summary.longestLine,
        clock: spooled.clock,
        localZone: this.#localZone,
      },
      registry.columns.filter(({ role }) => role === 'fixed'),
    )
  }

  protected onLoading({ slice }: SpooledSlice, events: number): void {
    this.options.tell({ kind: 'slice-loading', slice, events })
  }
}
