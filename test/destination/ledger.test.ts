import { describe, expect, it } from 'vitest'
import { columnsOf, LEDGER_TABLES, LOADS } from '../../lib/destination/ledger.ts'
import { columnOf, columnRow, loadOf, loadRow, typedRow, untypedRow } from '../../lib/destination/ledger-row.ts'
import { ledgerStatements, type TableDialect } from '../../lib/destination/ledger-tables.ts'
import { ENGINE_TYPES } from '../../lib/engine/dialect.ts'
import { newLoad } from '../conformance/rows.ts'

const RECORD = { ...newLoad('load-1'), loadedAt: new Date('2026-08-04T05:06:08.001Z') }

/** The columns that the tables had before any was added. Never change these. */
const FIRST_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  _mixload_loads: [
    ...['load_id', 'stream', 'first_day', 'last_day', 'selection', 'row_count', 'reject_count', 'byte_count'],
    ...['request_count', 'started_at', 'loaded_at', 'write_mode', 'mixload_version'],
  ],
  _mixload_columns: [
    ...['table_name', 'property', 'column_name', 'column_type', 'column_role', 'owner_column', 'first_load_id'],
    'first_seen_at',
  ],
  _mixload_rejects: ['load_id', 'stream', 'reason', 'line'],
  _mixload_superseded: ['row_id', 'day'],
}

describe('the columns of the ledger', () => {
  it.each(LEDGER_TABLES.map((table) => [table.name, table] as const))(
    'of %s are those of its first version, then others that may be null',
    (name, table) => {
      const columns = columnsOf(table)
      const first = FIRST_COLUMNS[name] ?? []
      expect(columns.slice(0, first.length).map((column) => column.name)).toEqual(first)
      expect(columns.slice(first.length).filter(({ nullable }) => !nullable)).toEqual([])
    },
  )
})

describe('a row of the ledger', () => {
  it('has each value as a text that keeps every digit', () => {
    const row = loadRow({ ...RECORD, byteCount: Number.MAX_SAFE_INTEGER, dayRows: { '2026-08-03': 7 } })
    expect(row).toMatchObject({
      first_day: '2026-08-03',
      byte_count: '9007199254740991',
      started_at: '2026-08-04T05:06:07.089Z',
      day_rows: '{"2026-08-03":7}',
    })
  })

  it('may have its moments as SQL writes them', () => {
    const row = {
      ...loadRow(RECORD),
      started_at: '2026-08-04 05:06:07.089+00',
      loaded_at: '2026-08-04 05:06:08.001+00',
    }
    expect(loadOf(row)).toEqual(RECORD)
  })

  it('may lack what an earlier version did not write, but nothing else', () => {
    const { day_rows: _, ...older } = loadRow({ ...RECORD, dayRows: { '2026-08-03': 7 } })
    expect(loadOf(older)).toEqual(RECORD)
    const { load_id: __, ...damaged } = older
    const failure = { code: 'DESTINATION_FAILED', message: expect.stringContaining('load_id') }
    expect(() => loadOf(damaged)).toThrow(expect.objectContaining(failure))
  })

  it('may have columns that a later version added', () => {
    expect(loadOf({ ...loadRow(RECORD), added_later: 'x' })).toEqual(RECORD)
  })

  it('has numbers in JSON only where they keep every digit', () => {
    const typed = typedRow(LOADS, { ...loadRow(RECORD), row_count: '9007199254740993' })
    expect(typed).toMatchObject({ byte_count: 1234, row_count: '9007199254740993', day_rows: null })
    expect(untypedRow(typed)).toMatchObject({ byte_count: '1234', row_count: '9007199254740993', day_rows: null })
  })

  it('of a column has no owner where the column has none', () => {
    const column = { name: 'plan', type: 'text', role: 'property', property: 'Plan', firstLoadId: 'load-1' } as const
    const noted = { ...column, firstSeenAt: RECORD.loadedAt }
    const { table, column: found } = columnOf(columnRow({ ...noted, table: 'export' }))
    expect(table).toBe('export')
    expect(Object.entries(found).toSorted()).toEqual(Object.entries(noted).toSorted())
  })
})

describe('the statements that make the ledger', () => {
  const dialect: TableDialect = { typeNames: ENGINE_TYPES, path: (table) => `s.${table}`, primaryKeys: true }
  const all = new Map(LEDGER_TABLES.map((table) => [table.name, new Set(columnsOf(table).map(({ name }) => name))]))

  it('create each table that is missing', () => {
    const statements = ledgerStatements(new Map(), dialect)
    expect(statements).toHaveLength(4)
    expect(statements[0]).toMatch(/^CREATE TABLE IF NOT EXISTS s\._mixload_loads \(/)
    expect(statements[0]).toContain('"load_id" VARCHAR PRIMARY KEY,')
    expect(statements[0]).toContain('"first_day" DATE,')
    expect(statements[0]).toContain('"row_count" BIGINT NOT NULL,')
    expect(ledgerStatements(new Map(), { ...dialect, primaryKeys: false })[0]).toContain('"load_id" VARCHAR NOT NULL,')
  })

  it('are none if nothing is missing', () => {
    expect(ledgerStatements(all, dialect)).toEqual([])
  })

  it('add the columns that a table lacks', () => {
    const older = new Set(FIRST_COLUMNS._mixload_loads)
    expect(ledgerStatements(new Map([...all, ['_mixload_loads', older]]), dialect)).toEqual([
      'ALTER TABLE s._mixload_loads ADD COLUMN IF NOT EXISTS "day_rows" VARCHAR',
      'ALTER TABLE s._mixload_loads ADD COLUMN IF NOT EXISTS "source" VARCHAR',
      'ALTER TABLE s._mixload_loads ADD COLUMN IF NOT EXISTS "ledger_form" BIGINT',
      'ALTER TABLE s._mixload_loads ADD COLUMN IF NOT EXISTS "day_digests" VARCHAR',
      'ALTER TABLE s._mixload_loads ADD COLUMN IF NOT EXISTS "misfits" VARCHAR',
    ])
  })
})
