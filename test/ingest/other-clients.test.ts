/**
 * What the test suites of two other clients expect of events, Mixpanel's own for Node and mixpanel_api_ex for Elixir,
 * asked of this one: what goes over the wire, and what an export has of it afterwards. Where this client sends something
 * else of the same meaning, a comment says so.
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
  const calls: readonly [words: string, properties: Json | undefined, options: TrackOptions | undefined, sent: Json][] =
    [
      ['alone', undefined, undefined, {}],
      ['with properties', { 'Referred By': 'friend' }, undefined, { 'Referred By': 'friend' }],
      ['of a person', { 'Referred By': 'friend' }, { distinctId: '13793' }, { distinct_id: '13793' }],
      [
        'with an address as text',
        { 'Level Number': 9 },
        { ip: '203.0.113.9' },
        { 'Level Number': 9, ip: '203.0.113.9' },
      ],
      ['with an address as numbers', {}, { ip: [203, 0, 113, 9] }, { ip: '203.0.113.9' }],
      ['with what a library says of itself', { mp_lib: 'node', $lib_version: '0.21.0' }, undefined, { mp_lib: 'node' }],
    ]

  it.each(calls)('%s', async (_, properties, options, sent) => {
    const one = client()
    await one.track('Signed up', properties, options)
    expect(await one.flush()).toMatchObject({ accepted: 1 })
    const [request] = proxy.sent
    // Both others send the base64 of it by GET; the address of the sender is nobody's in all three.
    expect(request).toMatchObject({ method: 'POST', path: '/track', query: { ip: '0' } })
    const properties_ = { ...properties, ...sent, token: TOKEN }
    expect(request?.records).toEqual([
      {
        event: 'Signed up',
        properties: { ...properties_, time: expect.any(Number), $insert_id: expect.stringMatching(/^[\da-f-]{36}$/) },
      },
    ])
    const [stored] = await sending.stored()
    // Neither the token nor the address is stored.
    const { token: _token, ip: _ip, ...kept } = properties_ as Record<string, unknown>
    expect(stored).toMatchObject({ event: 'Signed up', properties: kept })
    expect(stored?.properties).not.toHaveProperty('ip')
  })

  const moments: readonly [words: string, time: NonNullable<TrackOptions['time']>, sent: number][] = [
    // Elixir sends seconds for all of these, Node milliseconds for a Date; Mixpanel takes both.
    ['a Date', new Date(SECONDS_2013 * 1000), SECONDS_2013 * 1000],
    ['a text with a zone', '2013-01-15T00:00:00Z', SECONDS_2013 * 1000],
    ['a text without one', '2013-01-15 00:00:00', SECONDS_2013 * 1000],
    ['a date and an offset', '2013-01-15T01:00:00+01:00', SECONDS_2013 * 1000],
    ['seconds', SECONDS_2013, SECONDS_2013],
    ['milliseconds', SECONDS_2013 * 1000, SECONDS_2013 * 1000],
  ]

  it.each(moments)('of a time that is %s', async (_, time, sent) => {
    const one = client()
    await one.track('Level Complete', { n: 0 }, { time })
    // Node has the time among the properties.
    await one.track('Level Complete', { n: 1, time })
    await one.flush()
    // It is years old, and /track would drop it without a word.
    expect(proxy.records('/track')).toEqual([])
    expect(proxy.records('/import').map(({ properties }) => (properties as Json).time)).toEqual([sent, sent])
    const times = (await sending.stored()).map(({ properties }) => properties.time)
    expect(times).toEqual([SECONDS_2013 * 1000, SECONDS_2013 * 1000])
  })

  it('of a time that is none is refused at once', async () => {
    await expect(client().track('test', { time: 'not a number or Date' })).rejects.toThrow('time must be a Date')
    await expect(client().track('test', {}, { time: {} as Date })).rejects.toThrow('time must be a Date')
  })

  it('with an option that there is none of is refused at once', async () => {
    await expect(client().track('e', {}, { user: 'x' } as object)).rejects.toThrow('user is not known')
    await expect(client().engage('a', '$set', {}, { ignore_time: true } as object)).rejects.toThrow('ignore_time')
  })

  it('has what every event is to have, and its own counts more', async () => {
    const one = client({ superProperties: { mp_lib: 'node', $lib_version: '0.21.0', plan: 'free' } })
    await one.track('test', { plan: 'pro' })
    await one.flush()
    const wanted = { mp_lib: 'node', $lib_version: '0.21.0', plan: 'pro' }
    expect(proxy.records('/track')).toMatchObject([{ properties: wanted }])
    expect(await sending.stored()).toMatchObject([{ properties: wanted }])
  })

  it.each([{ time: 1 }, { $insert_id: 'x' }, 'text', { f: () => 1 }])('never shares %j', (superProperties) => {
    expect(() => createClient({ token: 't', superProperties } as IngestOptions)).toThrow('superProperties')
  })
})

describe('many events', () => {
  const list = Array.from({ length: 130 }, (_, n) => ({ event: 'test', properties: { key1: 'val1', n } }))

  it.each([
    [50, 3],
    [100, 2],
    [30, 5],
  ])('go in batches of %i', async (batchRecords, requests) => {
    const one = client({ batchRecords, requestsAtOnce: 2, lingerMs: 60_000 })
    for (const { event, properties } of list) await one.track(event, properties)
    expect((await one.flush()).accepted).toBe(130)
    expect(proxy.sent).toHaveLength(requests)
    expect((await sending.stored()).map(({ properties }) => properties.n)).toEqual(list.map((_, n) => n))
  })

  it('report each failure, and go on', async () => {
    sending.simulator.fault({ kind: 'status', status: 200, body: '0', times: 1 })
    const one = client({ batchRecords: 50, requestsAtOnce: 1, lingerMs: 60_000 })
    for (const { event, properties } of list) await one.track(event, properties)
    const { accepted, rejected, rejections } = await one.flush()
    expect({ accepted, rejected }).toEqual({ accepted: 80, rejected: 50 })
    expect(rejections.map(({ index }) => index)).toEqual(list.slice(0, 50).map((_, n) => n))
  })

  it('may each have a token of their own', async () => {
    const one = client()
    await one.track('test', { token: 'another', n: 1 })
    await one.track('test', { n: 2 })
    await one.flush()
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
    const one = client()
    const report = await one.import([{ event: 'test', properties: { key1: 'val1', distinct_id: 'ann', time } }])
    expect(report).toMatchObject({ accepted: 1, rejected: 0 })
    // Node puts the token among the properties; here it is who asks, and in the header.
    expect(proxy.sent).toMatchObject([{ path: '/import', query: { strict: '1' } }])
    expect(proxy.records('/import')).toMatchObject([{ event: 'test', properties: { key1: 'val1', time: sent } }])
    expect(await sending.stored()).toMatchObject([{ event: 'test', properties: { key1: 'val1', time: sent } }])
  })

  it('of a list has each event with its time, and those that Mixpanel refuses for their age are reported', async () => {
    const times = [500, 1000, 1500]
    const events = times.map((time, n) => ({ event: 'test', properties: { time, n, distinct_id: 'ann' } }))
    const report = await client().import(events)
    expect(proxy.records('/import')).toMatchObject(times.map((time, n) => ({ properties: { time, n } })))
    expect(report).toMatchObject({ accepted: 0, rejected: 3 })
  })

  it('reports an event without a time, and takes the others', async () => {
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
  ])('goes in batches of %i', async (batchRecords, requests) => {
    const events = Array.from({ length: 130 }, (_, n) => ({
      event: 'test',
      properties: { key1: 'val1', time: now - n, distinct_id: 'ann', n },
    }))
    const one = client({ batchRecords, requestsAtOnce: 2 })
    expect(await one.import(events)).toMatchObject({ accepted: 130 })
    expect(proxy.sent).toHaveLength(requests)
    expect(await sending.stored()).toHaveLength(130)
  })

  it('is authorised by the project secret where there is one', async () => {
    const one = client({ token: undefined, credentials: { kind: 'project-secret', secret: 'foobar' } })
    const event = { event: 'test event', properties: { time: now, distinct_id: 'ann' } }
    expect(await one.import([event])).toMatchObject({ accepted: 1 })
    expect(proxy.sent[0]?.headers.authorization).toBe('Basic Zm9vYmFyOg==')
  })

  it('needs credentials or a token', () => {
    expect(() => createClient({})).toThrow('token is missing')
  })
})

describe('an alias', () => {
  it('is an event of the person who gets it', async () => {
    const one = client()
    await one.track('seen', { n: 1 }, { distinctId: 'test' })
    await one.flush()
    // Node's order is the id, then the alias; here, as in Elixir, it is the alias, then the id.
    await one.createAlias('test', 'old_id')
    await one.flush()
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
  it('go to the host of the region, or to any other host, port and path', async () => {
    expect(ingestionHost('us')).toBe('https://api.mixpanel.com')
    const one = client({ apiUrl: `${proxy.url}/mypath/` })
    await one.track('e')
    await one.flush().catch(() => {})
    expect(proxy.sent[0]?.path).toBe('/mypath/track')
  })

  it.each([
    [undefined, '0'],
    [false, '0'],
    [true, '1'],
  ])('with geolocate %s ask for ip=%s', async (geolocate, ip) => {
    const one = client({ geolocate })
    await one.track('e')
    await one.engage('a', '$set', { b: 1 })
    await one.flush()
    await one.import([{ event: 'e', properties: { time: Date.now(), distinct_id: 'a' } }])
    expect(proxy.sent.map(({ query }) => query.ip)).toEqual([ip, ip, ip])
  })

  it('share a connection', async () => {
    const one = client({ requestsAtOnce: 1 })
    for (let n = 0; n < 5; n++) {
      await one.track('e')
      await one.flush()
    }
    expect(proxy.sent).toHaveLength(5)
    expect(new Set(proxy.sent.map(({ port }) => port)).size).toBe(1)
  })

  it.each(['HTTP_PROXY', 'http_proxy'])('go through the proxy that %s names', async (variable) => {
    await using through = await LoopbackProxy.start()
    vi.stubEnv(variable, through.url())
    const one = client()
    vi.unstubAllEnvs()
    await one.track('e')
    expect(await one.flush()).toMatchObject({ accepted: 1 })
    expect(through.seen.map(({ what }) => what).join()).toContain(new URL(proxy.url).host)
  })

  it('that fail are made again, three times over', async () => {
    for (const fault of [
      { kind: 'status', status: 503, times: 2 },
      { kind: 'reset', times: 2 },
    ] as const) {
      sending.simulator.fault(fault)
      const one = sending.client()
      await one.track('Signed up', { 'Referred By': 'friend' }, { distinctId: '13793' })
      expect(await one.close()).toMatchObject({ accepted: 1 })
    }
    expect(sending.requests('/track')).toBe(6)
    expect(await sending.stored()).toHaveLength(2)
  })

  it('are told of, as they happen', async () => {
    sending.simulator.fault({ kind: 'status', status: 503, times: 2 })
    const one = client()
    await one.track('e')
    await one.flush()
    expect(sending.notices.map(({ kind }) => kind)).toEqual(['retry', 'retry'])
  })
})
