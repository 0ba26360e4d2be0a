/** Turns records into rows of the ledger's tables, and back. */
import type { KnownColumn, LoadRecord } from './contract.ts'
import { COLUMNS, columnsOf, type LedgerColumns, type LedgerTable, LOADS, type NotedColumn } from './ledger.ts'

/** A row by the names of its columns, each value a text that keeps every digit. */
export type LedgerRow = Readonly<Record<string, string | null>>

/** A load as a row of `_mixload_loads`. */
export function loadRow(record: LoadRecord): LedgerRow {
  return rowOf(LOADS, record)
}

/** The load in a row of `_mixload_loads`, which may lack columns that an earlier version lacked. */
export function loadOf(row: LedgerRow): LoadRecord {
  return recordOf(LOADS, row)
}

/** A column of a table as a row of `_mixload_columns`. */
export function columnRow(column: NotedColumn): LedgerRow {
  return rowOf(COLUMNS, column)
}

/** The column in a row of `_mixload_columns`, and its table. */
export function columnOf(row: LedgerRow): { readonly table: string; readonly column: KnownColumn } {
  const { table, ...column } = recordOf(COLUMNS, row)
  return { table, column }
}

/** A row for JSON files: integers are numbers, unless a number would lose digits. */
export function typedRow(table: LedgerTable, row: LedgerRow): Readonly<Record<string, string | number | null>> {
  return Object.fromEntries(
    columnsOf(table).map(({ name, type }) => {
      const value = row[name] ?? null
      const number = value === null || type !== 'bigint' ? Number.NaN : Number(value)
      return [name, Number.isSafeInteger(number) ? number : value]
    }),
  )
}

/** A row with the values that a driver or a file has, as texts. */
export function untypedRow(values: Readonly<Record<string, unknown>>): LedgerRow {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === null || value === undefined ? null : String(value)]),
  )
}

function rowOf<R>({ columns }: LedgerTable<R>, record: R): LedgerRow {
  const row: Record<string, string | null> = {}
  for (const field of fieldsOf(columns)) row[columns[field].name] = columns[field].toText(record[field])
  return row
}

function recordOf<R>({ columns }: LedgerTable<R>, row: LedgerRow): R {
  const record: Partial<R> = {}
  for (const field of fieldsOf(columns)) {
    const value = columns[field].fromText(row[columns[field].name] ?? null)
    // An absent field stays absent: a field that may be left out does not hold undefined.
    if (value !== undefined) record[field] = value
  }
  return record as R
}

function fieldsOf<R>(columns: LedgerColumns<R>): readonly (keyof R)[] {
  return Object.keys(columns) as (keyof R)[]
}
