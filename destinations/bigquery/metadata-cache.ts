import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { columnOf, loadsOf } from '../../lib/destination/ledger-row.ts'
import { COLUMNS, LOADS, rowOf } from './ledger.ts'
import type { Table, Tables } from './tables.ts'

/**
 * The ledger and the schemas of the tables. The run that holds the lease reads them once and
 * updates them with its own changes, because no other run makes any. A run that only reads fetches
 * them each time. Listing rows needs no query and is free of charge.
 */
export class MetadataCache {
  readonly #tables: Tables
  readonly #isWriter: boolean
  #loads: LoadRecord[] | undefined
  #columns: Map<string, Map<string, KnownColumn>> | undefined
  readonly #schemas = new Map<string, Table>()

  /** @param isWriter whether this run holds the lease. */
  constructor(tables: Tables, isWriter: boolean) {
    this.#tables = tables
    this.#isWriter = isWriter
  }

  /** All loads, in the order of their commits. */
  async loads(signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    if (this.#loads !== undefined) return this.#loads
    const loads = [...loadsOf((await this.#tables.rows(LOADS, signal)).map((row) => rowOf(LOADS, row)))]
    if (this.#isWriter) this.#loads = loads
    return loads
  }

  addLoad(record: LoadRecord): void {
    this.#loads?.push(record)
  }

  /** The columns of a table that mixload has created and that still exist, in the table's order. */
  async columns(name: string, signal?: AbortSignal): Promise<readonly KnownColumn[]> {
    const [recorded, table] = await Promise.all([this.#recordedColumns(signal), this.table(name, signal)])
    const known = recorded.get(name)
    return (table?.fields ?? []).flatMap((field) => known?.get(field.name) ?? [])
  }

  addColumns(name: string, columns: readonly KnownColumn[]): void {
    if (this.#columns !== undefined) addTo(this.#columns, name, columns)
  }

  async table(name: string, signal?: AbortSignal): Promise<Table | undefined> {
    return this.#schemas.get(name) ?? this.reloadTable(name, signal)
  }

  /** Fetches the table again, with the changes that others have made. */
  async reloadTable(name: string, signal?: AbortSignal): Promise<Table | undefined> {
    const table = await this.#tables.get(name, signal)
    if (table !== undefined) this.putTable(name, table)
    return table
  }

  putTable(name: string, table: Table): void {
    if (this.#isWriter) this.#schemas.set(name, table)
  }

  /** To be called after a change if it is unknown whether BigQuery made it. */
  clear(): void {
    this.#loads = undefined
    this.#columns = undefined
    this.#schemas.clear()
  }

  async #recordedColumns(
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, KnownColumn>>> {
    if (this.#columns !== undefined) return this.#columns
    const recorded = (await this.#tables.rows(COLUMNS, signal)).map((row) => columnOf(rowOf(COLUMNS, row)))
    // A column may be recorded twice: by a run that was killed before it knew, or because somebody
    // dropped it by hand and it was created again.
    recorded.sort((a, b) => a.column.firstSeenAt.getTime() - b.column.firstSeenAt.getTime())
    const columns = new Map<string, Map<string, KnownColumn>>()
    for (const { table, column } of recorded) addTo(columns, table, [column])
    if (this.#isWriter) this.#columns = columns
    return columns
  }
}

function addTo(all: Map<string, Map<string, KnownColumn>>, table: string, columns: readonly KnownColumn[]): void {
  const known = all.get(table) ?? new Map<string, KnownColumn>()
  for (const column of columns) known.set(column.name, column)
  all.set(table, known)
}
