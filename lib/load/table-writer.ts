import { randomUUID } from 'node:crypto'
import type { Column } from '../columns/column.ts'
import { VERSION } from '../core/version.ts'
import type { LoadRecord, NewLoad, Relation, WriteMode } from '../destination/contract.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { viewsOver } from '../views/views.ts'

/** The ledger row of a load, without what {@link TableWriter} adds. */
type LoadDetails = Pick<NewLoad, 'selection' | 'startedAt' | 'source'> & Partial<NewLoad>

/** Of a load that is neither of days nor counted. */
const UNCOUNTED = { firstDay: null, lastDay: null, rejectCount: 0, byteCount: 0, requestCount: 0, dayRows: null }

/** Adds columns and rows to a table of the destination, and keeps its views up to date. */
export class TableWriter {
  readonly #destination: Warehouse
  readonly #table: string
  /** Names of the columns that the destination has. */
  readonly #existing: Set<string>

  constructor(destination: Warehouse, table: string, existing: readonly Column[]) {
    this.#destination = destination
    this.#table = table
    this.#existing = new Set(existing.map(({ name }) => name))
  }

  /** Recreates the table's views with the columns it has. */
  async putViews(): Promise<void> {
    const views = await viewsOver(this.#destination, this.#table)
    if (views.length > 0) await this.#destination.putViews(views)
  }

  /**
   * Adds the missing columns, the fixed ones and those that rows use, and returns them. This
   * happens before the load, because a column that no row uses does no harm.
   */
  async addColumns(columns: readonly Column[], used: readonly Column[], loadId: string): Promise<readonly Column[]> {
    // A companion needs the column whose misfits it takes.
    const needed = new Set(used.flatMap(({ name, owner }) => (owner === undefined ? [name] : [name, owner])))
    const missing = columns.filter(
      ({ name, role }) => !this.#existing.has(name) && (role === 'fixed' || needed.has(name)),
    )
    if (missing.length === 0) return missing
    const added = missing.map((column) => ({ ...column, firstLoadId: loadId }))
    await this.#destination.addColumns(this.#table, added)
    for (const { name } of missing) this.#existing.add(name)
    await this.putViews()
    return missing
  }

  /** Loads rows, and rejects if there are any, in one commit. */
  load(
    relation: Relation & { readonly rowCount: number },
    mode: WriteMode,
    details: LoadDetails,
    signal: AbortSignal,
    rejects?: Relation,
  ): Promise<LoadRecord> {
    const table = this.#table
    const { rowCount } = relation
    const own = { stream: table, rowCount, writeMode: mode.kind, mixloadVersion: VERSION }
    const load = { loadId: randomUUID(), ...UNCOUNTED, ...details, ...own }
    return this.#destination.load(relation, { table, mode, rejects }, load, signal)
  }
}
