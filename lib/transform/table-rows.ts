import type { ColumnRegistry } from '../columns/registry.ts'
import type { StreamTable } from '../columns/table.ts'
import { isFailure } from '../core/errors.ts'
import { quoteText } from '../core/sql.ts'
import type { NewLoad, Relation } from '../destination/contract.ts'
import { NO_ROWS } from '../destination/load-rules.ts'
import type { Engine } from '../engine/engine.ts'
import type { SpoolField } from '../scan/line-writer.ts'
import { type Chunk, removeChunks, type SpoolDirectory } from '../spool/spool.ts'
import type { DayRows } from '../time/day-tally.ts'
import { countKeys, type FlattenInput, flatten } from './flatten.ts'
import { contentsOf, countNew, type NewContents, newContents, onlyNew } from './known-rows.ts'
import { countByDay, countDistinctByDay, type LoadedRows, withoutLoaded } from './loaded-rows.ts'
import { numberLines } from './numbered-lines.ts'
import { oldRowsQuery } from './old-rows.ts'
import { salvage } from './salvage.ts'
import type { Flattened, SpooledLines } from './spool-reader.ts'
import type { SpooledRows } from './spooled-rows.ts'

export interface TableRowsOptions {
  readonly table: StreamTable
  readonly registry: ColumnRegistry
  readonly engine: Engine
  readonly spool: SpoolDirectory
  /** The project's zone if times are local clock readings, else undefined. */
  readonly localZone: string | undefined
  readonly onWarning: (message: string) => void
}

/** The number of distinct keys, and the files to take the rows from. */
interface DistinctRows {
  readonly count: number
  readonly chunks: readonly Chunk[]
  readonly isNumbered: boolean
}

/** The rows of one table's spooled lines. Of rows with equal keys, only the last one stays. */
export class TableRows {
  readonly #options: TableRowsOptions
  /** By the files that were counted, because rejecting lines replaces the files. */
  readonly #distinct = new WeakMap<readonly Chunk[], DistinctRows>()

  constructor(options: TableRowsOptions) {
    this.#options = options
  }

  /** The rows to load. The commit adds `_loaded_at` and `_load_id`. */
  async relation(spooled: SpooledRows): Promise<Relation> {
    const rows = await this.#newRows(spooled)
    if (spooled.old === undefined) return rows
    const old = oldRowsQuery(spooled.old, rows)
    const [counted] = await this.#query(`SELECT count(*) AS count FROM (${old})`)
    const names = new Set(rows.columns.map(({ name }) => name))
    return {
      columns: [...rows.columns, ...spooled.old.columns.filter(({ name }) => !names.has(name))],
      rowCount: rows.rowCount + Number(counted?.count),
      query: rows.rowCount === 0 ? old : `(${rows.query}) UNION ALL BY NAME (${old})`,
    }
  }

  /**
   * The rows of several loads in one relation with the column `LOAD_NUMBER`, which the engine reads
   * faster than one relation for each. Undefined if rows of some are left out, or if the loads do
   * not read their lines in the same way.
   */
  groupRelation(loads: readonly SpooledRows[]): Relation | undefined {
    const isWhole = ({ kept, old }: SpooledRows) => kept === undefined && old === undefined
    const areTimed = loads.every(({ clock }) => clock !== undefined)
    if (!areTimed || this.#options.table.key.length > 0 || !loads.every(isWhole)) return undefined
    const rowCount = loads.reduce((sum, { summary }) => sum + summary.rows, 0)
    const fields = fieldsOf(loads)
    if (rowCount === 0 || fields === undefined) return undefined
    const paths = loads.map(({ lines }) => pathsOf(lines))
    return { ...flatten(this.#inputOf(loads, fields, paths, false)), rowCount }
  }

  async #newRows(spooled: SpooledRows): Promise<Relation> {
    const { kept } = spooled
    if ((kept?.rows ?? spooled.summary.rows) === 0) return NO_ROWS
    const { count, chunks, isNumbered } = await this.#distinctRows(spooled)
    const flattened = flatten(this.#input(spooled, pathsOf(chunks), isNumbered))
    if (kept === undefined) return { ...flattened, rowCount: count }
    const { rows: rowCount, loaded } = kept
    const query = 'newHashes' in loaded ? onlyNew(flattened, loaded) : withoutLoaded(flattened, loaded)
    return { columns: flattened.columns, rowCount, query }
  }

  /** Counts rows by day before they are loaded, and rejects lines that the engine cannot read. */
  async settle(spooled: SpooledRows): Promise<SpooledRows> {
    // The scanner has already counted rows with a time.
    if (this.#options.table.lines.isTimed) return spooled
    const settled = async (rows: SpooledRows) => ({ ...rows, dayRows: await this.#dayRows(await this.relation(rows)) })
    return this.#afterSalvage(spooled, settled)
  }

  /** The rows that are not loaded yet, counted by day. */
  async withoutLoaded(spooled: SpooledRows, loaded: LoadedRows): Promise<SpooledRows> {
    if (spooled.summary.rows === 0) return { ...spooled, dayRows: {} }
    return this.#afterSalvage({ ...spooled, kept: { rows: 0, loaded } }, (rows) => this.#countKept(rows, loaded))
  }

  /**
   * The rows whose content is new. `known`: the contents in the destination, as files for
   * {@link newContents}. Counts by day stay those of all rows.
   */
  async withoutKnown(spooled: SpooledRows, known: readonly string[]): Promise<SpooledRows> {
    if (spooled.summary.rows === 0 || known.length === 0) return spooled
    return this.#afterSalvage(spooled, (rows) => this.#withoutKnown(rows, known))
  }

  /** The rows that the engine can read. @throws `failure` if it can read all rows. */
  async readable(spooled: SpooledRows, failure: unknown): Promise<SpooledRows> {
    const { engine, spool, registry, onWarning } = this.#options
    const connection = await engine.connect()
    try {
      await engine.makeRoomFor(registry.columns.length, connection)
      const queryOf = (paths: readonly string[]) => this.#flattened(spooled, paths).query
      const readable = await salvage(spooled, spool, connection, queryOf).catch((error) => {
        // A failure to try the lines says nothing about them.
        throw isFailure(error, 'ENGINE_FAILED', 'SPOOL_FAILED') ? failure : error
      })
      if (readable === undefined) throw failure
      const refused = readable.summary.rejects - spooled.summary.rejects
      onWarning(`${spooled.name}: the engine cannot read ${refused} lines. They are in _mixload_rejects.`)
      return spooled.kept === undefined ? readable : await this.#recounted(readable, spooled.kept.loaded)
    } finally {
      connection.close()
    }
  }

  /** The number of rows that would be loaded. */
  async rowCount(spooled: SpooledRows): Promise<number> {
    return (await this.#distinctRows(spooled)).count
  }

  /**
   * The number of rows that a replacement leaves, in all and by day. A line of events that came
   * twice counts once.
   */
  async replacedBy(spooled: SpooledRows): Promise<Pick<NewLoad, 'rowCount' | 'dayRows'>> {
    const { rowCount, columns, query } = await this.relation(spooled)
    const isCounted = this.#options.table.lines.isTimed && rowCount > 0 && spooled.dayRows !== null
    if (!isCounted) return { rowCount, dayRows: spooled.dayRows }
    return { rowCount, dayRows: dayRowsIn(await this.#query(countDistinctByDay({ query, columns }))) }
  }

  /** The number of rows by the value, as text, of a key column. */
  async countsBy(spooled: SpooledRows, column: string): Promise<ReadonlyMap<string, number>> {
    const input = this.#input(spooled, pathsOf(spooled.lines), false)
    const by = input.key.find(({ name }) => name === column)
    if (by === undefined) throw new TypeError(`${column} is not in the key of ${this.#options.table.name}`)
    if (spooled.summary.rows === 0) return new Map()
    const rows = await this.#query(countKeys(input, by))
    return new Map(rows.map(({ value, keys }) => [String(value), Number(keys)]))
  }

  /** Deletes the files of rows, and their numbered copies. */
  async discard({ lines, rejects, old, kept }: Pick<SpooledRows, 'lines' | 'rejects' | 'old' | 'kept'>): Promise<void> {
    if (kept !== undefined && 'newHashes' in kept.loaded) await removeChunks([{ path: kept.loaded.newHashes }])
    const distinct = this.#distinct.get(lines)
    await removeChunks([...(distinct?.isNumbered ? distinct.chunks : []), ...lines, ...rejects, ...(old?.chunks ?? [])])
  }

  /** Runs `work`; if the engine fails, again with only the rows that it can read. */
  async #afterSalvage(spooled: SpooledRows, work: (rows: SpooledRows) => Promise<SpooledRows>): Promise<SpooledRows> {
    try {
      return await work(spooled)
    } catch (error) {
      if (!isFailure(error, 'ENGINE_FAILED')) throw error
      return work(await this.readable(spooled, error))
    }
  }

  async #countKept(spooled: SpooledRows, loaded: LoadedRows): Promise<SpooledRows> {
    const query = withoutLoaded(this.#flattened(spooled), loaded)
    const counts = await this.#query(countByDay(query))
    const rows = counts.reduce((total, { count }) => total + Number(count), 0)
    return { ...spooled, dayRows: dayRowsIn(counts), kept: { rows, loaded } }
  }

  async #withoutKnown(spooled: SpooledRows, known: readonly string[]): Promise<SpooledRows> {
    const loaded: NewContents = { newHashes: this.#options.spool.nextFile('.new.parquet') }
    return this.#withContents(spooled, async (arrived) => {
      await this.#query(copyTo(loaded.newHashes, newContents(arrived, known)))
      return this.#countNew(spooled, loaded, arrived)
    })
  }

  async #countNew(spooled: SpooledRows, loaded: NewContents, arrived: string): Promise<SpooledRows> {
    const [counted] = await this.#query(countNew(arrived, loaded))
    return { ...spooled, kept: { rows: Number(counted?.count), loaded } }
  }

  /** Runs `work` with a file that has the contents of the rows, which are read once for it. */
  async #withContents<T>(spooled: SpooledRows, work: (path: string) => Promise<T>): Promise<T> {
    const path = this.#options.spool.nextFile('.contents.parquet')
    try {
      await this.#query(copyTo(path, contentsOf(this.#flattened(spooled))))
      return await work(path)
    } finally {
      await removeChunks([{ path }])
    }
  }

  async #recounted(spooled: SpooledRows, loaded: LoadedRows | NewContents): Promise<SpooledRows> {
    if (!('newHashes' in loaded)) return this.#countKept(spooled, loaded)
    return this.#withContents(spooled, (arrived) => this.#countNew(spooled, loaded, arrived))
  }

  #flattened(spooled: SpooledRows, paths = pathsOf(spooled.lines)): Flattened {
    return flatten(this.#input(spooled, paths, false))
  }

  #input(spooled: SpooledRows, paths: readonly string[], isNumbered: boolean): FlattenInput {
    return this.#inputOf([spooled], spooled.fields, [paths], isNumbered)
  }

  /** `fields`: those of all loads. `paths`: the files of each. */
  #inputOf(
    loads: readonly SpooledRows[],
    fields: readonly SpoolField[],
    paths: SpooledLines['loads'],
    isNumbered: boolean,
  ): FlattenInput {
    const { table, registry, localZone } = this.#options
    const fixed = new Map(
      registry.columns.filter(({ role }) => role === 'fixed').map((column) => [column.name, column]),
    )
    const columnOf = (name: string) => {
      const column = fixed.get(name)
      if (column === undefined) throw new TypeError(`${table.name} has no fixed column ${name}`)
      return column
    }
    const clocks = loads.flatMap(({ clock }) => clock ?? [])
    return {
      lines: {
        loads: paths,
        fields,
        shape: table.lines,
        longestLine: Math.max(...loads.map(({ summary }) => summary.longestLine)),
      },
      overflowColumn: loads.some(({ hasOverflow }) => hasOverflow) ? registry.overflowColumn() : undefined,
      key: table.key.map(columnOf),
      identity: table.identity === undefined ? undefined : columnOf(table.identity),
      isNumbered,
      events: clocks.length === 0 ? undefined : { clocks, localZone, fixed },
    }
  }

  async #distinctRows(spooled: SpooledRows): Promise<DistinctRows> {
    const { lines, summary } = spooled
    const before = this.#distinct.get(lines)
    if (before !== undefined) return before
    const mayRepeat = summary.rows > 0 && this.#options.table.key.length > 0 && !spooled.areKeysDistinct
    const input = this.#input(spooled, pathsOf(lines), false)
    const [counts] = mayRepeat ? await this.#query(countKeys(input)) : []
    // Rows that have the key of a later row.
    const repeated = counts === undefined ? 0 : Number(counts.rows) - Number(counts.keys)
    const distinct = {
      count: summary.rows - repeated,
      chunks: repeated === 0 ? lines : await numberLines(lines, this.#options.spool),
      isNumbered: repeated > 0,
    }
    this.#distinct.set(lines, distinct)
    return distinct
  }

  /** Rows by `_day`; null for a table without days. */
  async #dayRows({ query, rowCount }: Relation): Promise<DayRows | null> {
    if (!this.#options.table.columns.some(({ name }) => name === '_day')) return null
    return rowCount === 0 ? {} : dayRowsIn(await this.#query(countByDay(query)))
  }

  async #query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const connection = await this.#options.engine.connect()
    try {
      return await connection.all(sql)
    } finally {
      connection.close()
    }
  }
}

function copyTo(path: string, query: string): string {
  return `COPY (${query}) TO ${quoteText(path)} (FORMAT parquet)`
}

/** The fields of all loads; undefined if two of them use a key in different ways. */
function fieldsOf(loads: readonly SpooledRows[]): readonly SpoolField[] | undefined {
  const fields = new Map<string, SpoolField>()
  for (const field of loads.flatMap((load) => load.fields)) {
    const before = fields.get(field.key)
    const isSame = before?.form === field.form && before.column.name === field.column.name
    if (before !== undefined && !(isSame && before.column.type === field.column.type)) return undefined
    if (before === undefined) fields.set(field.key, field)
  }
  return [...fields.values()]
}

function pathsOf(chunks: readonly Chunk[]): readonly string[] {
  return chunks.map(({ path }) => path)
}

/** Rows by day, as {@link countByDay} returns them; rows without a day are left out. */
function dayRowsIn(counts: readonly Readonly<Record<string, unknown>>[]): DayRows {
  const days = counts.filter(({ day }) => day !== null)
  return Object.fromEntries(days.map(({ day, count }) => [String(day), Number(count)]))
}
