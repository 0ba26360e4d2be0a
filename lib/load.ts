import type { Column } from './columns/column.ts'
import type { Relation, WriteMode } from './destination.ts'
import type { SpooledSlice } from './extract.ts'
import { flattenExport } from './flatten.ts'
import { sliceName } from './slices.ts'
import type { Flattened } from './spool-reader.ts'
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
    return { kind: 'replace-days', ...slice }
  }

  protected rowsOf(spooled: SpooledSlice): Relation {
    const rowCount = spooled.summary.events
    if (rowCount === 0) return { columns: [], rowCount, query: 'SELECT 1 WHERE false' }
    const paths = spooled.events.map(({ path }) => path)
    return { ...this.flattened(spooled, paths), rowCount }
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
