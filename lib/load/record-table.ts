import { ColumnRegistry } from '../columns/registry.ts'
import { columnRules } from '../columns/rules.ts'
import { RecordSpool } from '../extract/record-spool.ts'
import { LineScanner } from '../scan/line-scanner.ts'
import { LineWriter } from '../scan/line-writer.ts'
import { PropertyTable } from '../scan/property-table.ts'
import type { Settings } from '../settings.ts'
import type { StreamTable } from '../streams/stream.ts'
import { RecordLoader, type RecordLoadOptions } from './record-loader.ts'

export interface RecordTableOptions extends Omit<RecordLoadOptions, 'registry' | 'write'> {
  readonly settings: Settings
}

/** A table of a stream during a run: its columns, what reads its lines, and what loads them. */
export class RecordTable {
  readonly table: StreamTable
  readonly loader: RecordLoader
  readonly #options: RecordTableOptions
  readonly #scanner: LineScanner
  readonly #writer: LineWriter

  private constructor(options: RecordTableOptions, registry: ColumnRegistry, loader: RecordLoader) {
    this.table = options.table
    this.loader = loader
    this.#options = options
    this.#scanner = new LineScanner(new PropertyTable('records'))
    const { valuesPerRowMax } = options.destination.supports
    this.#writer = new LineWriter(this.#scanner, registry, valuesPerRowMax, options.table.identity ?? null)
  }

  /** With the columns that the destination's table has. */
  static async open(options: RecordTableOptions): Promise<RecordTable> {
    const { table, destination, settings } = options
    const there = await destination.columns(table.name)
    const fixed = table.columns.filter(({ name }) => !there.some((column) => column.name === name))
    // Records with an identity are profiles, whose properties users name.
    const rules = columnRules(settings, table.properties, table.identity !== undefined)
    const columnsMax = Math.min(rules.columnsMax, destination.supports.columnsMax)
    const registry = new ColumnRegistry([...there, ...fixed], { ...rules, columnsMax }, table.reserved)
    const loader = new RecordLoader({ ...options, registry, write: settings.write }, there)
    await loader.putViews()
    return new RecordTable(options, registry, loader)
  }

  /** Begins with a slice. What came before must have ended. */
  begin(): RecordSpool {
    const { key, identity } = this.table
    const isIdentityKey = key.length === 1 && key[0] === identity
    return new RecordSpool(this.#options.spool, this.#scanner, this.#writer, isIdentityKey)
  }
}
