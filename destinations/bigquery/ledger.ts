import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import {
  COLUMNS as COLUMNS_TABLE,
  columnsOf,
  type LedgerTable as DeclaredTable,
  LOADS as LOADS_TABLE,
  REJECTS as REJECTS_TABLE,
} from '../../lib/destination/ledger.ts'
import { columnOf, type LedgerRow, loadOf } from '../../lib/destination/ledger-row.ts'
import type { JsonObject } from './api/json.ts'
import type { ListedRow, Table, Tables } from './api/tables.ts'
import { TYPE_NAMES } from './dialect.ts'

export const LOADS = '_mixload_loads'
export const COLUMNS = '_mixload_columns'
export const REJECTS = '_mixload_rejects'
export const LEASE = '_mixload_lease'

/** A column of a ledger table, as the API has it. */
export interface LedgerField {
  readonly name: string
  readonly type: string
  readonly mode: 'REQUIRED' | 'NULLABLE'
}

function fieldsOf<R>(table: DeclaredTable<R>): readonly LedgerField[] {
  return columnsOf(table).map(({ name, type, nullable }) => ({
    name,
    type: TYPE_NAMES[type],
    mode: nullable ? 'NULLABLE' : 'REQUIRED',
  }))
}

/** The schemas of the ledger's tables, for their creation and for each job that writes them. */
export const SCHEMAS = {
  [LOADS]: fieldsOf(LOADS_TABLE),
  [COLUMNS]: fieldsOf(COLUMNS_TABLE),
  [REJECTS]: fieldsOf(REJECTS_TABLE),
} as const

/** A table of the ledger. */
export type LedgerTable = keyof typeof SCHEMAS

/**
 * The ledger's tables. Those that every load writes are partitioned, because such tables may be
 * changed ten times as often, and more than 1,500 times a day
 * (docs.cloud.google.com/bigquery/quotas, "Partitioned tables").
 */
export const RESOURCES: Readonly<Record<LedgerTable, JsonObject>> = {
  [LOADS]: {
    description: 'One row for each load that mixload has committed. A load without a row here is not committed.',
    schema: { fields: SCHEMAS[LOADS] },
    timePartitioning: { type: 'DAY', field: 'loaded_at' },
  },
  [COLUMNS]: {
    description: 'The columns that mixload has created, and the Mixpanel properties whose values they hold.',
    schema: { fields: SCHEMAS[COLUMNS] },
    timePartitioning: { type: 'DAY', field: 'first_seen_at' },
  },
  [REJECTS]: {
    description: 'Lines that Mixpanel sent and that are not valid events.',
    schema: { fields: SCHEMAS[REJECTS] },
  },
}

/**
 * A row as the API lists it, with moments, which the API lists as microseconds since 1970, as ISO
 * texts.
 */
export function rowOf(table: LedgerTable, listed: ListedRow): LedgerRow {
  const moments = SCHEMAS[table].filter(({ type }) => type === TYPE_NAMES.timestamptz)
  const row: Record<string, string | null> = { ...listed }
  for (const { name } of moments) {
    const microseconds = row[name] ?? null
    if (microseconds !== null) row[name] = new Date(Number(BigInt(microseconds) / 1000n)).toISOString()
  }
  return row
}

/**
 * Creates the ledger's tables that are missing, and the columns that an older version did not have.
 */
export async function ensureLedger(tables: Tables, isNew: boolean, signal: AbortSignal): Promise<void> {
  const names = Object.keys(RESOURCES) as LedgerTable[]
  await Promise.all(
    names.map(async (name) => {
      const table = isNew ? undefined : await tables.get(name, signal)
      if (table === undefined) await tables.create(name, RESOURCES[name], signal)
      else await addFields(tables, name, table, signal)
    }),
  )
}

async function addFields(tables: Tables, name: LedgerTable, table: Table, signal: AbortSignal): Promise<void> {
  const missing = SCHEMAS[name].filter((field) => !table.fields.some((existing) => existing.name === field.name))
  if (missing.length === 0) return
  const fields = [...table.fields.map(({ resource }) => resource), ...missing]
  if ((await tables.change(name, table, { schema: { fields } }, signal)) !== undefined) return
  // Somebody else has changed it at the same time, perhaps in the same way.
  const current = await tables.get(name, signal)
  if (current !== undefined) await addFields(tables, name, current, signal)
}

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

  /** All loads. */
  async loads(signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    if (this.#loads !== undefined) return this.#loads
    const loads = (await this.#tables.rows(LOADS, signal)).map((row) => loadOf(rowOf(LOADS, row)))
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
