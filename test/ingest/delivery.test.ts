import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import { requestExport } from '../simulator/requests.ts'
import { Sending, TOKEN } from './sending.ts'

let sending: Sending

beforeEach(async () => {
  sending = await Sending.start()
})
afterEach(() => sending[Symbol.asyncDispose]())

const NOW = Date.now()
const event = (n: number, more: object = {}) => ({
  event: 'e',
  properties: { time: NOW - n, distinct_id: 'ann', n, $insert_id: `id-${n}`, ...more },
})
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n))
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('nothing failed'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(MixloadError)
      return error as MixloadError
    },
  )

describe('what fails for a while', () => {
  it.each([
    [{ kind: 'status', status: 503 }, 'SERVER_FAILED'],
    [{ kind: 'rate-limit' }, 'RATE_LIMITED'],
    [{ kind: 'reset' }, 'NETWORK_FAILED'],
  ] as const)('is sent again after %j', async (fault, code) => {
    sending.simulator.fault({ ...fault, times: 2 })
    await using client = sending.client()
    await client.track('e', { n: 1 })
    expect((await client.flush()).accepted).toBe(1)
    expect(sending.notices.map((notice) => notice.kind === 'retry' && notice.error.code)).toEqual([code, code])
    expect(await sending.stored()).toHaveLength(1)
  })

  it('is sent again when the server says, and not before', async () => {
    sending.simulator.fault({ kind: 'rate-limit', retryAfter: 1 })
    await using client = sending.client()
    const started = Date.now()
    await client.track('e')
    await client.flush()
    expect(Date.now() - started).toBeGreaterThanOrEqual(990)
  })

  it('keeps its $insert_id, so that what arrived without an answer does not become a second event', async () => {
    for (const path of ['/track', '/import']) {
      sending.simulator.fault({ kind: 'cut', atByte: 1, match: { path } })
    }
    await using client = sending.client()
    await client.track('tracked')
    await client.flush()
    await client.import([{ event: 'imported', properties: { time: NOW, distinct_id: 'ann' } }])
    const stored = await sending.stored()
    for (const name of ['tracked', 'imported']) {
      const ids = stored.filter(({ event }) => event === name).map(({ properties }) => properties.$insert_id)
      expect(ids).toHaveLength(2)
      expect(new Set(ids).size).toBe(1)
    }
  })

  it('and keeps failing is reported, and the rest is sent', async () => {
    sending.simulator.fault({ kind: 'status', status: 500, times: 4 })
    await using client = sending.client()
    await client.track('lost')
    const failure = await failureOf(client.flush())
    expect(failure.code).toBe('SERVER_FAILED')
    expect(sending.notices.at(-1)).toMatchObject({ kind: 'failed', count: 1, kept: false })
    await client.track('e')
    expect(await client.flush()).toMatchObject({ accepted: 1, failed: 0 })
  })
})

describe('what Mixpanel refuses', () => {
  it('of an import is reported with its number and the reason, and the rest arrives', async () => {
    await using client = sending.client({ batchRecords: 4 })
    const given = events(10)
    given[3] = event(3, { distinct_id: 'null' })
    given[7] = event(7, { $insert_id: 'not allowed!' })
    const notEvents = [...given.slice(0, 5), { event: '', properties: {} }, ...given.slice(5)]
    const report = await client.import(notEvents)
    expect(report).toMatchObject({ accepted: 8, rejected: 3, failed: 0 })
    expect(
      [...report.rejections]
        .sort((a, b) => a.index - b.index)
        .map(({ index, field, reason }) => [index, field, reason]),
    ).toEqual([
      [3, 'properties.distinct_id', expect.stringContaining('placeholder')],
      [5, undefined, expect.stringContaining('event')],
      [8, 'properties.$insert_id', expect.stringContaining('alphanumeric')],
    ])
    expect(report.rejections.map(({ record }) => JSON.parse(record).properties.n)).toContain(7)
    expect(sending.notices.filter(({ kind }) => kind === 'rejected')).toHaveLength(3)
    expect(await sending.stored()).toHaveLength(8)
  })

  it('of /track and /engage is reported, though the status is 200', async () => {
    for (const path of ['/track', '/engage']) {
      sending.simulator.fault({ kind: 'status', status: 200, body: '{"status":0,"error":"no good"}', match: { path } })
      sending.simulator.fault({ kind: 'status', status: 200, body: '0', match: { path } })
    }
    await using client = sending.client({ batchRecords: 2, requestsAtOnce: 1 })
    for (let n = 0; n < 4; n++) await client.track('e', { n })
    await client.engage('a', '$set', {})
    const report = await client.flush()
    expect(report).toMatchObject({ accepted: 0, rejected: 5 })
    expect(report.rejections.map(({ endpoint, index, reason }) => [endpoint, index, reason]).sort()).toEqual([
      ['engage', 0, 'no good'],
      ['track', 0, 'no good'],
      ['track', 1, 'no good'],
      ['track', 2, expect.stringContaining('no record')],
      ['track', 3, expect.stringContaining('no record')],
    ])
  })

  it('for being too large is sent in halves, and smaller from then on', async () => {
    await sending[Symbol.asyncDispose]()
    sending = await Sending.start({ importBytesMax: 20_000 })
    await using client = sending.client({ requestsAtOnce: 1 })
    const large = Array.from({ length: 300 }, (_, n) => event(n, { text: 'x'.repeat(1000) }))
    large[20] = event(20, { text: 'x'.repeat(30_000) })
    const report = await client.import(large)
    expect(report).toMatchObject({ accepted: 299, rejected: 1 })
    expect(report.rejections[0]).toMatchObject({ index: 20, reason: expect.stringContaining('20000') })
    expect((await sending.stored()).map(({ properties }) => properties.n)).toEqual(
      large.map((_, n) => n).filter((n) => n !== 20),
    )
    expect(sending.requests('/import')).toBeLessThan(90)
  })

  it('is split down to the one record that is refused', async () => {
    await sending[Symbol.asyncDispose]()
    sending = await Sending.start({ importBytesMax: 20 })
    await using client = sending.client()
    expect(await client.import(events(5))).toMatchObject({ accepted: 0, rejected: 5 })
    // Whole, in halves, and each alone.
    expect(sending.requests('/import')).toBeLessThanOrEqual(9)
  })

  it('for being gzip is sent again without it, and so is all that follows', async () => {
    sending.simulator.fault({ kind: 'status', status: 415, body: 'what is gzip?', times: 1 })
    await using client = sending.client({ requestsAtOnce: 1 })
    expect(await client.import(events(3))).toMatchObject({ accepted: 3, rejected: 0 })
    expect(await client.import([event(4)])).toMatchObject({ accepted: 1 })
    expect(sending.requests('/import')).toBe(3)
    sending.simulator.fault({ kind: 'status', status: 415, body: 'what is JSON?', times: 1 })
    expect((await failureOf(client.import([event(5)]))).message).toContain('what is JSON?')
  })

  it('as an identity event does not affect the others', async () => {
    await sending[Symbol.asyncDispose]()
    sending = await Sending.start({ identity: 'simplified' })
    await using client = sending.client()
    const merge = { event: '$merge', properties: { time: NOW, distinct_id: 'a', $distinct_ids: ['a', 'b'] } }
    const report = await client.import([event(0), merge, event(2)])
    expect(report).toMatchObject({ accepted: 2, rejected: 1 })
    expect(report.rejections[0]).toMatchObject({ index: 1, reason: expect.stringContaining('identity events') })
  })

  it('for its credentials ends an import, and no message has a secret', async () => {
    const credentials = { kind: 'service-account', user: 'u', secret: 'hush-hush', projectId: '1' } as const
    await using client = sending.client({ credentials })
    const failure = await failureOf(client.import(events(3)))
    expect(failure.code).toBe('CREDENTIALS_REFUSED')
    sending.simulator.fault({ kind: 'status', status: 400, body: `who is hush-hush with ${TOKEN}?` })
    const echoed = await failureOf(client.import(events(1)))
    expect(echoed.message).toContain('who is *** with ***?')
    expect(JSON.stringify(sending.notices)).not.toMatch(/hush|the-project-token/)
  })
})

describe('a client that is ahead of Mixpanel', () => {
  it('makes its callers wait', async () => {
    sending.simulator.fault({ kind: 'slow-first-byte', ms: 2000 })
    await using client = sending.client({ batchRecords: 10, queueRecords: 20, requestsAtOnce: 1, lingerMs: 0 })
    let added = 0
    const adding = (async () => {
      for (let n = 0; n < 60; n++) {
        await client.track('e', { n })
        added++
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(added).toBeLessThanOrEqual(21)
    await adding
    expect((await client.flush()).accepted).toBe(60)
    expect((await sending.stored()).map(({ properties }) => properties.n)).toEqual(
      Array.from({ length: 60 }, (_, n) => n),
    )
  })

  it('says so once if nobody waits for thousands of calls, and loses none', async () => {
    const warned: Error[] = []
    const listener = (warning: Error) => void warned.push(warning)
    process.on('warning', listener)
    await using client = sending.client({ queueRecords: 100 })
    const calls = Array.from({ length: 12_000 }, (_, n) => client.track('e', { n }))
    expect((await client.flush()).accepted).toBe(12_000)
    await Promise.all(calls)
    process.off('warning', listener)
    expect(warned.map(({ message }) => message)).toEqual([expect.stringContaining('Await each call')])
  })

  it('keeps the order of calls that nobody waits for', async () => {
    await using client = sending.client({ queueRecords: 3, batchRecords: 2 })
    const calls = Array.from({ length: 50 }, (_, n) => client.engage('a', '$append', { list: n }))
    await Promise.all(calls)
    await client.flush()
    expect(sending.simulator.profiles.get('a')?.list).toEqual(Array.from({ length: 50 }, (_, n) => n))
  })

  it('gives up when the time to close is over, and says how much is left', async () => {
    sending.simulator.fault({ kind: 'slow-first-byte', ms: 3_600_000, times: Number.POSITIVE_INFINITY })
    const client = sending.client()
    await client.track('e')
    await client.track('e')
    const failure = await failureOf(client.close({ timeoutMs: 200 }))
    expect(failure.code).toBe('UNDELIVERED')
    expect(failure.message).toContain('2 records')
  })

  it('gives up an import when it is aborted', async () => {
    sending.simulator.fault({ kind: 'slow-first-byte', ms: 3_600_000, times: Number.POSITIVE_INFINITY })
    await using client = sending.client({ lingerMs: 0 })
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 100)
    await expect(client.import(events(10), { signal: stop.signal })).rejects.toThrow('enough')
  })
})

describe('an import', () => {
  it('reports how far it has come without a gap', async () => {
    const seen: number[] = []
    await using client = sending.client({ batchRecords: 7 })
    await client.import(events(100), { onProgress: (through) => void seen.push(through) })
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.at(-1)).toBe(100)
  })

  it('sends texts unchanged with all their digits, and adds ids that stay the same', async () => {
    await using client = sending.client()
    const texts = [
      `{"event":"e","properties":{"time":${NOW},"distinct_id":"a","$insert_id":"given","n":0,"big":12345678901234567890}}`,
      `{"event":"e","properties":{"time":${NOW},"distinct_id":"a","n":1,"big":-98765432109876543210,"x":0.10,"y":1e400}}`,
      `{"event":"e","properties":{"time":"${new Date(NOW).toISOString()}","distinct_id":"a",\n"n":2,"u":"\u2028ü🦆"}}`,
    ]
    const report = await client.import([...texts, 'no event', '[]', '{"event":"e"}'])
    expect(report).toMatchObject({ accepted: 3, rejected: 3 })
    await client.import(texts)
    const stored = await sending.stored()
    expect(stored.map(({ properties }) => properties.n)).toEqual([0, 0, 1, 1, 2, 2])
    expect(new Set(stored.map(({ properties }) => properties.$insert_id)).size).toBe(3)
    const { text } = await requestExport(sending.simulator, '2000-01-01', new Date().toISOString().slice(0, 10))
    for (const exact of ['"big":12345678901234567890', '"big":-98765432109876543210', '"y":1e400']) {
      expect(text).toContain(exact)
    }
    expect(stored[5]?.properties).toMatchObject({ time: NOW, u: '\u2028ü🦆' })
  })
})

describe('a server that is not Mixpanel', () => {
  let server: Server
  let seen: { path: string; headers: Record<string, unknown>; body: Buffer }[] = []
  let answer = '1'

  beforeEach(async () => {
    seen = []
    server = createServer(async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      seen.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts) })
      response.end(answer)
    }).listen(0)
    await new Promise((resolve) => server.once('listening', resolve))
  })
  afterEach(() => void server.close())

  it('receives gzip where it is accepted, and the token where it belongs', async () => {
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/proxy/`
    await using client = sending.client({ apiUrl })
    answer = '{"status":1,"error":null}'
    await client.track('e', { time: NOW }, { insertId: 'i' })
    await client.engage('a', '$set', { b: 1 })
    await client.flush()
    await client.import([event(1)])
    expect(seen.map(({ path }) => path.split('?')[0]).sort()).toEqual([
      '/proxy/engage',
      '/proxy/import',
      '/proxy/track',
    ])
    const by = (path: string) => seen.find((request) => request.path.includes(path))
    expect(by('track')?.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': 'application/json' })
    expect(by('engage')?.headers).not.toHaveProperty('content-encoding')
    expect(by('engage')?.headers).not.toHaveProperty('authorization')
    expect(JSON.parse(String(by('engage')?.body))).toEqual([{ $token: TOKEN, $distinct_id: 'a', $set: { b: 1 } }])
    expect(by('import')?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from(`${TOKEN}:`).toString('base64')}`,
      'content-type': 'application/x-ndjson',
    })
  })
})
