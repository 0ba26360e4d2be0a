import { describe, expect, it } from 'vitest'
import { EVENT_COLUMNS } from '../../lib/dbt/event-columns.ts'
import { Workplace } from '../cmd/run-mixload.ts'
import { bigquery, type DbtWarehouse, duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const DAY = '2026-07-01'
const MOMENT = Date.parse(`${DAY}T05:30:00.250Z`)

const EVENTS = [
  {
    event: 'Full',
    properties: {
      time: MOMENT,
      distinct_id: 'ada',
      $insert_id: 'full',
      mp_processing_time_ms: MOMENT + 5,
      $browser: 'Firefox',
      $browser_version: '96.0.4664',
      $screen_height: 1080,
      $wifi: true,
      $device_id: 'phone',
      mp_lib: 'web',
      'it\'s "quoted" \\ $.[0]~/': 'as it is',
      nested: { a: [1, 'x', null], b: null },
      plan: 'pro',
      order_no: 12345,
      big: 1234567890123,
      price: 9.5,
    },
  },
  // Nothing that the models for Fivetran's connector take for granted.
  { event: 'Bare', properties: { time: MOMENT + 1 } },
  { event: 'Bare', properties: { time: MOMENT + 1, note: 'another of the same moment', $insert_id: '' } },
  {
    event: 'Wrong',
    properties: {
      time: MOMENT + 2,
      distinct_id: 'ada',
      $insert_id: 'wrong',
      $browser: 12,
      $browser_version: 'latest',
      $screen_height: '720.5',
      $wifi: 'maybe',
      $has_nfc: 'TRUE',
      plan: 7,
      nested: 'text',
    },
  },
  {
    event: 'Moved',
    properties: { time: MOMENT + 3, distinct_id: 'anonymous', $insert_id: 'moved', mp_processing_time_ms: 1 },
  },
  {
    event: 'Moved',
    properties: {
      time: MOMENT + 3,
      distinct_id: 'ada',
      $distinct_id_before_identity: 'anonymous',
      $insert_id: 'moved',
      mp_processing_time_ms: 2,
    },
  },
]
const FUTURE = { event: 'Future', properties: { time: Date.parse('2090-01-01T00:00:00Z'), $insert_id: 'future' } }

const NAMES = [
  [
    '_fivetran_id',
    'name',
    'time',
    'distinct_id',
    'insert_id',
    'mp_processing_time_ms',
    'properties',
    '_fivetran_synced',
  ],
  EVENT_COLUMNS.map(({ name }) => name),
].flat()

async function load(place: Workplace, warehouse: DbtWarehouse) {
  const body = [...EVENTS, FUTURE].map((line) => `${JSON.stringify(line)}\n`).join('')
  place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
  const backfill = ['backfill', '--from', DAY, '--to', DAY, '--streams', 'export', '--max-columns', '24']
  expect(await place.run([...backfill, '--destination', warehouse.url])).toMatchObject({ code: 0 })
  const views = ['views', '--shape', 'fivetran', '--timezone', 'America/Los_Angeles']
  expect(await place.run([...views, '--destination', warehouse.url])).toMatchObject({ code: 0, stdout: 'event\n' })
}

describe.each<[string, NewDbtWarehouse]>([
  ['duckdb', duckdb],
  ['postgres', postgres],
  ['bigquery', bigquery],
])('the view event on %s', (dialect, newWarehouse) => {
  it('has what models for Fivetran’s connector read, in the types that they expect, and nothing is null that may not be', {
    timeout: 600_000,
  }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    await load(place, warehouse)
    const rows = await warehouse.query('SELECT * FROM mixpanel.event')
    expect(Object.keys(rows[0] ?? {})).toEqual(NAMES)
    expect(new Set(rows.map(({ _fivetran_id: id }) => id)).size).toBe(rows.length)
    if (dialect !== 'bigquery') {
      const types = await warehouse.query(
        `SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'event' ORDER BY column_name`,
      )
      const typeOf = Object.fromEntries(types.map((row) => [row.column_name, row.data_type?.toLowerCase()]))
      const text = dialect === 'duckdb' ? 'varchar' : 'text'
      const time = dialect === 'duckdb' ? 'timestamp' : 'timestamp without time zone'
      expect(typeOf).toEqual({
        ...Object.fromEntries(EVENT_COLUMNS.map(({ name, type }) => [name, type === 'text' ? text : type])),
        ...Object.fromEntries(['_fivetran_id', 'name', 'distinct_id', 'insert_id'].map((name) => [name, text])),
        ...{ time, _fivetran_synced: time, mp_processing_time_ms: 'bigint' },
        properties: dialect === 'duckdb' ? 'json' : 'jsonb',
      })
    }
    const found = await warehouse.query(`
      SELECT name, distinct_id, insert_id, ${warehouse.milliseconds('time')} AS time, properties, browser, browser_version,
        screen_height, wifi, has_nfc, device_id, mp_lib, distinct_id_before_identity
      FROM mixpanel.event ORDER BY name, time, properties`)
    const facts = found.map(({ properties, insert_id: id, ...row }) => ({
      ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)),
      ...(id?.length === 32 ? {} : { insert_id: id }),
    }))
    // Half past five in the morning, UTC, is half past ten on the evening before.
    const time = (more: number) => `${MOMENT - 7 * 3_600_000 + more}`
    const bare = { name: 'Bare', distinct_id: '', time: time(1) }
    expect(facts).toEqual([
      bare,
      bare,
      {
        name: 'Full',
        distinct_id: 'ada',
        insert_id: 'full',
        time: time(0),
        browser: 'Firefox',
        browser_version: '96',
        screen_height: '1080',
        wifi: 'true',
        device_id: 'phone',
        mp_lib: 'web',
      },
      {
        name: 'Moved',
        distinct_id: 'ada',
        insert_id: 'moved',
        time: time(3),
        distinct_id_before_identity: 'anonymous',
      },
      {
        name: 'Wrong',
        distinct_id: 'ada',
        insert_id: 'wrong',
        time: time(2),
        browser: '12',
        screen_height: '720',
        has_nfc: 'true',
      },
    ])
    expect(new Set(found.map(({ insert_id: id }) => id)).size).toBe(found.length)
    const full = found.find(({ name }) => name === 'Full')?.properties?.replaceAll(/:\s+/g, ':')
    for (const member of ['"order_no":12345', '"big":1234567890123', '"price":9.5']) {
      expect(full).toMatch(new RegExp(`${member}[,}]`))
    }
    const sent = EVENTS.filter(({ properties: { distinct_id } }) => distinct_id !== 'anonymous')
    expect(new Set(found.map(({ properties }) => sorted(JSON.parse(properties ?? ''))))).toEqual(
      new Set(sent.map(({ properties }) => sorted(properties))),
    )
  })
})

/**
 * A JSON text in which the order of names, and whether a number or a text of it was sent, do not
 * matter.
 */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(String(value))
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${sorted(member)}`)
  return `{${members.sort().join()}}`
}

describe.each<[string, NewDbtWarehouse]>([
  ['duckdb', duckdb],
  ['postgres', postgres],
])('the view event on %s, when more has been loaded', (_, newWarehouse) => {
  it('shows new rows at once, and new properties once it is recreated, even if a view depends on it', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    await load(place, warehouse)
    if (warehouse.url.startsWith('postgres')) {
      // As models leave one.
      await warehouse.query('CREATE VIEW public.ours AS SELECT * FROM mixpanel.event')
    }
    const next = { time: MOMENT + 60_000, distinct_id: 'eve', $insert_id: 'new', $carrier: 'A1', $wifi: 7, fresh: [1] }
    const body = `${JSON.stringify({ event: 'New', properties: next })}\n`
    place.simulator.clearFaults()
    place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
    const sync = ['sync', '--from', DAY, '--to', DAY, '--streams', 'export', '--attribution-window', '9']
    expect(await place.run([...sync, '--destination', warehouse.url])).toMatchObject({ code: 0 })
    const found = () =>
      warehouse.query(`SELECT name, carrier, properties FROM mixpanel.event WHERE distinct_id = 'eve'`)
    const properties = async () => JSON.parse((await found())[0]?.properties ?? '{}')
    expect((await found()).map(({ name, carrier }) => ({ name, carrier }))).toEqual([{ name: 'New', carrier: null }])
    expect(await properties()).not.toHaveProperty('fresh')
    expect(await place.run(['views', '--shape', 'fivetran', '--destination', warehouse.url])).toMatchObject({ code: 0 })
    expect((await found())[0]).toMatchObject({ carrier: 'A1' })
    expect(sorted(await properties())).toBe(sorted(next))
    if (warehouse.url.startsWith('postgres')) {
      const ours = await warehouse.query(`SELECT carrier FROM public.ours WHERE distinct_id = 'eve'`)
      expect(ours).toEqual([{ carrier: 'A1' }])
    }
  })
})

describe('mixload views --shape fivetran', () => {
  it('reports that there is nothing to view yet, and that times are UTC without a zone', async () => {
    await using place = await Workplace.create()
    const views = ['views', '--shape', 'fivetran']
    expect(await place.run(views)).toMatchObject({ code: 2, stderr: expect.stringContaining('mixload backfill') })
    expect(await place.run(views)).toMatchObject({ stderr: expect.stringContaining('--timezone') })
    expect(await place.run(['views', '--shape', 'round'])).toMatchObject({ code: 2 })
  })
})
