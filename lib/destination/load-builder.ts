import { type Engine, type EngineConnection, interruptible } from '../engine/engine.ts'
import type { DayRows } from '../time/day-tally.ts'
import type {
  DestinationDriver,
  KnownColumn,
  Load,
  LoadRecord,
  LoadTarget,
  NewLoad,
  Relation,
  SupersededRows,
  WriteMode,
} from './contract.ts'
import { REJECTS, SUPERSEDED } from './ledger.ts'
import { assertCount, assertDays, assertKnown, rejectsOfLoad, removedRows, rowsOfLoads } from './load-rules.ts'
import { isNumbered, supersededBy, withNumbers } from './superseded.ts'

/** Rows to load, where they go to, and their ledger row. */
export interface LoadRequest<R extends NewLoad = NewLoad> {
  readonly relation: Relation
  readonly target: LoadTarget
  readonly record: R
}

type Place = Pick<DestinationDriver, 'capabilities' | 'pathInViews'>

/** Makes loads, as drivers take them, from what is requested. */
export class LoadBuilder {
  readonly #place: Place
  readonly #engine: Engine
  /** Checks relations that should have no rows. */
  #counter: EngineConnection | undefined

  constructor(place: Place, engine: Engine) {
    this.#place = place
    this.#engine = engine
  }

  /**
   * @param group the rows of all requests, which append to one table, in one relation: see
   *   `grouped-rows.ts`. Undefined to write the rows of each request on their own.
   * @throws MixloadError if a request breaks a rule: see `load-rules.ts`.
   */
  async loads(
    requests: readonly LoadRequest<LoadRecord>[],
    group: Relation | undefined,
    columnsOf: (table: string) => Promise<readonly KnownColumn[]>,
    signal: AbortSignal,
  ): Promise<readonly Load[]> {
    const loads: Load[] = []
    for (const request of requests) {
      loads.push(await this.#load(request, await columnsOf(request.target.table), signal))
    }
    return this.#withOneSearch(group === undefined ? loads : withGroup(loads, group))
  }

  close(): void {
    this.#counter?.close()
  }

  async #load(
    { relation, target, record }: LoadRequest<LoadRecord>,
    columns: readonly KnownColumn[],
    signal: AbortSignal,
  ): Promise<Load> {
    const { table, mode, rejects, removal } = target
    assertDays(mode, this.#place.capabilities.daysPerLoadMax, table)
    if (relation.rowCount > 0) assertKnown(relation, columns, table)
    return {
      record,
      table,
      columns,
      mode: columns.length === 0 ? { kind: 'append' } : mode,
      rows: (await this.#hasRows(relation, table, signal))
        ? withNumbers(rowsOfLoads(relation, [record], table, columns), columns)
        : undefined,
      rejects:
        rejects !== undefined && (await this.#hasRows(rejects, REJECTS.name, signal))
          ? rejectsOfLoad(rejects, record)
          : undefined,
      superseded: this.#supersededBy(record, table, columns, mode),
      removal: removal && removedRows(removal, table),
    }
  }

  /**
   * Loads that append to a table together search for superseded rows once, after the last of them.
   */
  #withOneSearch(loads: readonly Load[]): readonly Load[] {
    const searching = loads.filter(({ superseded }) => superseded !== undefined)
    const last = searching.at(-1)
    if (last === undefined || !searching.every(({ table, mode }) => table === last.table && mode.kind === 'append')) {
      return loads
    }
    const all = {
      ...last.record,
      rowCount: searching.reduce((sum, { record }) => sum + record.rowCount, 0),
      dayRows: sumOfDays(searching.map(({ record }) => record.dayRows)),
    }
    const superseded = this.#supersededBy(all, last.table, last.columns, last.mode)
    return loads.map((load) => ({ ...load, superseded: load === last ? superseded : undefined }))
  }

  /** What a load does to superseded rows; undefined if it changes no numbered rows. */
  #supersededBy(
    record: LoadRecord,
    table: string,
    columns: readonly KnownColumn[],
    mode: WriteMode,
  ): SupersededRows | undefined {
    const isSearch = record.selection.kind === 'upgrade'
    if (!isNumbered(columns) || (record.rowCount === 0 && mode.kind === 'append' && !isSearch)) return undefined
    const { capabilities } = this.#place
    const paths = { table: this.#place.pathInViews(table), superseded: this.#place.pathInViews(SUPERSEDED.name) }
    return supersededBy(capabilities, columns, paths, mode, record)
  }

  /** Whether a relation has rows. Checks it if it should have none: it may then lack columns. */
  async #hasRows(relation: Relation, table: string, signal: AbortSignal): Promise<boolean> {
    if (relation.rowCount === 0) assertCount(0, await this.#count(relation.query, signal), table)
    return relation.rowCount > 0
  }

  async #count(query: string, signal: AbortSignal): Promise<number> {
    this.#counter ??= await this.#engine.connect()
    const connection = this.#counter
    const [found] = await interruptible(connection, signal, () =>
      connection.all(`SELECT count(*) AS count FROM (${query})`),
    )
    return Number(found?.count)
  }
}

/** The first load writes the rows of all of them. */
function withGroup(loads: readonly Load[], group: Relation): readonly Load[] {
  const [first] = loads
  if (first === undefined) return loads
  const { table, columns } = first
  assertKnown(group, columns, table)
  const records = loads.map(({ record }) => record)
  const rows = withNumbers(rowsOfLoads(group, records, table, columns), columns)
  return loads.map((load) => ({ ...load, rows: load === first ? rows : undefined }))
}

/** Null if the rows of one of them are not counted by day. */
function sumOfDays(all: readonly (DayRows | null)[]): DayRows | null {
  const sum: Record<string, number> = {}
  for (const rows of all) {
    if (rows === null) return null
    for (const [day, count] of Object.entries(rows)) sum[day] = (sum[day] ?? 0) + count
  }
  return sum
}
