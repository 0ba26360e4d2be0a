import type { Column } from '../columns/column.ts'
import { isFailure } from '../core/errors.ts'
import type { Relation, WriteMode } from '../destination/contract.ts'
import type { EngineConnection } from '../engine/engine.ts'
import type { SpooledRecords } from '../scan/spooled-records.ts'
import { recordsName } from '../slices.ts'
import { type Chunk, removeChunks } from '../spool/spool.ts'
import type { RecordStream, StreamTable } from '../streams/stream.ts'
import type { DayRows } from '../time/day-tally.ts'
import { countKeys, type FlattenRecordsInput, flattenRecords } from '../transform/flatten-records.ts'
import { numberLines } from '../transform/numbered-lines.ts'
import type { Flattened } from '../transform/spool-reader.ts'
import { TableLoader, type TableLoadOptions } from './table-loader.ts'

export interface RecordLoadOptions extends Omit<TableLoadOptions, 'table'> {
  readonly table: StreamTable
  readonly replication: RecordStream['replication']
  readonly write: 'append' | 'replace'
}

/** How many rows there are when those of equal keys are counted once, and the files to take them from. */
interface DistinctRows {
  readonly count: number
  readonly chunks: readonly Chunk[]
  readonly isNumbered: boolean
}

/** Puts spooled records of one table into the destination, of equal keys the last one only. */
export class RecordLoader extends TableLoader<SpooledRecords> {
  readonly #table: StreamTable
  readonly #isWhole: boolean
  readonly #write: 'append' | 'replace'
  /** By the files that were counted: when lines are set aside, others take their place. */
  readonly #distinct = new WeakMap<readonly Chunk[], DistinctRows>()

  constructor(options: RecordLoadOptions, there: readonly Column[]) {
    super({ ...options, table: options.table.name }, there)
    this.#table = options.table
    this.#isWhole = options.replication === 'full-table'
    this.#write = options.write
  }

  /** Looks at records before they are loaded: counts rows, and sets aside lines that the engine refuses. */
  async settle(spooled: SpooledRecords): Promise<SpooledRecords> {
    try {
      return await this.#settled(spooled)
    } catch (error) {
      if (!isFailure(error, 'ENGINE_FAILED')) throw error
      return this.#settled(await this.readable(spooled, error))
    }
  }

  async #settled(spooled: SpooledRecords): Promise<SpooledRecords> {
    const relation = await this.rowsOf(spooled)
    return { ...spooled, dayRows: await this.#dayRows(relation) }
  }

  /** The rows as they are loaded. */
  async rows(spooled: SpooledRecords): Promise<Relation> {
    return this.rowsOf(spooled)
  }

  /** How many rows these are. */
  async rowCount(spooled: SpooledRecords): Promise<number> {
    return (await this.#distinctRows(spooled)).count
  }

  /** How many rows there are of each value, as text, of a column of the key. */
  async countsBy(spooled: SpooledRecords, column: string): Promise<ReadonlyMap<string, number>> {
    const input = this.#input(spooled, pathsOf(spooled.events), false)
    const by = input.key.find(({ name }) => name === column)
    if (by === undefined) throw new TypeError(`${column} is not in the key of ${this.#table.name}`)
    if (spooled.summary.events === 0) return new Map()
    const rows = await this.#ask((connection) => connection.all(countKeys(input, by)))
    return new Map(rows.map(({ value, keys }) => [String(value), Number(keys)]))
  }

  /** Deletes files that were made to tell rows apart. */
  async forget(spooled: SpooledRecords): Promise<void> {
    const distinct = this.#distinct.get(spooled.events)
    if (distinct?.isNumbered) await removeChunks(distinct.chunks)
  }

  protected nameOf({ days }: SpooledRecords): string {
    return recordsName(this.#table.name, days)
  }

  protected modeOf({ days }: SpooledRecords): WriteMode {
    if (this.#isWhole) return { kind: 'replace-table' }
    if (this.#write === 'append' || days === undefined) return { kind: 'append' }
    return { kind: 'replace-days', firstDay: days.firstDay, lastDay: days.lastDay }
  }

  protected async rowsOf(spooled: SpooledRecords): Promise<Relation> {
    if (spooled.summary.events === 0) return { columns: [], rowCount: 0, query: 'SELECT 1 WHERE false' }
    const { count, chunks, isNumbered } = await this.#distinctRows(spooled)
    return { ...flattenRecords(this.#input(spooled, pathsOf(chunks), isNumbered)), rowCount: count }
  }

  protected flattened(spooled: SpooledRecords, paths: readonly string[]): Flattened {
    return flattenRecords(this.#input(spooled, paths, false))
  }

  protected onLoading({ days }: SpooledRecords, rows: number): void {
    this.options.tell({ kind: 'records-loading', table: this.#table.name, days, rows })
  }

  #input(spooled: SpooledRecords, paths: readonly string[], isNumbered: boolean): FlattenRecordsInput {
    const { registry } = this.options
    const columnOf = (name: string) => {
      const column = registry.columns.find((one) => one.role === 'fixed' && one.name === name)
      if (column === undefined) throw new TypeError(`${this.#table.name} has no fixed column ${name}`)
      return column
    }
    return {
      paths,
      fields: spooled.fields,
      hasOverflow: spooled.hasOverflow,
      overflowColumn: spooled.hasOverflow ? registry.overflowColumn() : undefined,
      longestLine: spooled.summary.longestLine,
      key: this.#table.key.map(columnOf),
      identity: this.#table.identity === undefined ? undefined : columnOf(this.#table.identity),
      isNumbered,
    }
  }

  async #distinctRows(spooled: SpooledRecords): Promise<DistinctRows> {
    const { events: chunks, summary } = spooled
    const before = this.#distinct.get(chunks)
    if (before !== undefined) return before
    const repeated = summary.events === 0 || spooled.areKeysDistinct ? 0 : await this.#repeatedKeys(spooled)
    const distinct = {
      count: summary.events - repeated,
      chunks: repeated === 0 ? chunks : await numberLines(chunks, this.options.spool),
      isNumbered: repeated > 0,
    }
    this.#distinct.set(chunks, distinct)
    return distinct
  }

  /** How many rows have a key that a later row has, too. */
  async #repeatedKeys(spooled: SpooledRecords): Promise<number> {
    const query = countKeys(this.#input(spooled, pathsOf(spooled.events), false))
    const [counts] = await this.#ask((connection) => connection.all(query))
    return Number(counts?.rows) - Number(counts?.keys)
  }

  /** The rows of each `_day`; null for a table without days. */
  async #dayRows({ query, rowCount }: Relation): Promise<DayRows | null> {
    if (!this.#table.columns.some(({ name }) => name === '_day')) return null
    if (rowCount === 0) return {}
    const rows = await this.#ask((connection) =>
      connection.all(
        `SELECT CAST(_day AS VARCHAR) AS day, count(*) AS n FROM (${query}) WHERE _day IS NOT NULL GROUP BY day ORDER BY day`,
      ),
    )
    return Object.fromEntries(rows.map(({ day, n }) => [String(day), Number(n)]))
  }

  async #ask<T>(work: (connection: EngineConnection) => Promise<T>): Promise<T> {
    const connection = await this.options.engine.connect()
    try {
      return await work(connection)
    } finally {
      connection.close()
    }
  }
}

function pathsOf(chunks: readonly Chunk[]): readonly string[] {
  return chunks.map(({ path }) => path)
}
