/**
 * Checks for profiles what the test suites of two other clients check: Mixpanel's own for Node, and
 * mixpanel_api_ex for Elixir. Each test compares what is sent, and what the Engage API returns
 * afterwards. Comments note where this client sends something else with the same meaning.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { IngestClient } from '../../lib/ingest/client.ts'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import type { Operation } from '../../lib/ingest/operations.ts'
import type { EngageOptions } from '../../lib/ingest/payloads.ts'
import { request } from '../simulator/requests.ts'
import { RecordedSending, type RecordingProxy } from './recording-proxy.ts'
import { type Sending, TOKEN } from './sending.ts'

let sending: Sending
let proxy: RecordingProxy
let recorded: RecordedSending

beforeEach(async () => {
  recorded = await RecordedSending.start()
  ;({ sending, proxy } = recorded)
})
afterEach(() => recorded[Symbol.asyncDispose]())

const client = (options: Partial<IngestOptions> = {}) => recorded.client(options)

type Json = Readonly<Record<string, unknown>>

/** Returns the profiles of the Engage API by id. */
async function profiles(dataGroupId?: string): Promise<ReadonlyMap<string, Json>> {
  const body = dataGroupId === undefined ? '' : `data_group_id=${dataGroupId}`
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const { text } = await request(sending.simulator, '/api/query/engage', { method: 'POST', body, headers })
  const { results } = JSON.parse(text) as { results: { $distinct_id: string; $properties: Json }[] }
  return new Map(results.map(({ $distinct_id, $properties }) => [$distinct_id, $properties]))
}

const SECONDS_2013 = 1_358_208_000

/** All options of a change, and how they are sent. */
const MODIFIERS: EngageOptions = { ignoreAlias: true, ignoreTime: true, ip: '1.2.3.4', time: 1_234_567_890 }
const SENT_MODIFIERS = { $ignore_alias: true, $ignore_time: true, $ip: '1.2.3.4', $time: 1_234_567_890 }
const LOCATION = { latitude: 40.7127753, longitude: -74.0059728 }
const SENT_LOCATION = { $latitude: 40.7127753, $longitude: -74.0059728 }

type Change = (client: IngestClient, options?: EngageOptions) => Promise<void>
const change =
  (operation: Operation, value?: unknown): Change =>
  (client, options) =>
    client.engage('user1', operation, value, options)

/** A change, with the profile before it, what is sent, and the profile after it. */
const CHANGES: readonly [title: string, before: Json | undefined, Change, sent: Json, after: Json | undefined][] = [
  ['set', { key1: 0 }, change('$set', { key1: 'val1' }), { $set: { key1: 'val1' } }, { key1: 'val1' }],
  [
    'set of several',
    undefined,
    change('$set', { key1: 'val1', key2: 'val2' }),
    { $set: { key1: 'val1', key2: 'val2' } },
    { key1: 'val1', key2: 'val2' },
  ],
  [
    'set of an address line',
    undefined,
    change('$set', { Address: '1313 Mockingbird Lane' }),
    { $set: { Address: '1313 Mockingbird Lane' } },
    { Address: '1313 Mockingbird Lane' },
  ],
  [
    'set once',
    { key1: 0 },
    change('$set_once', { key1: 'val1', key2: 'val2' }),
    { $set_once: { key1: 'val1', key2: 'val2' } },
    { key1: 0, key2: 'val2' },
  ],
  ['increment by one', { key1: 1 }, change('$add', { key1: 1 }), { $add: { key1: 1 } }, { key1: 2 }],
  ['increment of nothing', undefined, change('$add', { key1: 2 }), { $add: { key1: 2 } }, { key1: 2 }],
  [
    'increment of several',
    { key1: 1, key2: 1 },
    change('$add', { key1: 5, key2: -3 }),
    { $add: { key1: 5, key2: -3 } },
    { key1: 6, key2: -2 },
  ],
  // Node's client sends the text. The sum is the same.
  ['increment by a text', undefined, change('$add', { key4: '5' }), { $add: { key4: 5 } }, { key4: 5 }],
  [
    'append',
    { key1: ['a'] },
    change('$append', { key1: 'value' }),
    { $append: { key1: 'value' } },
    { key1: ['a', 'value'] },
  ],
  [
    'append to several',
    undefined,
    change('$append', { key1: 'value1', key2: 'value2' }),
    { $append: { key1: 'value1', key2: 'value2' } },
    { key1: ['value1'], key2: ['value2'] },
  ],
  [
    'remove',
    { key1: ['value1', 'x'], key2: ['value2'], key3: ['value1'] },
    change('$remove', { key1: 'value1', key2: 'value2' }),
    { $remove: { key1: 'value1', key2: 'value2' } },
    { key1: ['x'], key2: [], key3: ['value1'] },
  ],
  [
    'union',
    { key1: ['value2'] },
    change('$union', { key1: ['value1', 'value2'] }),
    { $union: { key1: ['value1', 'value2'] } },
    { key1: ['value2', 'value1'] },
  ],
  [
    'union of one',
    undefined,
    change('$union', { key1: 'value1' }),
    { $union: { key1: ['value1'] } },
    { key1: ['value1'] },
  ],
  ['unset', { key1: 1, key2: 2 }, change('$unset', 'key1'), { $unset: ['key1'] }, { key2: 2 }],
  ['unset of several', { key1: 1, key2: 2 }, change('$unset', ['key1', 'key2']), { $unset: ['key1', 'key2'] }, {}],
  ['delete', { key1: 1 }, change('$delete'), { $delete: '' }, undefined],
  [
    'charge',
    { $transactions: [{ $amount: 1 }] },
    (client, options) =>
      client.trackCharge('user1', 50, { $time: new Date('2012-02-01T00:00:00Z'), isk: 'isk' }, options),
    { $append: { $transactions: { $amount: 50, $time: '2012-02-01T00:00:00.000Z', isk: 'isk' } } },
    { $transactions: [{ $amount: 1 }, { $amount: 50, $time: '2012-02-01T00:00:00.000Z', isk: 'isk' }] },
  ],
  [
    // Node's client sends no time. Here it is the time of the call, even if the charge arrives
    // later.
    'charge of now',
    undefined,
    (client, options) => client.trackCharge('user1', 50, undefined, options),
    { $append: { $transactions: { $amount: 50, $time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) } } },
    { $transactions: [{ $amount: 50, $time: expect.any(String) }] },
  ],
  [
    'clearing of charges',
    { $transactions: [{ $amount: 1 }] },
    (client, options) => client.clearCharges('user1', options),
    { $set: { $transactions: [] } },
    { $transactions: [] },
  ],
]

describe('a profile', () => {
  it.each(CHANGES)('can be changed by %s', async (_, before, apply, sent, after) => {
    if (before !== undefined) sending.simulator.profiles.set('user1', before)
    const sender = client()
    await apply(sender, { ignoreTime: true })
    expect(await sender.flush()).toMatchObject({ accepted: 1, rejected: 0 })
    expect(proxy.sent).toMatchObject([{ path: '/engage', query: { ip: '0' } }])
    expect(proxy.records('/engage')).toEqual([{ $token: TOKEN, $distinct_id: 'user1', $ignore_time: true, ...sent }])
    expect((await profiles()).get('user1')).toEqual(after)
  })

  it.each(CHANGES)('can be changed by %s with all options', async (_, before, apply, sent) => {
    if (before !== undefined) sending.simulator.profiles.set('user1', before)
    const sender = client()
    await apply(sender, { ...MODIFIERS, ...LOCATION })
    await sender.flush()
    const expected = { $token: TOKEN, $distinct_id: 'user1', ...sent, ...SENT_MODIFIERS, ...SENT_LOCATION }
    expect(proxy.records('/engage')).toEqual([expected])
  })

  it.each([
    [{ ip: [123, 123, 123, 123] as const }, { $ip: '123.123.123.123' }],
    [{ ip: '123.123.123.123' }, { $ip: '123.123.123.123' }],
    [{ time: '2013-01-15T00:00:00' }, { $time: SECONDS_2013 * 1000 }],
    [{ ignoreTime: false }, {}],
  ])('can be changed with the options %j', async (options, sent) => {
    const sender = client()
    await sender.engage('13793', '$set', { Address: '1313 Mockingbird Lane' }, options)
    await sender.flush()
    const $set = { Address: '1313 Mockingbird Lane' }
    expect(proxy.records('/engage')).toEqual([{ $token: TOKEN, $distinct_id: '13793', $set, ...sent }])
  })

  it('can be changed several times in one request, with the same options', async () => {
    const sender = client()
    const $set = { Address: '1313 Mockingbird Lane' }
    await sender.engage(
      [
        { distinctId: '13793', operation: '$set', value: $set },
        { distinctId: '13794', operation: '$add', value: { coins: 1 } },
      ],
      { ip: '1.2.3.4', ignoreTime: true },
    )
    await sender.flush()
    expect(proxy.sent).toHaveLength(1)
    const common = { $token: TOKEN, $ip: '1.2.3.4', $ignore_time: true }
    expect(proxy.records('/engage')).toEqual([
      { ...common, $distinct_id: '13793', $set },
      { ...common, $distinct_id: '13794', $add: { coins: 1 } },
    ])
    expect(Object.fromEntries(await profiles())).toEqual({ 13793: $set, 13794: { coins: 1 } })
  })

  // Node's client skips these with a line in a log. Here the call fails, and names what is wrong.
  it.each([
    ['$add', { key1: 'bad', key2: 3 }, '$add.key1'],
    ['$add', { key5: new Date() }, '$add.key5'],
    ['$add', { key6: () => 1 }, '$add.key6'],
    ['$remove', { key1: ['value1'] }, '$remove.key1'],
    ['$remove', { key1: { key: 'val' } }, '$remove.key1'],
    ['$remove', 1231241.123, '$remove'],
    ['$remove', [5], '$remove'],
    ['$remove', { key1: () => 1 }, '$remove.key1'],
    ['$union', { key1: { key: 'val' } }, '$union.key1'],
    ['$union', 1231241.123, '$union'],
    ['$union', [5], '$union'],
    ['$union', { key1: [() => 1] }, '$union.key1'],
    ['$unset', { key1: 'val1' }, '$unset'],
    ['$unset', 1231241.123, '$unset'],
    ['$grow', {}, '$grow'],
  ] as const)('rejects %s of %j', async (operation, value, name) => {
    const sender = client()
    await expect(sender.engage('user1', operation as '$set', value)).rejects.toThrow(name)
    await expect(sender.engageGroup('company', 'Acme Inc.', operation as '$set', value)).rejects.toThrow(
      operation === '$add' ? '$add' : name,
    )
    expect(await sender.flush()).toMatchObject({ accepted: 0 })
    expect(proxy.sent).toEqual([])
  })

  it.each([Number.NaN, '50', undefined])('cannot be charged %j', async (amount) => {
    await expect(client().trackCharge('user1', amount as number)).rejects.toThrow('amount must be a number')
  })
})

describe('a group', () => {
  const allowed = CHANGES.filter(([title]) => /^(?:set|union|unset|remove|delete)/.test(title))

  it.each(allowed)('can be changed by %s', async (_, before, apply, sent, after) => {
    if (before !== undefined) sending.simulator.groupProfiles('company').set('Acme Inc.', before)
    const sender = client()
    const group = {
      engage: (_id: string, operation: '$set', value: unknown, options: EngageOptions) =>
        sender.engageGroup('company', 'Acme Inc.', operation, value, options),
    }
    await apply(group as unknown as IngestClient, MODIFIERS)
    expect(await sender.flush()).toMatchObject({ accepted: 1, rejected: 0 })
    expect(proxy.records('/groups')).toEqual([
      { $token: TOKEN, $group_key: 'company', $group_id: 'Acme Inc.', ...sent, ...SENT_MODIFIERS },
    ])
    expect((await profiles('company')).get('Acme Inc.')).toEqual(after)
  })
})
