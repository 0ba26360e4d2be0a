import {
  COLUMNS as COLUMNS_TABLE,
  columnsOf,
  type LedgerTable as DeclaredTable,
  LOADS as LOADS_TABLE,
  REJECTS as REJECTS_TABLE,
} from '../../lib/destination/ledger.ts'
import type { LedgerRow } from '../../lib/destination/ledger-row.ts'
import { TYPE_NAMES } from './dialect.ts'
import type { JsonObject } from './json.ts'
import type { ListedRow } from './tables.ts'

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

/** A row as the API lists it, with moments, which the API lists as microseconds since 1970, as ISO texts. */
export function rowOf(table: LedgerTable, listed: ListedRow): LedgerRow {
  const moments = SCHEMAS[table].filter(({ type }) => type === TYPE_NAMES.timestamptz)
  const row: Record<string, string | null> = { ...listed }
  for (const { name } of moments) {
    const microseconds = row[name] ?? null
    if (microseconds !== null) row[name] = new Date(Number(BigInt(microseconds) / 1000n)).toISOString()
  }
  return row
}
