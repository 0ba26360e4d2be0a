import type { KnownColumn, LoadRecord } from '../../lib/destination.ts'
import { COLUMNS, columnOf, LOADS, loadOf } from './ledger.ts'
import type { Table, Tables } from './tables.ts'

/**
 * What the ledger and the tables' schemas say. Whoever holds the lease reads them once and keeps them as it changes
 * them, since nobody else does; others read them anew each time. Listing rows is free, and asks no query.
 */
export class Book {
  readonly #tables: Tables
  readonly #isKept: boolean
  #loads: LoadRecord[] | undefined
  #columns: Map<string, Map<string, KnownColumn>> | undefined
  readonly #schemas = new Map<string, Table>()

  constructor(tables: Tables, isKept: boolean) {
    this.#tables = tables
    this.#isKept = isKept
  }

  /** All loads, in the order of their commits. */
  async loads(signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    if (this.#loads !== undefined) return this.#loads
    const loads = (await this.#tables.rows(LOADS, signal)).map(loadOf)
    loads.sort((one, other) => one.loadedAt.getTime() - other.loadedAt.getTime())
    if (this.#isKept) this.#loads = loads
    return loads
  }

  addLoad(record: LoadRecord): void {
    this.#loads?.push(record)
  }

  /** The columns of a table that mixload has made and that are still there, in the table's order. */
  async columns(name: string, signal?: AbortSignal): Promise<readonly KnownColumn[]> {
    const [noted, table] = await Promise.all([this.#notedColumns(signal), this.table(name, signal)])
    const known = noted.get(name)
    return (table?.fields ?? []).flatMap((field) => known?.get(field.name) ?? [])
  }

  addColumns(name: string, columns: readonly KnownColumn[]): void {
    if (this.#columns !== undefined) put(this.#columns, name, columns)
  }

  async table(name: string, signal?: AbortSignal): Promise<Table | undefined> {
    return this.#schemas.get(name) ?? this.tableAnew(name, signal)
  }

  /** As it is now, with what others have made of it. */
  async tableAnew(name: string, signal?: AbortSignal): Promise<Table | undefined> {
    const table = await this.#tables.get(name, signal)
    if (table !== undefined) this.keepTable(name, table)
    return table
  }

  keepTable(name: string, table: Table): void {
    if (this.#isKept) this.#schemas.set(name, table)
  }

  /** After something of which nobody knows whether it was done. */
  forget(): void {
    this.#loads = undefined
    this.#columns = undefined
    this.#schemas.clear()
  }

  async #notedColumns(signal: AbortSignal | undefined): Promise<ReadonlyMap<string, ReadonlyMap<string, KnownColumn>>> {
    if (this.#columns !== undefined) return this.#columns
    const notes = (await this.#tables.rows(COLUMNS, signal)).map(columnOf)
    // A column may be noted twice: by a run that was killed before it knew, or when it was dropped by hand and made anew.
    notes.sort((one, other) => one.column.firstSeenAt.getTime() - other.column.firstSeenAt.getTime())
    const columns = new Map<string, Map<string, KnownColumn>>()
    for (const { table, column } of notes) put(columns, table, [column])
    if (this.#isKept) this.#columns = columns
    return columns
  }
}

function put(all: Map<string, Map<string, KnownColumn>>, table: string, columns: readonly KnownColumn[]): void {
  const known = all.get(table) ?? new Map<string, KnownColumn>()
  for (const column of columns) known.set(column.name, column)
  all.set(table, known)
}
