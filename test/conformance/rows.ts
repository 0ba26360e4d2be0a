import { EXPORT_COLUMNS, ROW_COLUMN } from '../../lib/columns/catalogue.ts'
import type { Column, ColumnType } from '../../lib/columns/column.ts'
import { quoteName, quoteText } from '../../lib/core/sql.ts'
import type { LoadRecord, LoadTarget, NewColumn, NewLoad, Relation } from '../../lib/destination/contract.ts'
import { EVERYTHING } from '../../lib/destination/selection.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import type { Cell, StoredRow } from './harness.ts'

export const TABLE = 'things'

export function property(name: string, type: ColumnType = 'text'): Column {
  return { name, type, role: 'property', property: name }
}

const fixed = (name: string, type: ColumnType): Column => ({ name, type, role: 'fixed', property: null })

/** The columns of events that a load gives. The rest comes with the commit. */
export const EVENT_COLUMNS: readonly Column[] = EXPORT_COLUMNS.filter(
  ({ name }) => !['_loaded_at', '_load_id', ROW_COLUMN].includes(name),
)

/** The columns that a commit adds to every table. */
export const OWN_COLUMNS: readonly Column[] = [fixed('_loaded_at', 'timestamptz'), fixed('_load_id', 'text')]
export const DAY_COLUMN: Column = fixed('_day', 'date')
/** What most cases load. */
export const COLUMNS: readonly Column[] = [DAY_COLUMN, property('name'), property('amount', 'double')]

export function newColumns(columns: readonly Column[], firstLoadId = 'load-0'): readonly NewColumn[] {
  return columns.map((column) => ({ ...column, firstLoadId }))
}

/** A value as an expression of the engine's SQL, typed. */
function literal(type: ColumnType, cell: Cell): string {
  if (cell === null) return `CAST(NULL AS ${ENGINE_TYPES[type]})`
  const text = Object.is(cell, -0) ? '-0.0' : String(cell)
  return `CAST(${text.split('\0').map(quoteText).join(' || chr(0) || ')} AS ${ENGINE_TYPES[type]})`
}

/** A relation of these rows. A column that a row lacks is null in it. */
export function relationOf(columns: readonly Column[], rows: readonly StoredRow[]): Relation {
  if (columns.length === 0) return { columns, rowCount: 0, query: 'SELECT 1 WHERE false' }
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  const tuple = (row: StoredRow) => `(${columns.map(({ name, type }) => literal(type, row[name] ?? null)).join(', ')})`
  const values = rows.length === 0 ? tuple({}) : rows.map(tuple).join(', ')
  const query = `SELECT * FROM (VALUES ${values}) AS given(${names})${rows.length === 0 ? ' WHERE false' : ''}`
  return { columns, rowCount: rows.length, query }
}

/**
 * `count` rows of {@link COLUMNS} on one day. The engine notices only while it runs that row
 * `failsAt` is invalid.
 */
export function manyRows(count: number, day: string, failsAt?: number): Relation {
  const name = "concat('n', i)"
  const value = failsAt === undefined ? name : `CASE WHEN i = ${failsAt} THEN error('row ${failsAt}') ELSE ${name} END`
  return {
    columns: COLUMNS,
    rowCount: count,
    query: `SELECT CAST(${quoteText(day)} AS DATE) AS "_day", ${value} AS "name", CAST(i AS DOUBLE) / 4 AS "amount"
      FROM range(${count}) AS numbers(i)`,
  }
}

/** A query that no machine finishes while a test runs, and that has returned no row by then. */
export const LONG: Relation = {
  ...manyRows(1, '2026-08-03'),
  query: `${manyRows(10 ** 15, '2026-08-03').query} WHERE hash(i) = 1`,
}

/** The same relation, with something that happens when the destination takes its query. */
export function whenAsked(relation: Relation, happens: () => void): Relation {
  return {
    columns: relation.columns,
    rowCount: relation.rowCount,
    get query() {
      happens()
      return relation.query
    },
  }
}

export function rejectsOf(...lines: readonly string[]): Relation {
  return relationOf(
    [fixed('reason', 'text'), fixed('line', 'text')],
    lines.map((line) => ({ reason: 'no JSON', line })),
  )
}

/** A ledger row that is not committed yet, of the stream `things`. */
export function newLoad(loadId: string, given: Partial<NewLoad> = {}): NewLoad {
  return {
    loadId,
    stream: TABLE,
    firstDay: '2026-08-03',
    lastDay: '2026-08-03',
    selection: EVERYTHING,
    rowCount: 0,
    rejectCount: 0,
    byteCount: 1234,
    requestCount: 1,
    startedAt: new Date('2026-08-04T05:06:07.089Z'),
    writeMode: 'append',
    mixloadVersion: '0.0.0-test',
    dayRows: null,
    ...given,
  }
}

export interface LoadOptions extends Partial<Omit<LoadTarget, 'rejects'>> {
  readonly rejects?: Relation
  readonly record?: Partial<NewLoad>
  readonly signal?: AbortSignal
}

/** Loads a relation, by default by appending to `things`. */
export function load(
  destination: Warehouse,
  loadId: string,
  relation: Relation,
  { table = TABLE, mode = { kind: 'append' }, rejects, removal, record, signal }: LoadOptions = {},
): Promise<LoadRecord> {
  const counts = { rowCount: relation.rowCount, rejectCount: rejects?.rowCount ?? 0, writeMode: mode.kind }
  return destination.load(
    relation,
    { table, mode, rejects, removal },
    newLoad(loadId, { ...counts, ...record }),
    signal ?? unaborted(),
  )
}

/** Makes the table with these columns and the ones that the destination fills in. */
export function makeTable(destination: Warehouse, columns: readonly Column[] = COLUMNS, table = TABLE): Promise<void> {
  return destination.addColumns(table, newColumns([...columns, ...OWN_COLUMNS]))
}

/** A row of {@link COLUMNS}. */
export function thing(name: string | null, day: string | null = '2026-08-03', amount: number | null = 1): StoredRow {
  return { _day: day, name, amount }
}

/** Without what the destination fills in, in an order that depends only on the values. */
export function values(rows: readonly StoredRow[]): readonly StoredRow[] {
  return sorted(rows.map(({ _loaded_at, _load_id, ...given }) => given))
}

export function sorted(rows: readonly StoredRow[]): readonly StoredRow[] {
  const key = (row: StoredRow) =>
    Object.keys(row)
      .toSorted()
      .map((name) => `${name}=${typeof row[name]}:${row[name]}`)
      .join('\u001f')
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** The different values of a column. */
export function distinct(rows: readonly StoredRow[], name: string): readonly Cell[] {
  return [...new Set(rows.map((row) => row[name] ?? null))].toSorted()
}

export function unaborted(): AbortSignal {
  return new AbortController().signal
}

/** Resolves after this many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    setImmediate(resolve)
    await promise
  }
}
