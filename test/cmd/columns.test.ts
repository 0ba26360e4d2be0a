import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { eventsOf, type Ran, Workplace } from './run-mixload.ts'

const DAY = '2026-03-01'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
const LOAD = ['backfill', '--from', DAY, '--to', DAY]

/** Loads one day whose body is exactly these lines. */
async function loadBody(place: Workplace, body: string, args: readonly string[] = [], times = 1): Promise<Ran> {
  place.simulator.fault({ kind: 'body', body, gzip: true, times, match: { path: '/api/2.0/export' } })
  return place.run([...LOAD, ...args])
}

/** Lines of events, each with an id, a time, and these properties as JSON. */
function linesOf(...properties: readonly string[]): string {
  return properties
    .map(
      (more, at) =>
        `{"event":"E","properties":{"time":${NOON + at},"distinct_id":"p${at}","$insert_id":"i${at}",${more}}}\n`,
    )
    .join('')
}

describe('columns', () => {
  it('keep the type that they were created with, and values that do not fit go to a companion as text', async () => {
    await using place = await Workplace.create()
    await loadBody(
      place,
      linesOf(
        '"price":1.5',
        '"price":"two"',
        '"price":true',
        '"price":[3]',
        '"price":9007199254740993',
        '"price":null',
      ),
    )
    expect(await place.query('SELECT price, price__text FROM export ORDER BY time')).toEqual([
      { price: 1.5, price__text: null },
      { price: null, price__text: 'two' },
      { price: null, price__text: 'true' },
      { price: null, price__text: '[3]' },
      { price: null, price__text: '9007199254740993' },
      { price: null, price__text: null },
    ])
    const columns = await place.query(
      `SELECT property, column_name, column_type FROM _mixload_columns WHERE property = 'price' ORDER BY column_name`,
    )
    expect(columns).toEqual([
      { property: 'price', column_name: 'price', column_type: 'double' },
      { property: 'price', column_name: 'price__text', column_type: 'text' },
    ])
  })

  it('are distinct for properties whose names a warehouse would treat as equal', async () => {
    await using place = await Workplace.create()
    await loadBody(
      place,
      linesOf(
        '"Plan":"A","plan":"b"',
        '"plan":"c","$plan":"d"',
        '"PLAN":"E","mp_plan":"f"',
        '"event":"mine","a b":1,"a-b":2',
      ),
    )
    const rows = await place.query(
      'SELECT event, event_2, plan, plan_2, plan_3, mp_plan, mp_plan_2, a_b, a_b_2 FROM export ORDER BY time',
    )
    const none = {
      event: 'E',
      event_2: null,
      plan: null,
      plan_2: null,
      plan_3: null,
      mp_plan: null,
      mp_plan_2: null,
      a_b: null,
      a_b_2: null,
    }
    expect(rows).toEqual([
      { ...none, plan: 'A', plan_2: 'b' },
      { ...none, plan_2: 'c', mp_plan: 'd' },
      { ...none, plan_3: 'E', mp_plan_2: 'f' },
      { ...none, event_2: 'mine', a_b: 1, a_b_2: 2 },
    ])
  })

  it('may have names that are SQL, and values with every kind of line separator', async () => {
    await using place = await Workplace.create()
    const ran = await loadBody(
      place,
      linesOf('"\\"; drop table export; --":"x"', '"t":"a\u2028b\u2029c\u0085d\\u000be"'),
    )
    expect(ran.code).toBe(0)
    expect(await place.query('SELECT drop_table_export AS x, t FROM export ORDER BY time')).toEqual([
      { x: 'x', t: null },
      { x: null, t: 'a\u2028b\u2029c\u0085d\u000be' },
    ])
  })

  it('are not created beyond --max-columns: those properties go to _more, and stay there', async () => {
    await using place = await Workplace.create()
    const many = Array.from({ length: 60 }, (_, at) => `"p${at}":${at}`).join(',')
    await loadBody(place, linesOf(many), ['--max-columns', '40'])
    const [row] = await place.query('SELECT * FROM export')
    expect(Object.keys(row ?? {})).toHaveLength(40)
    expect(row).toMatchObject({ p0: 0 })
    const more = JSON.parse(String(row?._more)) as Record<string, number>
    const inColumns = Object.entries(row ?? {}).filter(([name]) => /^p\d+$/.test(name))
    expect(Object.keys(more).length + inColumns.length).toBe(60)
    expect(more.p59).toBe(59)
  })

  it('are not created with --new-properties ignore, and the values left out are counted', async () => {
    await using place = await Workplace.create()
    await loadBody(place, linesOf('"a":1'))
    place.simulator.fault({
      kind: 'body',
      body: linesOf('"a":2,"b":3').replaceAll(String(NOON), String(NOON + 86_400_000)),
      match: { path: '/api/2.0/export' },
    })
    const ran = await place.run([
      'backfill',
      '--from',
      '2026-03-02',
      '--to',
      '2026-03-02',
      '--new-properties',
      'ignore',
    ])
    expect(ran.stdout).toContain('1 value of excluded properties left out')
    expect(await place.query(`SELECT count(*) AS n FROM _mixload_columns WHERE property = 'b'`)).toEqual([{ n: 0n }])
    expect(await place.query('SELECT sum(a) AS s FROM export')).toEqual([{ s: 3 }])
  })

  it('can be selected by pattern, and have the types that the settings file names', async () => {
    await using place = await Workplace.create()
    writeFileSync(
      join(place.directory, 'mixload.yaml'),
      'columns:\n  zip: text\n  signed_up: timestamptz\nexcludeProperties: ["secret*"]\n',
    )
    await loadBody(
      place,
      linesOf('"zip":10115,"signed_up":"2026-01-02T03:04:05","secret_a":1', '"zip":"0815","signed_up":"soon"'),
    )
    expect(
      await place.query('SELECT zip, epoch_ms(signed_up) AS s, signed_up__text FROM export ORDER BY time'),
    ).toEqual([
      { zip: '10115', s: BigInt(Date.parse('2026-01-02T03:04:05Z')), signed_up__text: null },
      { zip: '0815', s: null, signed_up__text: 'soon' },
    ])
  })
})

describe('lines that are not events', () => {
  it('go to the rejects with their reason, and the run reports them', async () => {
    await using place = await Workplace.create()
    const odd = ['{"foo":1}', '[1]', '{"event":"x"}', '{"event":1,"properties":{}}', '{"event":"x","properties":[]}']
    const ran = await loadBody(
      place,
      `${linesOf('"a":1')}\n${odd.join('\n')}\r\n${linesOf('"b":2').replaceAll('p0', 'q')}`,
      [],
      2,
    )
    expect(ran).toMatchObject({ code: 3, stdout: expect.stringContaining('5 lines rejected') })
    expect(await place.query('SELECT reason, line FROM _mixload_rejects ORDER BY line')).toEqual([
      { reason: 'not a JSON object', line: '[1]' },
      { reason: 'not an event: its "properties" is not an object', line: '{"event":"x","properties":[]}\r' },
      { reason: 'not an event: it has no "properties"', line: '{"event":"x"}' },
      { reason: 'not an event: its "event" is not a text', line: '{"event":1,"properties":{}}' },
      { reason: 'not an event: it has no "event"', line: '{"foo":1}' },
    ])
    expect(await place.query('SELECT row_count, reject_count FROM _mixload_loads')).toEqual([
      { row_count: 2n, reject_count: 5n },
    ])
  })

  it('are requested once more if they are not JSON, and then rejected', async () => {
    await using place = await Workplace.create()
    const body = `${linesOf('"a":1')}{"event":"x","properties":{"v":NaN}}\n${linesOf('"b":2').replaceAll('p0', 'q')}`
    place.simulator.fault({ kind: 'body', body, times: 2, match: { path: '/api/2.0/export' } })
    expect(await place.run(LOAD)).toMatchObject({ code: 3 })
    expect(await place.query('SELECT request_count, reject_count FROM _mixload_loads')).toEqual([
      { request_count: 2n, reject_count: 1n },
    ])
    expect(await place.query('SELECT line FROM _mixload_rejects')).toEqual([
      { line: '{"event":"x","properties":{"v":NaN}}' },
    ])
  })
})

describe('time', () => {
  it('is exact to the millisecond, and is understood if the server sends seconds anyway', async () => {
    await using place = await Workplace.create()
    const line = (time: string, id: string) => `{"event":"E","properties":{"time":${time},"distinct_id":"${id}"}}\n`
    await loadBody(
      place,
      line(`${NOON + 7}`, 'ms') + line(`${NOON / 1000}`, 's') + line(`${NOON / 1000}.002`, 'fraction'),
    )
    expect(await place.query('SELECT distinct_id AS id, epoch_ms(time) AS t FROM export ORDER BY 1')).toEqual([
      { id: 'fraction', t: BigInt(NOON + 2) },
      { id: 'ms', t: BigInt(NOON + 7) },
      { id: 's', t: BigInt(NOON) },
    ])
  })

  it('of a project from before 2023 is converted from local time by the rules of its zone, and the original number is kept', async () => {
    const zone = 'America/Los_Angeles'
    await using place = await Workplace.create({ timezone: zone, legacyTime: true })
    // Standard time, daylight time, and both readings of the hour that comes twice on 6 November.
    const moments = ['2022-11-05T19:00:00Z', '2022-11-06T08:30:00Z', '2022-11-06T20:00:00Z']
    await place.simulator.ingest(
      moments.map((at, n) => ({
        event: 'E',
        properties: { time: Date.parse(at), distinct_id: `p${n}`, $insert_id: `i${n}` },
      })),
    )
    expect(await place.run(['backfill', '--from', '2022-11-05', '--to', '2022-11-06', '--legacy-time'])).toMatchObject({
      code: 0,
    })
    expect(
      await place.query(
        'SELECT epoch_ms(time) AS t, _time_raw AS raw, CAST(_day AS VARCHAR) AS d FROM export ORDER BY distinct_id',
      ),
    ).toEqual([
      { t: BigInt(Date.parse(moments[0] ?? '')), raw: BigInt(Date.parse('2022-11-05T12:00:00Z')), d: '2022-11-05' },
      { t: BigInt(Date.parse(moments[1] ?? '')), raw: BigInt(Date.parse('2022-11-06T01:30:00Z')), d: '2022-11-06' },
      { t: BigInt(Date.parse(moments[2] ?? '')), raw: BigInt(Date.parse('2022-11-06T12:00:00Z')), d: '2022-11-06' },
    ])
  })
})

it('loads a body of two gzip members as one', async () => {
  await using place = await Workplace.create()
  const [first, second] = [eventsOf(DAY, 3), eventsOf(DAY, 6).slice(3)].map((events) =>
    events.map((event) => `${JSON.stringify(event)}\n`).join(''),
  )
  const body = Buffer.concat([gzipSync(first ?? ''), gzipSync(second ?? '')])
  place.simulator.fault({ kind: 'body', body, keepEncodingHeader: true, match: { path: '/api/2.0/export' } })
  expect(await place.run(LOAD)).toMatchObject({ code: 0 })
  expect(await place.query('SELECT count(*) AS n FROM export')).toEqual([{ n: 6n }])
})

it('loads lines of 1 MB and of 10 MB', async () => {
  await using place = await Workplace.create()
  const long = (bytes: number) => `"t":"${'x'.repeat(bytes)}"`
  expect(await loadBody(place, linesOf(long(1_000_000), long(10_000_000), '"t":"short"'))).toMatchObject({ code: 0 })
  expect(await place.query('SELECT length(t) AS n FROM export ORDER BY time')).toEqual([
    { n: 1_000_000n },
    { n: 10_000_000n },
    { n: 5n },
  ])
})
