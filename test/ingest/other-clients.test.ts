/**
 * Checks for events what the test suites of two other clients check: Mixpanel's own for Node, and
 * mixpanel_api_ex for Elixir. Each test compares what is sent, and what an export has afterwards.
 * Comments note where this client sends something else with the same meaning.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { IngestOptions } from '../../lib/ingest/client-options.ts'
import { createClient } from '../../lib/ingest/named-clients.ts'
import type { TrackOptions } from '../../lib/ingest/payloads.ts'
import { ingestionHost } from '../../lib/mixpanel/regions.ts'
import { LoopbackProxy } from '../faults/loopback-proxy.ts'
import { RecordedSending, type RecordingProxy } from './recording-proxy.ts'
import { type Sending, TOKEN } from './sending.ts'

let sending: Sending
let proxy: RecordingProxy
let recorded: RecordedSending

beforeEach(async () => {
  recorded = await RecordedSending.start({ apiSecret: 'foobar' })
  ;({ sending, proxy } = recorded)
})
afterEach(() => recorded[Symbol.asyncDispose]())

const client = (options: Partial<IngestOptions> = {}) => recorded.client(options)

type Json = Readonly<Record<string, unknown>>

const SECONDS_2013 = 1_358_208_000
const DAYS_6_MS = 6 * 86_400_000

describe('an event', () => {
  const calls: readonly [title: string, properties: Json | undefined, options: TrackOptions | undefined, sent: Json][] =
    [
      ['without properties', undefined, undefined, {}],
      ['with properties', { 'Referred By': 'friend' }, undefined, { 'Referred By': 'friend' }],
      ['of a person', { 'Referred By': 'friend' }, { distinctId: '13793' }, { distinct_id: '13793' }],
      [
        'with an address as text',
        { 'Level Number': 9 },
        { ip: '203.0.113.9' },
        { 'Level Number': 9, ip: '203.0.113.9' },
      ],
      ['with an address as numbers', {}, { ip: [203, 0, 113, 9] }, { ip: '203.0.113.9' }],
      ['with the properties of a library', { mp_lib: 'node', $lib_version: '0.21.0' }, undefined, { mp_lib: 'node' }],
    ]

  it.each(calls)('%s', async (_, properties, options, sent) => {
    const sender = client()
    await sender.track('Signed up', properties, options)
    expect(await sender.flush()).toMatchObject({ accepted: 1 })
    const [request] = proxy.sent
    // Both others send Base64 by GET. In all three, the address of the sender is ignored.
    expect(request).toMatchObject({ method: 'POST', path: '/track', query: { ip: '0' } })
    const sentProperties = { ...properties, ...sent, token: TOKEN }
    expect(request?.records).toEqual([
      {
        event: 'Signed up',
        properties: {
          ...sentProperties,
          time: expect.any(Number),
          $insert_id: expect.stringMatching(/^[\da-f-]{36}$/),
        },
      },
    ])
    const [stored] = await sending.stored()
    // Neither the token nor the address is stored.
    const { token: _token, ip: _ip, ...kept } = sentProperties as Record<string, unknown>
    expect(stored).toMatchObject({ event: 'Signed up', properties: kept })
    expect(stored?.properties).not.toHaveProperty('ip')
  })

  const moments: readonly [title: string, time: NonNullable<TrackOptions['time']>, sent: number][] = [
    // Elixir's client sends seconds for all of these, Node's milliseconds for a Date. Mixpanel
    // accepts both.
    ['a Date', new Date(SECONDS_2013 * 1000), SECONDS_2013 * 1000],
    ['a text with a zone', '2013-01-15T00:00:00Z', SECONDS_2013 * 1000],
    ['a text without one', '2013-01-15 00:00:00', SECONDS_2013 * 1000],
    ['a date and an offset', '2013-01-15T01:00:00+01:00', SECONDS_2013 * 1000],
    ['seconds', SECONDS_2013, SECONDS_2013],
    ['milliseconds', SECONDS_2013 * 1000, SECONDS_2013 * 1000],
  ]

  it.each(moments)('with a time that is %s', async (_, time, sent) => {
    const sender = client()
    await sender.track('Level Complete', { n: 0 }, { time })
    // Node's client has the time among the properties.
    await sender.track('Level Complete', { n: 1, time })
    await sender.flush()
    // It is years old, so /track would drop it.
    expect(proxy.records('/track')).toEqual([])
    expect(proxy.records('/import').map(({ properties }) => (properties as Json).time)).toEqual([sent, sent])
    const times = (await sending.stored()).map(({ properties }) => properties.time)
    expect(times).toEqual([SECONDS_2013 * 1000, SECONDS_2013 * 1000])
  })

  it('with an invalid time is rejected at once', async () => {
    await expect(client().track('test', { time: 'not a number or Date' })).rejects.toThrow('time must be a Date')
    await expect(client().track('test', {}, { time: {} as Date })).rejects.toThrow('time must be a Date')
  })

  it('with an unknown option is rejected at once', async () => {
    await expect(client().track('e', {}, { user: 'x' } as object)).rejects.toThrow('user is not known')
    await expect(client().engage('a', '$set', {}, { ignore_time: true } as object)).rejects.toThrow('ignore_time')
  })

  it('has the super properties, but its own properties win', async () => {
    const sender = client({ superProperties: { mp_lib: 'node', $lib_version: '0.21.0', plan: 'free' } })
    await sender.track('test', { plan: 'pro' })
    await sender.flush()
    const expected = { mp_lib: 'node', $lib_version: '0.21.0', plan: 'pro' }
    expect(proxy.records('/track')).toMatchObject([{ properties: expected }])
    expect(await sending.stored()).toMatchObject([{ properties: expected }])
  })

  it.each([{ time: 1 }, { $insert_id: 'x' }, 'text', { f: () => 1 }])(
    'cannot have the super properties %j',
    (superProperties) => {
      expect(() => createClient({ token: 't', superProperties } as IngestOptions)).toThrow('superProperties')
    },
  )
})

describe('many events', () => {
  const list = Array.from({ length: 130 }, (_, n) => ({ event: 'test', properties: { key1: 'val1', n } }))

  it.each([
    [50, 3],
    [100, 2],
    [30, 5],
  ])('are sent in batches of %i', async (batchRecords, requests) => {
    const sender = client({ batchRecords, requestsAtOnce: 2, lingerMs: 60_000 })
    for (const { event, properties } of list) await sender.track(event, properties)
    expect((await sender.flush()).accepted).toBe(130)
    expect(proxy.sent).toHaveLength(requests)
    expect((await sending.stored()).map(({ properties }) => properties.n)).toEqual(list.map((_, n) => n))
  })

  it('are reported if they are rejected, and the others are sent', async () => {
    sending.simulator.fault({ kind: 'status', status: 200, body: '0', times: 1 })
    const sender = client({ batchRecords: 50, requestsAtOnce: 1, lingerMs: 60_000 })
    for (const { event, properties } of list) await sender.track(event, properties)
    const { accepted, rejected, rejections } = await sender.flush()
    expect({ accepted, rejected }).toEqual({ accepted: 80, rejected: 50 })
    expect(rejections.map(({ index }) => index)).toEqual(list.slice(0, 50).map((_, n) => n))
  })

  it('can have tokens of their own', async () => {
    const sender = client()
    await sender.track('test', { token: 'another', n: 1 })
    await sender.track('test', { n: 2 })
    await sender.flush()
    expect(proxy.records('/track').map(({ properties }) => (properties as Json).token)).toEqual(['another', TOKEN])
  })
})

describe('an import', () => {
  const now = Date.now()

  it.each([
    ['six days old', now - DAYS_6_MS, now - DAYS_6_MS],
    ['a Date of six days ago', new Date(now - DAYS_6_MS), now - DAYS_6_MS],
    ['a Date of now', new Date(now), now],
    ['now', now, now],
  ])('of an event that is %s', async (_, time, sent) => {
    const sender = client()
    const report = await sender.import([{ event: 'test', properties: { key1: 'val1', distinct_id: 'ann', time } }])
    expect(report).toMatchObject({ accepted: 1, rejected: 0 })
    // Node's client sends the token as a property. Here it is in the header.
    expect(proxy.sent).toMatchObject([{ path: '/import', query: { strict: '1' } }])
    expect(proxy.records('/import')).toMatchObject([{ event: 'test', properties: { key1: 'val1', time: sent } }])
    expect(await sending.stored()).toMatchObject([{ event: 'test', properties: { key1: 'val1', time: sent } }])
  })

  it('of a list sends each event with its time, and reports those that are too old for Mixpanel', async () => {
    const times = [500, 1000, 1500]
    const events = times.map((time, n) => ({ event: 'test', properties: { time, n, distinct_id: 'ann' } }))
    const report = await client().import(events)
    expect(proxy.records('/import')).toMatchObject(times.map((time, n) => ({ properties: { time, n } })))
    expect(report).toMatchObject({ accepted: 0, rejected: 3 })
  })

  it('reports an event without a time, and sends the others', async () => {
    const events = [{ time: now, n: 0 }, { n: 1 }, { time: 'not a number or Date', n: 2 }]
    const report = await client().import(
      events.map((properties) => ({ event: 'test', properties: { ...properties, distinct_id: 'ann' } })),
    )
    expect(report).toMatchObject({ accepted: 1, rejected: 2 })
    expect(report.rejections.map(({ index, reason }) => [index, /time must be/.test(reason)])).toEqual([
      [1, true],
      [2, true],
    ])
  })

  it.each([
    [50, 3],
    [30, 5],
  ])('is sent in batches of %i', async (batchRecords, requests) => {
    const events = Array.from({ length: 130 }, (_, n) => ({
      event: 'test',
      properties: { key1: 'val1', time: now - n, distinct_id: 'ann', n },
    }))
    const sender = client({ batchRecords, requestsAtOnce: 2 })
    expect(await sender.import(events)).toMatchObject({ accepted: 130 })
    expect(proxy.sent).toHaveLength(requests)
    expect(await sending.stored()).toHaveLength(130)
  })

  it('is authorized by a project secret', async () => {
    const sender = client({ token: undefined, credentials: { kind: 'project-secret', secret: 'foobar' } })
    const event = { event: 'test event', properties: { time: now, distinct_id: 'ann' } }
    expect(await sender.import([event])).toMatchObject({ accepted: 1 })
    expect(proxy.sent[0]?.headers.authorization).toBe('Basic Zm9vYmFyOg==')
  })

  it('needs credentials or a token', () => {
    expect(() => createClient({})).toThrow('token is missing')
  })
})

describe('an alias', () => {
  it('is an event of the person', async () => {
    const sender = client()
    await sender.track('seen', { n: 1 }, { distinctId: 'test' })
    await sender.flush()
    // Node's client takes the id first; this one and Elixir's take the alias first.
    await sender.createAlias('test', 'old_id')
    await sender.flush()
    const [, sent] = proxy.records('/track')
    expect(sent).toMatchObject({
      event: '$create_alias',
      properties: { distinct_id: 'old_id', alias: 'test', token: TOKEN },
    })
    const [seen] = await sending.stored()
    expect(seen?.properties).toMatchObject({ distinct_id: 'old_id', $distinct_id_before_identity: 'test' })
  })
})

describe('requests', () => {
  it('are sent to the host of the region, or to any other URL', async () => {
    expect(ingestionHost('us')).toBe('https://api.mixpanel.com')
    const sender = client({ apiUrl: `${proxy.url}/mypath/` })
    await sender.track('e')
    await sender.flush().catch(() => {})
    expect(proxy.sent[0]?.path).toBe('/mypath/track')
  })

  it.each([
    [undefined, '0'],
    [false, '0'],
    [true, '1'],
  ])('with geolocate %s have ip=%s', async (geolocate, ip) => {
    const sender = client({ geolocate })
    await sender.track('e')
    await sender.engage('a', '$set', { b: 1 })
    await sender.flush()
    await sender.import([{ event: 'e', properties: { time: Date.now(), distinct_id: 'a' } }])
    expect(proxy.sent.map(({ query }) => query.ip)).toEqual([ip, ip, ip])
  })

  it('share a connection', async () => {
    const sender = client({ requestsAtOnce: 1 })
    for (let n = 0; n < 5; n++) {
      await sender.track('e')
      await sender.flush()
    }
    expect(proxy.sent).toHaveLength(5)
    expect(new Set(proxy.sent.map(({ port }) => port)).size).toBe(1)
  })

  it.each(['HTTP_PROXY', 'http_proxy'])('use the proxy of %s', async (variable) => {
    await using loopback = await LoopbackProxy.start()
    vi.stubEnv(variable, loopback.url())
    const sender = client()
    vi.unstubAllEnvs()
    await sender.track('e')
    expect(await sender.flush()).toMatchObject({ accepted: 1 })
    expect(loopback.seen.map(({ what }) => what).join()).toContain(new URL(proxy.url).host)
  })

  it('that fail are retried', async () => {
    for (const fault of [
      { kind: 'status', status: 503, times: 2 },
      { kind: 'reset', times: 2 },
    ] as const) {
      sending.simulator.fault(fault)
      const sender = sending.client()
      await sender.track('Signed up', { 'Referred By': 'friend' }, { distinctId: '13793' })
      expect(await sender.close()).toMatchObject({ accepted: 1 })
    }
    expect(sending.requests('/track')).toBe(6)
    expect(await sending.stored()).toHaveLength(2)
  })

  it('that are retried are reported as they happen', async () => {
    sending.simulator.fault({ kind: 'status', status: 503, times: 2 })
    const sender = client()
    await sender.track('e')
    await sender.flush()
    expect(sending.notices.map(({ kind }) => kind)).toEqual(['retry', 'retry'])
  })
})
