import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
import { COLUMNS, columnsOf, type LedgerTable, LOADS, REJECTS, SUPERSEDED } from '../../lib/destination/ledger.ts'
import { columnOf, loadOf } from '../../lib/destination/ledger-row.ts'
import { type Table, type Tables, untilChanged } from './api/tables.ts'
import { TYPE_NAMES } from './dialect.ts'

interface LedgerSchema {
  readonly fields: readonly { readonly name: string; readonly type: string; readonly mode: 'REQUIRED' | 'NULLABLE' }[]
}

/** The table whose description is the run lock. */
export const LEASE = '_mixload_lease'

/** The schemas of the ledger's tables, for their creation and for each job that writes them. */
export const SCHEMAS = { loads: schemaOf(LOADS), columns: schemaOf(COLUMNS), rejects: schemaOf(REJECTS) }

/**
 * The ledger's tables. Those that every load writes are partitioned, because such tables may be
 * changed ten times as often, and more than 1,500 times a day
 * (docs.cloud.google.com/bigquery/quotas, "Partitioned tables"). The superseded rows are not,
 * because a load that replaces days writes all of them again, which would change every partition.
 */
const RESOURCES = {
  [LOADS.name]: {
    description: 'One row for each load that mixload has committed. A load without a row here is not committed.',
    schema: SCHEMAS.loads,
    timePartitioning: { type: 'DAY', field: LOADS.columns.loadedAt.name },
  },
  [COLUMNS.name]: {
    description: 'The columns that mixload has created, and the Mixpanel properties whose values they hold.',
    schema: SCHEMAS.columns,
    timePartitioning: { type: 'DAY', field: COLUMNS.columns.firstSeenAt.name },
  },
  [REJECTS.name]: { description: 'Lines that Mixpanel sent and that are not valid events.', schema: SCHEMAS.rejects },
  [SUPERSEDED.name]: {
    description: 'Rows of export that are copies of an event which another row shows better.',
    // A query fills it, whose columns can be null. BigQuery would not append them to required ones.
    schema: { fields: schemaOf(SUPERSEDED).fields.map((field) => ({ ...field, mode: 'NULLABLE' as const })) },
    clustering: { fields: [SUPERSEDED.columns.rowId.name] },
  },
}

/** Creates the ledger's missing tables, and the columns that an older version did not have. */
export async function ensureLedger(tables: Tables, isNew: boolean, signal: AbortSignal): Promise<void> {
  await Promise.all(
    Object.entries(RESOURCES).map(async ([name, resource]) => {
      const isCreated = isNew && (await tables.create(name, resource, signal)) !== undefined
      if (!isCreated) await untilChanged(`table ${name}`, () => createOrExtend(tables, name, resource, signal))
    }),
  )
}

/** Returns false if somebody else has changed the table meanwhile, perhaps in the same way. */
async function createOrExtend(
  tables: Tables,
  name: string,
  resource: { readonly schema: LedgerSchema },
  signal: AbortSignal,
): Promise<boolean> {
  const table = await tables.get(name, signal)
  if (table === undefined) return (await tables.create(name, resource, signal)) !== undefined
  const existing = new Set(table.fields.map((field) => field.name))
  const missing = resource.schema.fields.filter((field) => !existing.has(field.name))
  if (missing.length === 0) return true
  const fields = [...table.fields.map((field) => field.resource), ...missing]
  return (await tables.change(name, table, { schema: { fields } }, signal)) !== undefined
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
  #columns: RecordedColumn[] | undefined
  readonly #schemas = new Map<string, Table>()

  /** @param isWriter whether this run holds the lease. */
  constructor(tables: Tables, isWriter: boolean) {
    this.#tables = tables
    this.#isWriter = isWriter
  }

  async loads(signal?: AbortSignal): Promise<readonly LoadRecord[]> {
    if (this.#loads !== undefined) return this.#loads
    const loads = (await this.#tables.rows(LOADS.name, signal)).map(loadOf)
    if (this.#isWriter) this.#loads = loads
    return loads
  }

  addLoad(record: LoadRecord): void {
    this.#loads?.push(record)
  }

  /** The columns of a table that mixload has created and that still exist, in the table's order. */
  async columns(name: string, signal?: AbortSignal): Promise<readonly KnownColumn[]> {
    const [recorded, table] = await Promise.all([this.#recordedColumns(signal), this.table(name, signal)])
    const ofTable = recorded.filter((record) => record.table === name)
    const known = new Map(ofTable.map(({ column }) => [column.name, column]))
    return (table?.fields ?? []).flatMap((field) => known.get(field.name) ?? [])
  }

  addColumns(table: string, columns: readonly KnownColumn[]): void {
    this.#columns?.push(...columns.map((column) => ({ table, column })))
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

  async #recordedColumns(signal: AbortSignal | undefined): Promise<readonly RecordedColumn[]> {
    if (this.#columns !== undefined) return this.#columns
    const columns = (await this.#tables.rows(COLUMNS.name, signal)).map(columnOf)
    // A column may be recorded twice: by a run that was killed before it knew, or because somebody
    // dropped it by hand and it was created again. The last record counts.
    columns.sort((a, b) => a.column.firstSeenAt.getTime() - b.column.firstSeenAt.getTime())
    if (this.#isWriter) this.#columns = columns
    return columns
  }
}

type RecordedColumn = ReturnType<typeof columnOf>

function schemaOf<R>(table: LedgerTable<R>): LedgerSchema {
  const fields = columnsOf(table).map(
    ({ name, type, nullable }) => ({ name, type: TYPE_NAMES[type], mode: nullable ? 'NULLABLE' : 'REQUIRED' }) as const,
  )
  return { fields }
}
