import type { Column } from '../../lib/columns/column.ts'
import { canonical, type Exact, parseExact } from '../conformance/exact-json.ts'
import type { Cell, StoredRow } from '../conformance/harness.ts'
import { sorted } from '../conformance/rows.ts'

/**
 * Rows without the moment of their load and their random number, with one spelling for each json
 * value, in an order that depends only on them.
 */
export function comparable(rows: readonly StoredRow[], columns: readonly Column[]): readonly StoredRow[] {
  const jsons = new Set(columns.filter(({ type }) => type === 'json').map(({ name }) => name))
  const cell = ([name, value]: readonly [string, Cell]): readonly [string, Cell] => [
    name,
    jsons.has(name) && value !== null ? canonical(ordered(parseExact(String(value)))) : value,
  ]
  return sorted(rows.map(({ _loaded_at, _mixload_row, ...row }) => Object.fromEntries(Object.entries(row).map(cell))))
}

/** The same value with the keys of its objects in one order: some warehouses keep none. */
function ordered(value: Exact): Exact {
  if (value === null || typeof value !== 'object' || 'number' in value) return value
  if ('list' in value) return { list: value.list.map(ordered) }
  const entries = value.object.map(([key, item]) => [key, ordered(item)] as const)
  return { object: entries.toSorted(([left], [right]) => (left < right ? -1 : 1)) }
}
