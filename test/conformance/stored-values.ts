import { describe, expect, it } from 'vitest'
import type { ColumnType } from '../../lib/columns/column.ts'
import { canonical, type Exact, parseExact } from './exact-json.ts'
import { failureOf } from './failures.ts'
import { type Cell, type DestinationHarness, openStore, type StoredRow } from './harness.ts'
import { load, makeTable, property, relationOf, TABLE, values } from './rows.ts'

const VALUES: Readonly<Record<Exclude<ColumnType, 'json'>, readonly Cell[]>> = {
  text: [
    '',
    ' ',
    '\\N',
    '\\.',
    'NULL',
    'null',
    '\t',
    'a\tb',
    'a\nb',
    'a\r\nb',
    '"',
    '"a","b"',
    "'",
    "''",
    '\\',
    '\\\\n',
    'a,b',
    '{a,b}',
    '😀',
    '👩‍👩‍👧',
    '\u2028\u2029\u0085\ufeff',
    '\u0001\u001f\u007f',
    'é and e\u0301',
    '9007199254740993',
    '-0',
    '2026-08-03',
    'true',
    'x'.repeat(100_000),
    '日本語'.repeat(10_000),
  ],
  double: [
    0,
    -0,
    1,
    -1,
    0.1,
    0.1 + 0.2,
    1 / 3,
    1e308,
    -1e308,
    Number.MAX_VALUE,
    5e-324,
    2.2250738585072014e-308,
    Number.MAX_SAFE_INTEGER,
    1e22,
    1e21,
  ],
  bigint: [0n, 1n, -1n, 9_007_199_254_740_993n, -9_007_199_254_740_993n, 2n ** 63n - 1n, -(2n ** 63n)],
  boolean: [true, false],
  date: ['0001-01-01', '1582-10-10', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31'],
  timestamptz: [
    '0001-01-01T00:00:00.000Z',
    '1883-11-18T12:00:00.001Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00.000Z',
    '2026-03-29T01:30:00.123Z',
    '2026-08-03T12:00:00.001Z',
    '9999-12-31T23:59:59.999Z',
  ],
}

const JSON_VALUES = [
  '{}',
  '[]',
  '""',
  '"\\\\N"',
  '"text"',
  'true',
  '12',
  '-0.5',
  '[1,"two",null,{"three":[[]]}]',
  '{"id":9007199254740993,"least":-9223372036854775808,"nested":{"more":[12345678901234567890]}}',
  '{"long":123456789012345678901234567890}',
  '{"quote":"\\"","slash":"\\\\","lines":"a\\nb\\tc","separator":"\u2028","face":"😀"}',
  '{"":{"a b":1,"$x":2,"it\'s":3}}',
  `${'['.repeat(50)}1${']'.repeat(50)}`,
]

/** Loads one row for each value and null. Returns what is stored, by the row's number. */
async function storedOf(harness: DestinationHarness, type: ColumnType, cells: readonly Cell[]) {
  await using store = await openStore(harness)
  const columns = [property('row', 'double'), property('value', type)]
  await makeTable(store.destination, columns)
  const rows = cells.map((value, row): StoredRow => ({ row, value }))
  await load(store.destination, 'load-1', relationOf(columns, rows))
  const stored = await store.readRows(TABLE)
  expect(stored).toHaveLength(cells.length)
  return cells.map((_, at) => stored.find(({ row }) => row === at)?.value)
}

/** Keys by their spelling: JSON promises no order of them, and a warehouse may have its own. */
function inKeyOrder(value: Exact): Exact {
  if (value === null || typeof value !== 'object' || 'number' in value) return value
  if ('list' in value) return { list: value.list.map(inKeyOrder) }
  const entries = value.object.map(([key, item]) => [key, inKeyOrder(item)] as const)
  return { object: entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) }
}

export function storedValues(harness: DestinationHarness): void {
  describe('values', () => {
    it.each(Object.entries(VALUES))('of type %s are stored as they were given', async (type, cells) => {
      const given = [...cells, null]
      expect(await storedOf(harness, type as ColumnType, given)).toStrictEqual(given)
    })

    it('of type json keep every digit, name and character', async () => {
      const stored = await storedOf(harness, 'json', JSON_VALUES)
      expect(stored.map((value) => canonical(inKeyOrder(parseExact(String(value)))))).toEqual(
        JSON_VALUES.map((value) => canonical(inKeyOrder(parseExact(value)))),
      )
    })

    it('distinguish null from the empty text', async () => {
      expect(await storedOf(harness, 'text', [null, '', null])).toEqual([null, '', null])
    })

    it('distinguish null from an empty list, an empty object and an empty text in json', async () => {
      expect(await storedOf(harness, 'json', [null, '[]', '{}', '""'])).toEqual([null, '[]', '{}', '""'])
    })

    it('with NUL in a text are kept or refused, never cut off', async () => {
      await using store = await openStore(harness)
      const columns = [property('value')]
      await makeTable(store.destination, columns)
      const rows = [{ value: 'before\0after' }]
      const loading = load(store.destination, 'load-1', relationOf(columns, rows))
      if ((await Promise.allSettled([loading]))[0]?.status === 'rejected') {
        await failureOf(loading)
        expect(await store.readRows(TABLE)).toEqual([])
      } else expect(values(await store.readRows(TABLE))).toEqual(rows)
    })

    it('of all types can be in one row', async () => {
      await using store = await openStore(harness)
      const columns = [
        property('a', 'text'),
        property('b', 'double'),
        property('c', 'boolean'),
        property('d', 'json'),
        property('e', 'timestamptz'),
        property('f', 'bigint'),
        property('g', 'date'),
      ]
      const full = { a: 'x', b: 1.5, c: false, d: '[1]', e: '2026-08-03T12:00:00.001Z', f: 5n, g: '2026-08-03' }
      const empty = { a: null, b: null, c: null, d: null, e: null, f: null, g: null }
      await makeTable(store.destination, columns)
      await load(store.destination, 'load-1', relationOf(columns, [full, empty]))
      expect(values(await store.readRows(TABLE))).toEqual(values([full, empty]))
    })
  })
}
