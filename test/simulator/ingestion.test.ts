import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../lib/simulator/index.ts'
import { lines, request, requestExport } from './requests.ts'

const TODAY = '2026-08-10'
const MIDNIGHT = Date.parse(`${TODAY}T00:00:00Z`)
const TOKEN = 'project-token'

let simulator: Simulator

async function start(options: SimulatorOptions = {}): Promise<void> {
  await simulator?.close()
  simulator = await startSimulator({
    requestsPerHour: 0,
    requestsPerSecond: 0,
    token: TOKEN,
    today: TODAY,
    ...options,
  })
}

beforeEach(() => start())
afterEach(() => simulator.close())

interface Line {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

async function stored(): Promise<Line[]> {
  const { text } = await requestExport(simulator, '2026-08-01', TODAY)
  return lines(text).map((line) => JSON.parse(line))
}

function event(properties: object = {}, name = 'Viewed'): object {
  return { event: name, properties: { token: TOKEN, time: MIDNIGHT, distinct_id: 'ann', ...properties } }
}

async function post(path: string, body: unknown, query: Record<string, string> = {}, headers = {}): Promise<string> {
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const type = { 'content-type': 'application/json' }
  const options = { method: 'POST', body: sent, query, headers: { ...type, ...headers }, authorization: null } as const
  const { status, text } = await request(simulator, path, options)
  expect(status).toBe(200)
  return text
}

async function importEvents(events: readonly object[]) {
  const { status, text } = await request(simulator, '/import', { method: 'POST', body: JSON.stringify(events) })
  return { status, body: JSON.parse(text) }
}

describe('/track', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  it('stores events without the token and the address, and returns 1', async () => {
    expect(await post('/track', [event({ ip: '1.2.3.4', plan: 'pro' }), event()])).toBe('1')
    const found = await stored()
    expect(found).toHaveLength(2)
    for (const { properties } of found) {
      expect(properties).not.toHaveProperty('token')
      expect(properties).not.toHaveProperty('ip')
      expect(properties).not.toHaveProperty('$import')
      expect(properties).toMatchObject({
        time: MIDNIGHT,
        distinct_id: 'ann',
        mp_processing_time_ms: expect.any(Number),
      })
    }
    expect(found.map(({ properties }) => properties.plan)).toContain('pro')
  })

  it('accepts an object, Base64, a form, a query and gzip', async () => {
    const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64')
    expect(await post('/track', event({ n: 1 }))).toBe('1')
    expect(await post('/track', `data=${base64([event({ n: 2, text: '>>>???' })])}`, {}, form)).toBe('1')
    expect(await post('/track', `data=${encodeURIComponent(JSON.stringify(event({ n: 3 })))}`, {}, form)).toBe('1')
    expect(await post('/track', gzipSync(JSON.stringify([event({ n: 4 })])), {}, { 'content-encoding': 'gzip' })).toBe(
      '1',
    )
    const { text } = await request(simulator, '/track', {
      query: { data: base64(event({ n: 5 })) },
      authorization: null,
    })
    expect(text).toBe('1')
    expect((await stored()).map(({ properties }) => properties.n).sort()).toEqual([1, 2, 3, 4, 5])
  })

  it('responds in the requested form', async () => {
    expect(JSON.parse(await post('/track', [event()], { verbose: '1' }))).toEqual({ status: 1, error: null })
    expect(JSON.parse(await post('/track', [], { verbose: '1' }))).toEqual({
      status: 0,
      error: 'data, missing or empty',
    })
    expect(await post('/track', [event()], { callback: 'done' })).toBe('done(1);')
    expect(await post('/track', [event()], { img: '1' })).toMatch(/^GIF/)
  })

  it.each([
    ['invalid JSON', 'x'],
    ['an empty list', []],
    ['a missing token', [{ event: 'e', properties: {} }]],
    ['a blank name', [event({}, ' ')]],
    ['a number', [5]],
  ])('returns 0 for %s', async (_, body) => {
    expect(await post('/track', body)).toBe('0')
    expect(await stored()).toEqual([])
  })

  it.each([
    ['older than five days', { time: MIDNIGHT - 6 * 86_400_000 }],
    ['of another project', { token: 'other' }],
    ['with $ignore', { $ignore: true }],
    ['that is nested too deeply', { a: { b: { c: { d: { e: 1 } } } } }],
  ])('returns 1 and drops an event %s', async (_, properties) => {
    expect(await post('/track', [event(properties), event({ kept: true })])).toBe('1')
    expect((await stored()).map(({ properties: { kept } }) => kept)).toEqual([true])
  })

  it('sets the time of events without a time or from the future to now', async () => {
    await post('/track', [event({ time: undefined }), event({ time: MIDNIGHT + 40 * 86_400_000 })])
    const found = await stored()
    expect(found).toHaveLength(2)
    for (const { properties } of found) expect(properties.time).toBe(properties.mp_processing_time_ms)
  })

  it('keeps the other bytes when it removes the token and the address', async () => {
    for (const body of [
      `{"event":"e","properties":{"token":"${TOKEN}"}}`,
      `{"event":"e","properties":{"token" : "${TOKEN}" , "ip":"1.1.1.1"}}`,
      `{"event":"e","properties":{"ip":"1.1.1.1","token":"${TOKEN}","big":12345678901234567890,"x":"\\"token\\":"}}`,
      `{"event":"e","properties":{"big":12345678901234567890,"token":"${TOKEN}","ip":"1.1.1.1"}}`,
      `{"event":"e","properties":{"a":1,"token":"${TOKEN}","big":12345678901234567890,"ip":"0","z":{"token":"t"}}}`,
    ]) {
      expect(await post('/track', body)).toBe('1')
    }
    const { text } = await requestExport(simulator, '2026-08-01', TODAY)
    expect(lines(text)).toHaveLength(5)
    expect(text.match(/"big":12345678901234567890/g)).toHaveLength(3)
    for (const line of lines(text)) {
      const { properties } = JSON.parse(line)
      expect(properties).not.toHaveProperty('token')
      expect(properties).not.toHaveProperty('ip')
    }
    expect(text).toContain('"z":{"token":"t"}')
  })
})

describe('/engage and /groups', () => {
  const update = (operation: string, value: unknown, more: object = {}) => ({
    $token: TOKEN,
    $distinct_id: 'ann',
    [operation]: value,
    ...more,
  })

  it('apply updates in order', async () => {
    const updates = [
      update('$set', { plan: 'free', tags: ['a'] }),
      update('$set_once', { plan: 'pro', first: 1 }),
      update('$add', { coins: 13 }),
      update('$add', { coins: -3, big: 12 }),
      update('$append', { tags: 'b' }),
      update('$union', { tags: ['a', 'c'] }),
      update('$remove', { tags: 'b' }),
      update('$unset', ['first']),
    ]
    expect(await post('/engage', updates)).toBe('1')
    const { $last_seen, ...properties } = simulator.profiles.get('ann') ?? {}
    expect(properties).toEqual({ plan: 'free', tags: ['a', 'c'], coins: 10, big: 12 })
    expect($last_seen).toMatch(/^2026-08-10T/)
    expect(await post('/engage', [update('$delete', '')])).toBe('1')
    expect(simulator.profiles.has('ann')).toBe(false)
  })

  it('set Last Seen to $time, or leave it unchanged with $ignore_time', async () => {
    await post('/engage', [update('$set', { a: 1 }, { $time: 1_358_208_000 })])
    expect(simulator.profiles.get('ann')).toEqual({ a: 1, $last_seen: '2013-01-15T00:00:00' })
    await post('/engage', [update('$set', { a: 2 }, { $ignore_time: true }), update('$unset', ['x'])])
    expect(simulator.profiles.get('ann')).toEqual({ a: 2, $last_seen: '2013-01-15T00:00:00' })
  })

  it('reject gzip and invalid updates', async () => {
    const compressed = gzipSync(JSON.stringify([update('$set', { a: 1 })]))
    expect(await post('/engage', compressed, {}, { 'content-encoding': 'gzip' })).toBe('0')
    for (const invalid of [update('$add', { a: 'x' }), update('$grow', {}), { $token: TOKEN, $set: {} }, 5]) {
      expect(JSON.parse(await post('/engage', [invalid], { verbose: '1' })).status).toBe(0)
    }
    expect(await post('/engage', [update('$add', { a: 'x' }), update('$set', { b: 2 })])).toBe('1')
    expect(simulator.profiles.get('ann')).toMatchObject({ b: 2 })
    expect(await post('/engage', [update('$set', { b: 3 }, { $token: 'other' })])).toBe('1')
    expect(simulator.profiles.get('ann')).toMatchObject({ b: 2 })
  })

  it('store the profiles of groups under the id of their key', async () => {
    await start({ groupKeys: { company: '4711' } })
    const group = { $token: TOKEN, $group_key: 'company', $group_id: 'acme' }
    expect(await post('/groups', [{ ...group, $set: { seats: 3 } }])).toBe('1')
    expect(await post('/groups', [{ ...group, $add: { seats: 1 } }])).toBe('0')
    expect(simulator.groupProfiles('4711').get('acme')).toEqual({ seats: 3 })
    expect(simulator.profiles.size).toBe(0)
  })
})

describe('identity', () => {
  const ANONYMOUS = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b'
  const full = (name: string, properties: object) => ({
    event: name,
    properties: { time: MIDNIGHT, $insert_id: `id-${Math.random()}`.replace('.', '-'), ...properties },
  })
  const ids = async () =>
    Object.fromEntries(
      (await stored()).map(({ event: name, properties }) => [
        name,
        [properties.distinct_id, properties.$distinct_id_before_identity],
      ]),
    )

  it('changes exported ids after $identify, $create_alias and $merge', async () => {
    const events = [
      full('a', { distinct_id: ANONYMOUS }),
      full('b', { distinct_id: 'ann@example.com' }),
      full('c', { distinct_id: 'ann-2' }),
      full('$identify', { distinct_id: 'ann', $identified_id: 'ann', $anon_id: ANONYMOUS }),
      full('$create_alias', { distinct_id: 'ann', alias: 'ann@example.com' }),
      full('$merge', { distinct_id: 'ann', $distinct_ids: ['ann', 'ann-2'] }),
      full('$identify', { distinct_id: 'bob', $identified_id: 'bob', $anon_id: ANONYMOUS }),
      full('d', { distinct_id: 'bob' }),
    ]
    expect((await importEvents(events)).body).toMatchObject({ num_records_imported: events.length })
    expect(await ids()).toMatchObject({
      a: ['ann', ANONYMOUS],
      b: ['ann', 'ann@example.com'],
      c: ['ann', 'ann-2'],
      d: ['bob', undefined],
      $merge: ['ann', undefined],
    })
  })

  it('changes exported ids after rekeySeconds', async () => {
    await start({ rekeySeconds: 3600 })
    await importEvents([full('a', { distinct_id: 'b' }), full('$create_alias', { distinct_id: 'ann', alias: 'b' })])
    expect((await ids()).a).toEqual(['b', undefined])
  })

  it('merges profiles, and applies later updates of the alias to the person', async () => {
    await post('/engage', [
      { $token: TOKEN, $distinct_id: 'ann', $set: { a: 1 } },
      { $token: TOKEN, $distinct_id: 'old', $set: { a: 2, b: 2 } },
    ])
    await post('/track', { event: '$create_alias', properties: { token: TOKEN, distinct_id: 'ann', alias: 'old' } })
    await post('/engage', [{ $token: TOKEN, $distinct_id: 'old', $set: { c: 3 } }])
    expect([...simulator.profiles.ids()]).toEqual(['ann'])
    expect(simulator.profiles.get('ann')).toMatchObject({ a: 1, b: 2, c: 3 })
  })

  it('does not link if $anon_id is not a UUID or the cluster would be too large', async () => {
    await importEvents([
      full('$identify', { distinct_id: 'ann', $identified_id: 'ann', $anon_id: 'anonymous-7' }),
      full('a', { distinct_id: 'anonymous-7' }),
    ])
    expect((await ids()).a).toEqual(['anonymous-7', undefined])
    const merges = Array.from({ length: 500 }, (_, index) =>
      full('$merge', { distinct_id: 'x', $distinct_ids: ['x', `m${index}`] }),
    )
    await importEvents([...merges, full('first', { distinct_id: 'm0' }), full('last', { distinct_id: 'm499' })])
    expect(await ids()).toMatchObject({ first: ['x', 'm0'], last: ['m499', undefined] })
  })

  it('in a simplified project is decided by $device_id and $user_id', async () => {
    await start({ identity: 'simplified' })
    await importEvents([
      full('anonymous', { distinct_id: '', $device_id: 'd1' }),
      full('only a device', { distinct_id: '$device:d2' }),
      full('only a user', { distinct_id: 'ann' }),
      full('both', { distinct_id: '', $device_id: '$device:d1', $user_id: 'ann' }),
      full('claimed too late', { distinct_id: '', $device_id: 'd1', $user_id: 'bob' }),
    ])
    expect(await ids()).toEqual({
      anonymous: ['ann', '$device:d1'],
      'only a device': ['$device:d2', undefined],
      'only a user': ['ann', undefined],
      both: ['ann', undefined],
      'claimed too late': ['bob', undefined],
    })
    const byName = new Map((await stored()).map(({ event: name, properties }) => [name, properties]))
    expect(byName.get('only a device')).toMatchObject({ $device_id: 'd2' })
    expect(byName.get('only a user')).toMatchObject({ $user_id: 'ann' })
    expect(byName.get('both')).toMatchObject({ $device_id: 'd1', $user_id: 'ann' })
  })

  it('in a simplified project rejects a batch with an identity event', async () => {
    await start({ identity: 'simplified' })
    const { status, body } = await importEvents([
      full('a', { distinct_id: 'ann' }),
      full('$merge', { distinct_id: 'a', $distinct_ids: ['a', 'b'] }),
    ])
    expect(status).toBe(400)
    expect(body.failed_records).toEqual([
      'identity events are not allowed when project is using simplified identity management',
    ])
    expect(await stored()).toEqual([])
  })
})
