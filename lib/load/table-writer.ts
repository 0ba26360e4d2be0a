import { randomUUID } from 'node:crypto'
import type { Column } from '../columns/column.ts'
import { VERSION } from '../core/version.ts'
import type { LoadRecord, NewLoad, Relation, WriteMode } from '../destination/contract.ts'
import type { LoadRequest } from '../destination/load-builder.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import type { IdMerge } from '../mixpanel/id-merge.ts'
import { viewsOver } from '../views/views.ts'

/** The ledger row of a load, without what {@link TableWriter} adds. */
type LoadDetails = Pick<NewLoad, 'selection' | 'startedAt' | 'source'> & Partial<NewLoad>

/** The columns that a load uses. */
interface ColumnsUsed {
  readonly loadId: string
  readonly used: readonly Column[]
}

/** Of a load that is neither of days nor counted. */
const UNCOUNTED = { firstDay: null, lastDay: null, rejectCount: 0, byteCount: 0, requestCount: 0, dayRows: null }

/** Adds columns and rows to a table of the destination, and keeps its views up to date. */
export class TableWriter {
  readonly #destination: Warehouse
  readonly #table: string
  readonly #idMerge: IdMerge | undefined
  /** Names of the columns that the destination has. */
  readonly #existing: Set<string>

  /** `idMerge`: how the project merges ids, for the view `identities`. */
  constructor(destination: Warehouse, table: string, existing: readonly Column[], idMerge?: IdMerge) {
    this.#destination = destination
    this.#table = table
    this.#idMerge = idMerge
    this.#existing = new Set(existing.map(({ name }) => name))
  }

  /** Recreates the table's views with the columns it has. */
  async putViews(): Promise<void> {
    const views = await viewsOver(this.#destination, this.#table, this.#idMerge)
    if (views.length > 0) await this.#destination.putViews(views)
  }

  /**
   * Adds the missing columns, the fixed ones and those that loads use, and returns them. This
   * happens before the loads, because a column that no row uses does no harm.
   */
  async addColumns(columns: readonly Column[], loads: readonly ColumnsUsed[]): Promise<readonly Column[]> {
    const firstUse = new Map<string, string>()
    for (const { used, loadId } of loads) {
      // A companion needs the column whose misfits it takes.
      const needed = used.flatMap(({ name, owner }) => (owner === undefined ? [name] : [name, owner]))
      for (const name of needed) if (!firstUse.has(name)) firstUse.set(name, loadId)
    }
    const firstLoadId = loads[0]?.loadId ?? ''
    const missing = columns.filter(
      ({ name, role }) => !this.#existing.has(name) && (role === 'fixed' || firstUse.has(name)),
    )
    if (missing.length === 0) return missing
    const added = missing.map((column) => ({ ...column, firstLoadId: firstUse.get(column.name) ?? firstLoadId }))
    await this.#destination.addColumns(this.#table, added)
    for (const { name } of missing) this.#existing.add(name)
    await this.putViews()
    return missing
  }

  /** The load of rows, and of rejects if there are any. */
  request(
    relation: Relation & { readonly rowCount: number },
    mode: WriteMode,
    details: LoadDetails,
    rejects?: Relation,
  ): LoadRequest {
    const table = this.#table
    const { rowCount } = relation
    const own = { stream: table, rowCount, writeMode: mode.kind, mixloadVersion: VERSION }
    const record = { loadId: randomUUID(), ...UNCOUNTED, ...details, ...own }
    return { relation, target: { table, mode, rejects }, record }
  }

  /** Loads rows in one commit. */
  load({ relation, target, record }: LoadRequest, signal: AbortSignal): Promise<LoadRecord> {
    return this.#destination.load(relation, target, record, signal)
  }

  /** Makes several loads in one commit. `group`: the rows of all of them in one relation. */
  loadAll(requests: readonly LoadRequest[], signal: AbortSignal, group?: Relation): Promise<readonly LoadRecord[]> {
    return this.#destination.loadAll(requests, signal, group)
  }
}
