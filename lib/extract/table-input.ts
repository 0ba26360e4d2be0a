import type { ColumnRegistry } from '../columns/registry.ts'
import type { StreamTable } from '../columns/table.ts'
import { keptLine } from '../scan/kept-line.ts'
import { LineScanner } from '../scan/line-scanner.ts'
import { LineWriter } from '../scan/line-writer.ts'
import { PropertyTable } from '../scan/property-table.ts'
import type { SpoolDirectory } from '../spool/spool.ts'
import type { SpooledRows } from '../transform/spooled-rows.ts'
import { TableRows, type TableRowsOptions } from '../transform/table-rows.ts'
import { type SpooledBody, TableSpool, type TableSpoolOptions } from './table-spool.ts'

export interface TableInputOptions extends TableRowsOptions {
  /** The most values, other than null, in one row. */
  readonly valuesPerRowMax: number
  /** What decides how lines are stored, besides the lines. */
  readonly choices?: string
}

/** Reads the lines of one table during a run. Columns get their names once, for all slices. */
export class TableInput {
  readonly table: StreamTable
  readonly registry: ColumnRegistry
  readonly rows: TableRows
  readonly directory: SpoolDirectory
  /** What decides how lines are stored, besides the lines. */
  readonly choices: string
  readonly #scanner: LineScanner
  readonly #writer: LineWriter

  constructor(options: TableInputOptions) {
    const { table, registry, spool, valuesPerRowMax } = options
    this.table = table
    this.registry = registry
    this.rows = new TableRows(options)
    this.directory = spool
    this.choices = options.choices ?? ''
    this.#scanner = new LineScanner(new PropertyTable(table.lines))
    this.#writer = new LineWriter(this.#scanner, registry, valuesPerRowMax, table.identity ?? null)
  }

  /** Begins a slice, with a new list of fields. */
  begin(): void {
    this.#writer.begin()
  }

  /** Begins a body of the slice. The previous body must have ended. */
  spool(options: TableSpoolOptions = {}): TableSpool {
    const { registry, table } = this
    const kept = (text: string) => keptLine(text, table.lines, (property) => registry.keeps(property))
    const selective = registry.isSelective ? { keptLine: kept } : {}
    return new TableSpool(this.directory, table, this.#scanner, this.#writer, { ...options, ...selective })
  }

  /** A body's rows, with their details for the ledger. */
  spooled(
    { dayTally, digests: _, ...body }: SpooledBody,
    about: Pick<SpooledRows, 'name' | 'loadId' | 'firstDay' | 'lastDay' | 'selection' | 'startedAt' | 'clock'>,
  ): SpooledRows {
    const { hasOverflow, ignoredValues } = this.#writer
    const written = { fields: this.#writer.fields(), hasOverflow, ignoredValues, misfits: this.#writer.misfits() }
    return { ...about, ...body, ...written, dayRows: dayTally?.dayRows() ?? null, requestCount: 0 }
  }
}
