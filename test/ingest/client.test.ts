import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isFailure, type MixloadError } from '../../lib/core/errors.ts'
import { clientNamed, createClient, stopClient } from '../../lib/ingest/named-clients.ts'
import { Sending, TOKEN } from './sending.ts'

const NOW = Date.now()
const YEAR_2013 = Date.parse('2013-01-15T00:00:00Z')

let sending: Sending

beforeEach(async () => {
  sending = await Sending.start()
})
afterEach(() => sending[Symbol.asyncDispose]())

async function failureOf(work: () => unknown): Promise<MixloadError> {
  try {
    await work()
  } catch (error) {
    if (isFailure(error, ...([(error as MixloadError).code] as const))) return error
    throw error
  }
  throw new Error('nothing failed')
}

describe('events', () => {
  it('arrive with all their properties', async () => {
    await using client = sending.client()
    await client.track('Signed up', { 'Referred By': 'friend', n: 1 }, { distinctId: '13793', ip: '203.0.113.9' })
    await client.track('Level Complete', { 'Level Number': 9, n: 2 }, { distinctId: '13793', insertId: 'one' })
    expect(await client.flush()).toEqual({ accepted: 2, rejected: 0, failed: 0, rejections: [] })
    const [first, second] = await sending.stored()
    expect(first?.event).toBe('Signed up')
    expect(first?.properties).toMatchObject({ 'Referred By': 'friend', distinct_id: '13793' })
    expect(Math.abs(Number(first?.properties.time) - NOW)).toBeLessThan(60_000)
    expect(second?.properties).toMatchObject({ 'Level Number': 9, $insert_id: 'one' })
    expect(JSON.stringify(await sending.stored())).not.toContain(TOKEN)
    expect(sending.simulator.requests.map(({ path, query }) => [path, query.ip])[0]).toEqual(['/track', '0'])
  })

  it('older than five days arrive, although /track would drop them', async () => {
    await using client = sending.client()
    for (const [n, time] of [new Date(YEAR_2013), '2013-01-15', '2013-01-15T00:00:00', YEAR_2013 / 1000].entries()) {
      await client.track('Level Complete', { n }, { time })
    }
    expect((await client.flush()).accepted).toBe(4)
    expect((await sending.stored()).map(({ properties }) => properties.time)).toEqual(Array(4).fill(YEAR_2013))
    expect(sending.requests('/track')).toBe(0)
  })

  it('go to the project of a token among their properties', async () => {
    await using client = sending.client({ token: 'another-token' })
    await client.track('e', { token: TOKEN, n: 1 })
    await client.track('e', { n: 2 })
    await client.flush()
    expect((await sending.stored()).map(({ properties }) => properties.n)).toEqual([1])
  })

  it('are sent in batches, and after a while without a flush', async () => {
    await using client = sending.client({ batchRecords: 10, requestsAtOnce: 1, lingerMs: 30 })
    for (let n = 0; n < 25; n++) await client.track('e', { n })
    await expect.poll(() => sending.simulator.eventCount()).toBe(25)
    expect(sending.requests('/track')).toBe(3)
  })

  it('do not exceed the bytes of a batch', async () => {
    await using client = sending.client({ batchBytes: 5000 })
    for (let n = 0; n < 40; n++) await client.track('e', { n, text: 'x'.repeat(1000) })
    expect((await client.flush()).accepted).toBe(40)
    expect(sending.requests('/track')).toBeGreaterThanOrEqual(10)
    expect(sending.requests('/track')).toBeLessThan(20)
  })

  it('are rejected if they are too large', async () => {
    await using client = sending.client()
    const failure = await failureOf(() => client.track('e', { text: 'x'.repeat(1_100_000) }))
    expect(failure.code).toBe('RECORD_INVALID')
  })

  it('with wrong arguments are rejected at once and not sent', async () => {
    await using client = sending.client()
    expect((await failureOf(() => client.track(''))).code).toBe('RECORD_INVALID')
    expect((await failureOf(() => client.track('e', {}, { tmie: 1 } as object))).message).toContain('tmie')
    expect(await client.flush()).toMatchObject({ accepted: 0 })
    expect(sending.simulator.requests).toHaveLength(0)
  })
})

describe('profiles', () => {
  const profile = (id: string) => sending.simulator.profiles.get(id)

  it('change with each operation, in order', async () => {
    await using client = sending.client()
    const big = 12345678901234567890n
    await client.engage('13793', '$set', { Address: '1313 Mockingbird Lane', tags: ['a'], big, amount: 1.5 })
    await client.engage('13793', '$set_once', { Address: 'elsewhere', first: '2026-01-01' })
    await client.engage('13793', '$add', { coins: 13, key4: '5' })
    await client.engage('13793', '$add', { coins: -3 })
    await client.engage('13793', '$append', { tags: 'b' })
    await client.engage('13793', '$union', { tags: ['a', 'c'], single: 'x' })
    await client.engage('13793', '$remove', { tags: 'b' })
    await client.engage('13793', '$unset', 'first')
    expect((await client.flush()).accepted).toBe(8)
    expect(profile('13793')).toMatchObject({
      Address: '1313 Mockingbird Lane',
      amount: 1.5,
      coins: 10,
      key4: 5,
      tags: ['a', 'c'],
      single: ['x'],
    })
    expect(profile('13793')).not.toHaveProperty('first')
    expect(sending.simulator.profiles.line('13793')?.toString()).toContain(`"big":${big}`)
    await client.engage('13793', '$delete')
    await client.flush()
    expect(profile('13793')).toBeUndefined()
  })

  it('change in one request if the updates are in one list', async () => {
    await using client = sending.client({ batchRecords: 3 })
    await client.engage('a', '$set', { x: 1 })
    const updates = ['$set', '$set_once'].map((operation) => ({
      distinctId: 'b',
      operation,
      value: { [operation]: 1 },
    }))
    await client.engage(updates, { ip: '123.123.123.123', time: new Date(YEAR_2013) })
    await client.engage([{ distinctId: 'a', operation: '$add', value: { x: 1 } }, ...updates])
    expect((await client.flush()).accepted).toBe(6)
    expect(sending.requests('/engage')).toBe(2)
    expect(profile('b')).toMatchObject({ $set: 1, $set_once: 1 })
    expect(profile('a')).toMatchObject({ x: 2 })
  })

  it('have Last Seen, unless ignoreTime is set', async () => {
    await using client = sending.client()
    await client.engage('a', '$set', { x: 1 }, { time: new Date(YEAR_2013) })
    await client.engage('a', '$set', { x: 2 }, { ignoreTime: true })
    await client.flush()
    expect(profile('a')).toEqual({ x: 2, $last_seen: '2013-01-15T00:00:00' })
  })

  it('of groups can be changed', async () => {
    await using client = sending.client()
    await client.engageGroup('company', 'acme', '$set', { seats: 3 })
    await client.flush()
    expect(sending.simulator.groupProfiles('company').get('acme')).toEqual({ seats: 3 })
  })

  it('are sent without gzip, one request after the other', async () => {
    await using client = sending.client({ batchRecords: 1 })
    for (let n = 0; n < 30; n++) await client.engage('a', '$append', { list: n })
    expect((await client.flush()).accepted).toBe(30)
    expect(profile('a')?.list).toEqual(Array.from({ length: 30 }, (_, n) => n))
  })
})

describe('identities', () => {
  it('are sent as Mixpanel’s identity events', async () => {
    await using client = sending.client()
    const anonymous = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b'
    await client.track('before', { n: 1 }, { distinctId: anonymous })
    await client.track('mail', { n: 2 }, { distinctId: 'ann@example.com' })
    await client.track('other', { n: 3 }, { distinctId: 'ann-2' })
    await client.flush()
    await client.identify('ann', anonymous)
    await client.createAlias('ann@example.com', 'ann')
    await client.merge('ann', 'ann-2')
    expect((await client.flush()).accepted).toBe(3)
    const [before, mail, last] = await sending.stored()
    expect(before?.properties).toMatchObject({ distinct_id: 'ann', $distinct_id_before_identity: anonymous })
    expect(mail?.properties.distinct_id).toBe('ann')
    expect(last?.properties.distinct_id).toBe('ann')
  })
})

describe('clients', () => {
  it('can have names and run side by side', async () => {
    const [first, second] = [sending.client({ name: 'one' }), sending.client({ name: 'two', token: 'another' })]
    expect(clientNamed('one')).toBe(first)
    expect(clientNamed('two')).toBe(second)
    const duplicate = await failureOf(() => sending.client({ name: 'one' }))
    expect(duplicate.code).toBe('ALREADY_STARTED')
    await clientNamed('one').track('e')
    expect((await stopClient('one')).accepted).toBe(1)
    expect((await failureOf(() => stopClient('one'))).code).toBe('NOT_FOUND')
    expect((await failureOf(() => clientNamed('one'))).message).toContain('Running: two')
    await sending.client({ name: 'one' }).close()
    await second.close()
  })

  it('share one listener on the process', async () => {
    const before = process.listenerCount('beforeExit')
    const clients = Array.from({ length: 20 }, (_, n) => sending.client({ name: `client-${n}` }))
    expect(process.listenerCount('beforeExit') - before).toBeLessThanOrEqual(1)
    await Promise.all(clients.map((client) => client.close()))
    expect(() => clientNamed('client-0')).toThrow('Running: none')
  })

  it('that are closed accept no further calls', async () => {
    const client = sending.client()
    const report = await client.close()
    expect(await client.close()).toBe(report)
    for (const call of [() => client.track('e'), () => client.flush(), () => client.import([])]) {
      expect((await failureOf(call)).code).toBe('CLOSED')
    }
  })

  it.each([
    [{}, 'token'],
    [{ token: '' }, 'token'],
    [{ token: 't', regoin: 'eu' }, 'regoin'],
    [{ token: 't', region: 'mars' }, 'region'],
    [{ token: 't', batchRecords: 2001 }, 'batchRecords'],
    [{ token: 't', apiUrl: 'ftp://x' }, 'apiUrl'],
    [{ token: 't', credentials: { kind: 'service-account', user: 'u' } }, 'credentials'],
  ])('with the invalid options %j name the option', async (options, name) => {
    const failure = await failureOf(() => createClient(options as { token: string }))
    expect(failure.code).toBe('CONFIG_INVALID')
    expect(failure.message).toContain(name)
  })
})
