import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { StreamTable } from '../../lib/columns/table.ts'
import { EVERYTHING } from '../../lib/destination/selection.ts'
import { openTable } from '../../lib/load/open-table.ts'
import { profilePage } from '../../lib/mixpanel/page-records.ts'
import { resolveSettings } from '../../lib/settings.ts'
import type { AnySlice } from '../../lib/slices.ts'
import { SpoolDirectory } from '../../lib/spool/spool.ts'
import { streamsOf } from '../../lib/streams/index.ts'
import { eventClock } from '../../lib/time/event-time.ts'
import { type OpenStore, openStore, type StoredRow } from '../conformance/harness.ts'
import { unaborted } from '../conformance/rows.ts'
import { HARNESSES, stopPlaces } from './every-destination.ts'

const DAY = '2026-08-03'
const NOON = Date.parse(`${DAY}T12:00:00Z`)

/** A person's properties, as they are spelled in JSON. */
type Sent = readonly [person: string, properties: string]

const EVENTS = {
  slice: { firstDay: DAY, lastDay: DAY },
  body: (sent: readonly Sent[]) =>
    sent.map(([person, properties], at) => {
      const own = `"time":${NOON + at},"distinct_id":"${person}","$insert_id":"${person}"`
      return `{"event":"Seen","properties":{${own},${properties}}}\n`
    }),
} as const

const PROFILES = {
  slice: { isWhole: true },
  body: (sent: readonly Sent[]) => {
    const results = sent.map(([person, properties]) => `{"$distinct_id":"${person}","$properties":{${properties}}}`)
    return [profilePage(Buffer.from(`{"results":[${results.join()}]}`), { what: 'The page' }).lines]
  },
} as const

const KINDS = [
  ['export', EVENTS],
  ['engage', PROFILES],
] as const

/** One run, which loads each list as a slice of its own. */
async function run(
  store: OpenStore,
  stream: (typeof KINDS)[number][0],
  inferTypes: boolean,
  slices: readonly (readonly Sent[])[],
): Promise<void> {
  const { slice, body } = stream === 'export' ? EVENTS : PROFILES
  const directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  try {
    await using spool = await SpoolDirectory.create(directory)
    const settings = resolveSettings({}, {}, { inferTypes, columns: { Chosen: 'date' } })
    const table = streamsOf(stream, settings)[0]?.tables[0] as StreamTable
    const { destination, engine } = store
    const common = { zone: 'UTC', source: {}, onProgress: () => {}, signal: unaborted() }
    const { input, loader } = await openTable(stream, table, { ...common, settings, destination, engine, spool })
    for (const [at, sent] of slices.entries()) {
      input.begin()
      const clock = stream === 'export' ? eventClock(DAY, DAY) : undefined
      const lines = input.spool({ clock, countsDays: clock !== undefined })
      for (const part of body(sent)) await lines.take(Buffer.from(part))
      const days = clock === undefined ? { firstDay: null, lastDay: null } : { firstDay: DAY, lastDay: DAY }
      const about = { name: stream, loadId: `${sent[0]?.[0]}-${at}`, selection: EVERYTHING, startedAt: new Date() }
      const rows = input.spooled(await lines.end(), { ...about, ...days, clock })
      await loader.load(rows, slice as AnySlice, unaborted())
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What the table has of a person, without nulls and the columns that every table has. */
async function readPerson(store: OpenStore, table: string, person: string): Promise<StoredRow> {
  const row = (await store.readRows(table)).find(({ distinct_id }) => distinct_id === person) ?? {}
  const isShown = ([name, value]: readonly [string, unknown]) => value !== null && /^[a-z]\w*$/.test(name)
  const { time, event, event_id, distinct_id, mp_insert_id, ...shown } = Object.fromEntries(
    Object.entries(row).filter(isShown),
  )
  return shown
}

async function typesOf(store: OpenStore, table: string): Promise<Readonly<Record<string, string>>> {
  const columns = (await store.destination.columns(table)).filter(({ role }) => role !== 'fixed')
  return Object.fromEntries(columns.map(({ name, type }) => [name, type]))
}

const ALL: readonly Sent[] = [
  ['a', '"Born":"2024-02-29","Seen at":"2026-08-03T10:00:00.5+02:00","Visits":3,"Snowflake":9223372036854775807'],
  ['b', '"Born":"0001-01-01","Seen at":"0001-01-01T00:00:00Z","Visits":-0,"Snowflake":1,"Only null":null'],
  ['c', '"Born":"9999-12-31","Seen at":"9999-12-31 23:59:59.999Z","Visits":9007199254740993'],
]

/** Properties with a value that does not have the type of the others. */
const MIXED: readonly Sent[] = [
  ['m', '"D1":"2026-08-03","D2":"2026-08-03","T1":"2026-08-03T10:00:00Z","T2":"2026-08-03T10:00:00Z","N1":1,"N2":1'],
  ['n', '"D1":"2026-02-30","D2":5,"T1":"2026-08-03T10:00:00","T2":"2026-08-03","N1":1.5,"N2":"1","Digits":"12"'],
  ['o', '"N1":9007199254740993,"N3":9007199254740993,"T3":"2026-08-03T24:00:00Z","D3":"0000-01-01","N4":1e3'],
  ['p', '"N3":0.5,"N5":9223372036854775808,"T4":"2026-08-03T10:00:00.1234567Z","Flag":true,"D4":" 2026-08-03"'],
]

describe.each(Object.keys(HARNESSES))('in %s', (name) => {
  afterAll(stopPlaces)
  const open = async () => openStore(await (HARNESSES[name] ?? Promise.reject)())

  describe.each(KINDS)('a new column of %s', (table) => {
    it('has the type of its values if all of its first slice have it, and holds them exactly', async () => {
      await using store = await open()
      await run(store, table, true, [ALL])
      expect(await typesOf(store, table)).toEqual({
        born: 'date',
        seen_at: 'timestamptz',
        visits: 'bigint',
        snowflake: 'bigint',
      })
      expect(await readPerson(store, table, 'a')).toEqual({
        born: '2024-02-29',
        seen_at: '2026-08-03T08:00:00.500Z',
        visits: 3n,
        snowflake: 9223372036854775807n,
      })
      expect(await readPerson(store, table, 'b')).toEqual({
        born: '0001-01-01',
        seen_at: '0001-01-01T00:00:00.000Z',
        visits: 0n,
        snowflake: 1n,
      })
      expect(await readPerson(store, table, 'c')).toEqual({
        born: '9999-12-31',
        seen_at: '9999-12-31T23:59:59.999Z',
        visits: 9007199254740993n,
      })
    })

    it('is as without the setting if a value of its first slice has another form', async () => {
      await using plain = await open()
      await run(plain, table, false, [MIXED])
      const types = await typesOf(plain, table)
      const people: StoredRow[] = []
      for (const [person] of MIXED) people.push(await readPerson(plain, table, person))
      expect(new Set(Object.values(types))).toEqual(new Set(['text', 'double', 'boolean']))
      await using store = await open()
      await run(store, table, true, [MIXED])
      expect(await typesOf(store, table)).toEqual(types)
      for (const [at, [person]] of MIXED.entries()) expect(await readPerson(store, table, person)).toEqual(people[at])
    })
  })

  it('a later value that does not fit goes to the companion, in the same run and in later ones', async () => {
    await using store = await open()
    const first: Sent = ['f', '"Day":"2026-08-03","At":"2026-08-03T10:00:00Z","Count":1,"Chosen":"2026-08-03"']
    const fits: Sent = ['g', '"Day":"2026-08-04","At":"2026-08-03T10:00:00+01:00","Count":9007199254740993']
    const misfit = '"Day":"2026-08-04T10:00:00Z","At":"2026-08-04","Count":1.5,"Chosen":"2026-08-04T10:00:00Z"'
    const stranger = '"Day":4,"At":"2026-08-04T10:00:00","Count":"7"'
    await run(store, 'export', true, [[first], [fits, ['h', misfit], ['i', stranger]]])
    const types = await typesOf(store, 'export')
    expect(types).toMatchObject({ day: 'date', at: 'timestamptz', count: 'bigint', chosen: 'date' })
    await run(store, 'export', false, [
      [
        ['g2', fits[1]],
        ['h2', misfit],
        ['i2', stranger],
      ],
    ])
    expect(await typesOf(store, 'export')).toEqual(types)
    for (const suffix of ['', '2']) {
      expect(await readPerson(store, 'export', `g${suffix}`)).toEqual({
        day: '2026-08-04',
        at: '2026-08-03T09:00:00.000Z',
        count: 9007199254740993n,
      })
      expect(await readPerson(store, 'export', `h${suffix}`)).toEqual({
        day__text: '2026-08-04T10:00:00Z',
        at__text: '2026-08-04',
        count__text: '1.5',
        // The user's choice is a day, whatever comes.
        chosen: '2026-08-04',
      })
      expect(await readPerson(store, 'export', `i${suffix}`)).toEqual({
        day__text: '4',
        at__text: '2026-08-04T10:00:00',
        count__text: '7',
      })
    }
  })

  it('a column of an earlier run keeps its type', async () => {
    await using store = await open()
    const sent = '"Day":"2026-08-03","At":"2026-08-03T10:00:00Z","Count":1'
    await run(store, 'export', false, [[['j', sent]]])
    await run(store, 'export', true, [[['k', sent]]])
    expect(await typesOf(store, 'export')).toEqual({ day: 'text', at: 'text', count: 'double' })
    expect(await readPerson(store, 'export', 'k')).toEqual({ day: '2026-08-03', at: '2026-08-03T10:00:00Z', count: 1 })
  })
})
