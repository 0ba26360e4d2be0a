import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { LEDGER_TABLES as SOURCES } from '../../lib/describe/known-tables.ts'
import type { LoadRecord, NewLoad } from '../../lib/destination/contract.ts'
import { parseSelection } from '../../lib/destination/selection.ts'
import { load, newColumns, newLoad, property, rejectsOf, relationOf, TABLE, unaborted } from '../conformance/rows.ts'
import { WAREHOUSES } from './ledger-warehouses.ts'

/** Adds a column to each table of the ledger, and nothing anywhere else. */
vi.mock(import('../../lib/destination/ledger.ts'), async (original) => {
  const actual = await original()
  const madeUp = (type: 'text' | 'bigint'): (typeof actual)['LOADS']['columns']['firstDay'] => ({
    name: 'made_up',
    type,
    nullable: true,
    description: 'Made up',
    toText: (value) => value ?? null,
    fromText: (value) => value,
  })
  const tables = {
    LOADS: { ...actual.LOADS, columns: { ...actual.LOADS.columns, madeUp: madeUp('bigint') } },
    COLUMNS: { ...actual.COLUMNS, columns: { ...actual.COLUMNS.columns, madeUp: madeUp('text') } },
    REJECTS: { ...actual.REJECTS, columns: { ...actual.REJECTS.columns, madeUp: madeUp('text') } },
  }
  return { ...actual, ...tables, LEDGER_TABLES: Object.values(tables) }
})

const NOTHING = relationOf([], [])
/** How many records are written and read in each warehouse. */
const RECORDS = 60

interface MadeUp {
  readonly madeUp: string | null
}

const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !value.includes('\0'))
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10))
const count = fc.maxSafeNat()

const loadRecord: fc.Arbitrary<Omit<NewLoad, 'loadId'> & MadeUp> = fc.record({
  stream: fc.constantFrom(TABLE, 'export', "it's"),
  firstDay: fc.option(day),
  lastDay: fc.option(day),
  selection: text.map(parseSelection),
  rowCount: count,
  rejectCount: count,
  byteCount: count,
  requestCount: count,
  startedAt: fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  }),
  writeMode: fc.constantFrom('append', 'replace-days', 'replace-table'),
  mixloadVersion: text,
  dayRows: fc.option(fc.dictionary(day, count, { maxKeys: 3, noNullPrototype: true })),
  source: fc
    .option(fc.record({ project: text, region: text, clock: text, where: text, properties: text }))
    .map((source) => source ?? undefined),
  madeUp: fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String)),
})

describe.each(Object.entries(WAREHOUSES))('a column that only the schema of the ledger has, in %s', (_, create) => {
  it('is written and read with all others', async () => {
    await using warehouse = await create()
    const given = fc.sample(loadRecord, RECORDS).map((record, at): NewLoad & MadeUp => ({ ...record, loadId: `${at}` }))
    const loaded: LoadRecord[] = []
    {
      await using writer = warehouse.open()
      await writer.open(unaborted())
      for (const record of given) {
        const target = { table: TABLE, mode: { kind: 'append' }, rejects: undefined } as const
        loaded.push(await writer.load(NOTHING, target, record, unaborted()))
      }
    }
    expect(loaded.map(({ loadedAt: _loadedAt, form: _form, ...record }) => record)).toEqual(given)
    await using reader = warehouse.open()
    await reader.openToRead(unaborted())
    for (const stream of [TABLE, 'export', "it's"]) {
      expect(await reader.ledger(stream)).toEqual(loaded.filter((record) => record.stream === stream))
    }
  })

  it('is added to a ledger of an earlier version, and is empty in its rows', async () => {
    await using warehouse = await create()
    {
      await using first = warehouse.open()
      await first.open(unaborted())
      await load(first, 'old', NOTHING)
    }
    await warehouse.dropColumn('made_up')
    {
      await using reader = warehouse.open()
      await reader.openToRead(unaborted())
      expect(await reader.ledger(TABLE)).toMatchObject([{ loadId: 'old', madeUp: null }])
    }
    await using writer = warehouse.open()
    await writer.open(unaborted())
    const record: NewLoad & MadeUp = { ...newLoad('new'), madeUp: '12' }
    await load(writer, 'new', NOTHING, { record })
    expect(await writer.ledger(TABLE)).toMatchObject([
      { loadId: 'old', madeUp: null },
      { loadId: 'new', madeUp: '12' },
    ])
  })

  it('is noted for columns, and left empty for rejects', async () => {
    await using warehouse = await create()
    const noted = fc.sample(fc.record({ property: fc.option(text), owner: text, madeUp: fc.option(text) }), 20)
    const columns = noted.flatMap((column, at) => newColumns([{ ...property(`c${at}`), ...column }]))
    {
      await using writer = warehouse.open()
      await writer.open(unaborted())
      await writer.addColumns(TABLE, columns)
      await load(writer, 'load-1', NOTHING, { rejects: rejectsOf('a line') })
    }
    await using reader = warehouse.open()
    await reader.openToRead(unaborted())
    const found = await reader.columns(TABLE)
    expect(found.map(({ firstSeenAt: _firstSeenAt, ...column }) => column)).toEqual(columns)
  })
})

it('a column that only the schema of the ledger has is described to dbt', () => {
  const names = SOURCES.map(({ columns }) => columns.at(-1))
  expect(names).toMatchObject(Array(3).fill({ name: 'made_up', description: 'Made up' }))
})
