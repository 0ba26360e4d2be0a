import type { DuckDBResultReader, JS } from '@duckdb/node-api'
import type { Cell, StoredRow } from '../conformance/harness.ts'

/** A row of the engine in a form that can be compared. Its dates and moments are both `Date`s. */
export function storedRow(row: Readonly<Record<string, unknown>>, isDate: (name: string) => boolean): StoredRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value as JS, isDate(name))]))
}

/** The rows of an answer of DuckDB's. */
export function storedRows(answer: DuckDBResultReader): readonly StoredRow[] {
  const types = new Map(answer.columnNames().map((name, at) => [name, answer.columnType(at).toString()]))
  return answer.getRowObjectsJS().map((row) => storedRow(row, (name) => types.get(name) === 'DATE'))
}

function cell(value: JS, isDate: boolean): Cell {
  if (value instanceof Date) return isDate ? value.toISOString().slice(0, 10) : value.toISOString()
  if (value === null || value === undefined) return null
  if (typeof value === 'object') throw new TypeError('no column has a type that gives this')
  return value
}
