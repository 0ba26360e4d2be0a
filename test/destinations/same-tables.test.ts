import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { COLUMN_TYPES, type Column } from '../../lib/columns/column.ts'
import { ColumnRegistry } from '../../lib/columns/registry.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { type DestinationHarness, openStore, type StoredRow } from '../conformance/harness.ts'
import { unaborted } from '../conformance/rows.ts'
import { eventInput, eventLoader } from '../pipeline/event-table.ts'
import { BodySpooler } from '../pipeline/spool-lines.ts'
import { comparable } from './comparable-rows.ts'
import { HARNESSES, stopPlaces } from './every-destination.ts'

const NOON = Date.parse('2026-08-03T12:00:00Z')
const DAY_MS = 86_400_000

/**
 * A line of the export with these properties, given as they are spelled in JSON, so that every
 * digit counts.
 */
function line(event: string, time: number | undefined, properties: string): string {
  const own = time === undefined ? '' : `"time":${time}`
  const all = [own, properties].filter((part) => part !== '').join()
  return `{"event":${JSON.stringify(event)},"properties":{${all}}}\n`
}

const TEXTS = [
  '',
  ' ',
  '\\N',
  '\\.',
  'NULL',
  '"quoted", \'single\', `ticked`',
  'tab\there',
  'line\nbreak\r\nand return',
  '\u2028\u2029\u0085',
  'größe 日本語 😀 👩‍👩‍👧 e\u0301',
  '\u0001\u001f\u007f',
  'a\u0000b',
  '{a,b}',
  '$1 %s {{x}} ; -- /* */',
  'true',
  '12',
  '2026-08-03T12:00:00Z',
  'x'.repeat(5000),
]
const NUMBERS = ['0', '-0', '0.1', '1e308', '-1e308', '5e-324', '1.10', '1e5', '9007199254740991', '-1', '1e22']
const BIG_NUMBERS = ['9007199254740993', '-9223372036854775808', '123456789012345678901234567890']
const JSONS = [
  '[]',
  '{}',
  '[1,"two",null,{"three":[[]]}]',
  '{"id":9007199254740993,"more":[12345678901234567890,1.5]}',
  '{"quote":"\\"","slash":"\\\\","lines":"a\\nb","face":"😀","":{"a b":1,"$x":"\\\\N"}}',
]

/** Of three days at once: each kind of value, each time in a column of its own kind. */
const FIRST = [
  ...TEXTS.map((text, at) =>
    line('Text', NOON + at, `"distinct_id":"p","$insert_id":"t-${at}","Note":${JSON.stringify(text)}`),
  ),
  ...NUMBERS.map((number, at) =>
    line('Number', NOON + DAY_MS + at, `"distinct_id":"p","$insert_id":"n-${at}","Amount":${number}`),
  ),
  ...JSONS.map((json, at) =>
    line('JSON', NOON + 2 * DAY_MS + at, `"distinct_id":"p","Items":${json},"Flag":${at % 2 === 0}`),
  ),
  line(
    'Reserved',
    NOON,
    '"mp_processing_time_ms":9007199254740993,"$screen_height":1080,"$city":"Bielefeld","$os":null',
  ),
  line('No time', undefined, '"distinct_id":"q"'),
  line('Text as time', undefined, `"time":"${NOON}"`),
  line('Far away', 253_402_300_799_999, '"distinct_id":"r"'),
  line('Before all', -62_135_596_800_000, '"distinct_id":"r"'),
  line('Same words', NOON, '"select":"a","SELECT ":"b","größe":"c","order":"d","a b":"e","a-b":"f"'),
  'this is not JSON\n',
  '{"event":"Cut","properties":{"time":\n',
  '[1,2]\n',
]

/**
 * Of one day: values that do not fit the columns that there are, the same events again, and
 * properties past the limit.
 */
const SECOND = [
  ...BIG_NUMBERS.map((number, at) =>
    line('Number', NOON + 10 + at, `"$insert_id":"big-${at}","Amount":${number},"Note":${number}`),
  ),
  line(
    'Misfit',
    NOON,
    '"Amount":"twelve","Flag":"yes","Items":"plain text","Note":[1,{"a":null}],"mp_processing_time_ms":"soon"',
  ),
  line('Text', NOON, '"distinct_id":"p","$insert_id":"t-0","Note":"","mp_processing_time_ms":2000'),
  line(
    'Text',
    NOON + 1,
    '"distinct_id":"merged","$distinct_id_before_identity":"p","$insert_id":"t-1","mp_processing_time_ms":3000',
  ),
  line(
    'Many',
    NOON,
    Array.from({ length: 30 }, (_, at) => `"Extra ${at}":${at % 2 === 0 ? at : `"value '${at}'"`}`).join(),
  ),
  line('Many', NOON + 1, '"Extra 29":{"deep":[9007199254740993]},"Extra 28":null,"Extra 27":""'),
]

/** Replaces that day. */
const THIRD = [
  line('Replaced', NOON, '"distinct_id":"p","Amount":2.5,"Extra 29":"again"'),
  line('Number', NOON + 1, '"Amount":true'),
]

/**
 * What a destination holds after all that has been loaded into it, in a form that can be compared.
 */
interface Contents {
  readonly columns: readonly Column[]
  readonly ledger: readonly unknown[]
  readonly tables: Readonly<Record<string, readonly StoredRow[]>>
}

const COLUMNS_MAX = 34
const VIEWS = ['export_latest', 'export_latest_by_time']

async function contentsOf(harness: DestinationHarness): Promise<Contents> {
  await using store = await openStore(harness)
  const { destination, engine } = store
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    await using spool = await SpoolDirectory.create(directory)
    const registry = new ColumnRegistry(EXPORT_COLUMNS, {
      columnsMax: COLUMNS_MAX,
      newProperties: 'capture',
      typeOf: (property) =>
        property === 'mp_processing_time_ms' || property === '$screen_height' ? 'bigint' : undefined,
      isWanted: () => true,
    })
    const input = eventInput(registry, spool, engine)
    const spooler = new BodySpooler(spool, input)
    const slices = [
      { firstDay: '2026-08-03', lastDay: '2026-08-05', lines: FIRST, write: 'append' },
      { firstDay: '2026-08-03', lastDay: '2026-08-03', lines: SECOND, write: 'append' },
      { firstDay: '2026-08-04', lastDay: '2026-08-04', lines: THIRD, write: 'replace' },
      { firstDay: '2026-08-06', lastDay: '2026-08-06', lines: [], write: 'append' },
    ] as const
    for (const { firstDay, lastDay, lines, write } of slices) {
      const loader = eventLoader(input, destination, await destination.columns('export'), { write })
      const { slice, tables } = await spooler.spool({ firstDay, lastDay }, Buffer.from(lines.join('')))
      await loader.load(tables[0], slice, unaborted())
    }
    const columns = await destination.columns('export')
    const names = ['export', '_mixload_rejects', ...(harness.queriesViews ? VIEWS : [])]
    const tables: Record<string, readonly StoredRow[]> = {}
    for (const name of names) tables[name] = comparable(await store.readRows(name), columns)
    return {
      columns: columns.map(({ name, type, role, property, owner }) => ({
        name,
        type,
        role,
        property,
        ...(owner && { owner }),
      })),
      ledger: (await destination.ledger('export')).map(({ startedAt, loadedAt, ...record }) => record),
      tables,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe('the same events make the same tables', () => {
  let reference: Contents
  beforeAll(async () => {
    reference = await contentsOf(await (HARNESSES.duckdb ?? Promise.reject)())
  })
  afterAll(stopPlaces)

  it('and are as awkward as they are meant to be', () => {
    const { columns, ledger, tables } = reference
    expect(new Set(columns.map(({ type }) => type))).toEqual(new Set(COLUMN_TYPES))
    expect(new Set(columns.map(({ role }) => role))).toEqual(new Set(['fixed', 'property', 'companion', 'overflow']))
    expect(columns).toHaveLength(COLUMNS_MAX)
    const days = FIRST.length - 3 - NUMBERS.length
    expect(tables.export).toHaveLength(days + SECOND.length + THIRD.length)
    expect(tables._mixload_rejects).toHaveLength(3)
    expect(tables.export_latest?.length).toBeLessThan(tables.export?.length ?? 0)
    expect(ledger).toHaveLength(4)
    const notes = tables.export?.map(({ note }) => note)
    for (const text of TEXTS.filter((text) => !text.includes('\0') && text !== '')) expect(notes).toContain(text)
    expect(tables.export?.map(({ amount__text }) => amount__text)).toEqual(
      expect.arrayContaining([...BIG_NUMBERS, 'twelve']),
    )
  })

  it.each(Object.entries(HARNESSES))('in %s', async (_, harness) => {
    const { columns, ledger, tables } = await contentsOf(await harness())
    expect(columns).toEqual(reference.columns)
    expect(ledger).toEqual(reference.ledger)
    // Table by table and row by row, so that a difference is shown where it is.
    for (const [name, rows] of Object.entries(tables)) {
      const expected = reference.tables[name] ?? []
      expect(rows.length, name).toBe(expected.length)
      for (const [at, row] of rows.entries()) expect(row, name).toEqual(expected[at])
    }
  })
})
