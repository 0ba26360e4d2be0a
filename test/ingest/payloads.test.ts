import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure, MixloadError } from '../../lib/core/errors.ts'
import { toMixpanelTime } from '../../lib/ingest/mixpanel-time.ts'
import { OPERATIONS } from '../../lib/ingest/operations.ts'
import {
  aliasPayload,
  type Defaults,
  groupPayload,
  identifyPayload,
  importPayload,
  mergePayload,
  profilePayload,
  trackPayload,
} from '../../lib/ingest/payloads.ts'
import { recordJson } from '../../lib/ingest/property-values.ts'
import { millisecondsOf } from '../../lib/time/instants.ts'

const NOW = Date.parse('2026-08-31T12:00:00Z')
const defaults: Defaults = { now: NOW, insertId: () => 'made-id' }
const track = (event: unknown, properties?: unknown, options?: unknown) =>
  trackPayload(event, properties, options, defaults)

function rejection(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (isFailure(error, 'RECORD_INVALID')) return error.message
    throw error
  }
  throw new Error('nothing was rejected')
}

describe('a time', () => {
  it('can have several forms', () => {
    const moments = fc.date({ min: new Date('1971-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(moments, (date) => {
        const iso = date.toISOString()
        for (const form of [date, iso, iso.slice(0, -1), iso.replace('T', ' ').slice(0, -1)]) {
          expect(millisecondsOf(toMixpanelTime(form, 'time'))).toBe(date.getTime())
        }
        const seconds = Math.floor(date.getTime() / 1000)
        expect(toMixpanelTime(seconds, 'time')).toBe(seconds)
        if (seconds < 1e11) expect(millisecondsOf(toMixpanelTime(date.getTime() / 1000, 'time'))).toBe(date.getTime())
      }),
    )
  })

  it('becomes a number that Mixpanel accepts', () => {
    expect(toMixpanelTime(1_358_208_000, 'time')).toBe(1_358_208_000)
    for (const form of [new Date('2013-01-15'), '2013-01-15', '2013-01-15T00:00:00', '2013-01-15T01:00:00+01:00']) {
      expect(toMixpanelTime(form, 'time')).toBe(1_358_208_000_000)
    }
    expect(toMixpanelTime('1358208000', 'time')).toBe(1_358_208_000)
  })

  it.each([
    ['not a number or Date'],
    ['2026-02-30'],
    [new Date('never')],
    [Number.NaN],
    [-1],
    [Number.POSITIVE_INFINITY],
    [true],
    [{}],
  ])('%s is rejected', (time) => {
    expect(rejection(() => track('e', {}, { time }))).toMatch(/^time /)
    expect(rejection(() => track('e', { time }))).toMatch(/^(?:properties\.)?time /)
  })
})

describe('an event', () => {
  it('needs only a name', () => {
    expect(track('Signed up')).toEqual({ event: 'Signed up', properties: { time: NOW, $insert_id: 'made-id' } })
  })

  it('has its properties and its options', () => {
    const options = { distinctId: '13793', time: new Date(NOW - 1000), ip: [203, 0, 113, 9], insertId: 'given' }
    expect(track('Level Complete', { 'Level Number': 9 }, options)).toEqual({
      event: 'Level Complete',
      properties: {
        'Level Number': 9,
        time: NOW - 1000,
        distinct_id: '13793',
        ip: '203.0.113.9',
        $insert_id: 'given',
      },
    })
  })

  it('can have time, person and id as properties, but options win', () => {
    const properties = { time: new Date(NOW), distinct_id: 'a', $insert_id: 'b', ip: '1.2.3.4', token: 'own' }
    expect(track('e', properties).properties).toEqual({ ...properties, time: NOW })
    expect(track('e', properties, { distinctId: 'c' }).properties.distinct_id).toBe('c')
  })

  it('has no address by default', () => {
    expect(track('e').properties).not.toHaveProperty('ip')
  })

  it('keeps every value that JSON can represent', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (properties) => {
        const { time: _, distinct_id: __, ip: ___, $insert_id: ____, ...others } = properties
        const sent = JSON.parse(recordJson(track('e', others)))
        expect(sent.properties).toEqual({
          ...JSON.parse(JSON.stringify(others)),
          time: NOW,
          $insert_id: 'made-id',
        })
      }),
    )
  })

  it('keeps every digit of a bigint', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(recordJson(track('e', { value, list: [value] }))).toContain(`"value":${value},"list":[${value}]`)
      }),
    )
  })

  it.each([
    ['NaN', { amount: Number.NaN }, 'properties.amount'],
    ['an infinite number deep inside', { cart: [{ amount: -Infinity }] }, 'properties.cart.0.amount'],
    ['a function', { f() {} }, 'properties.f'],
    ['a symbol', { s: Symbol('s') }, 'properties.s'],
    ['a Map', { m: new Map() }, 'properties.m'],
    ['an invalid date', { d: new Date('x') }, 'properties.d'],
    ['too many levels', { a: { b: { c: { d: { e: 1 } } } } }, 'properties.a.b.c.d'],
    ['too many members', { a: Array.from({ length: 256 }, () => 1) }, 'properties.a'],
    ['too many properties', Object.fromEntries(Array.from({ length: 256 }, (_, at) => [`p${at}`, 1])), 'properties'],
    ['a list of properties', [], 'properties'],
    ['a text as properties', 'x', 'properties'],
  ])('with %s is rejected, with the name of the property', (_, properties, name) => {
    expect(rejection(() => track('e', properties)).startsWith(`${name} `)).toBe(true)
  })

  it('with a circular value is rejected', () => {
    const circle: Record<string, unknown> = {}
    circle.circle = circle
    expect(rejection(() => track('e', circle))).toContain('properties.circle')
    expect(rejection(() => profilePayload({ distinctId: 'a', operation: '$set', value: circle }, {}))).toContain(
      '$set.',
    )
  })

  it.each([undefined, '', '  ', 5, {}])('named %s is rejected', (name) => {
    expect(rejection(() => track(name))).toMatch(/^event /)
  })

  it('with an unknown option is rejected, with the known options', () => {
    const message = rejection(() => track('e', {}, { tmie: 1, distinctId: 'a' }))
    expect(message).toContain('tmie is not known')
    expect(message).toContain('Known: time, ip, distinctId, insertId')
  })

  it.each([
    ['ip', '256.1.1.1'],
    ['ip', [1, 2, 3]],
    ['ip', [1, 2, 3, 256]],
    ['ip', 'home'],
    ['distinctId', 13793],
    ['insertId', ''],
  ])('with a wrong %s is rejected', (name, value) => {
    expect(rejection(() => track('e', {}, { [name]: value }))).toContain(`track: ${name} `)
  })
})

describe('an event of an import', () => {
  it('is sent as given, except that time becomes a number and a missing id is added', () => {
    const event = { event: 'e', properties: { time: '2013-01-15', distinct_id: '', x: { y: [1, { z: null }] } } }
    expect(importPayload(event, () => 'made')).toEqual({
      event: 'e',
      properties: { ...event.properties, time: 1_358_208_000_000, $insert_id: 'made' },
    })
    const complete = { event: 'e', properties: { time: 500, $insert_id: 'i', token: 'token' } }
    expect(importPayload(complete, () => 'made')).toEqual(complete)
  })

  it.each([[null], ['e'], [{ event: 'e' }], [{ properties: { time: 1 } }], [{ event: 'e', properties: {} }]])(
    'that is %j is rejected',
    (given) => {
      expect(rejection(() => importPayload(given, () => 'made'))).toMatch(/event|properties|time/)
    },
  )
})

describe('a change of a profile', () => {
  const engage = (operation: string, value?: unknown, options?: unknown) =>
    profilePayload({ distinctId: '13793', operation, value }, options)

  it.each([
    ['$set', { Address: '1313 Mockingbird Lane' }, { Address: '1313 Mockingbird Lane' }],
    ['$set', { $transactions: [] }, { $transactions: [] }],
    ['$set_once', { key1: 'val1' }, { key1: 'val1' }],
    ['$add', { key1: 5, key2: -3, key4: '5' }, { key1: 5, key2: -3, key4: 5 }],
    ['$append', { $transactions: { $amount: 50 } }, { $transactions: { $amount: 50 } }],
    ['$union', { key1: ['value1', 'value2'] }, { key1: ['value1', 'value2'] }],
    ['$union', { key1: 'value1' }, { key1: ['value1'] }],
    ['$remove', { key1: 'value1', key2: 2 }, { key1: 'value1', key2: 2 }],
    ['$unset', ['key1', 'key2'], ['key1', 'key2']],
    ['$unset', 'key1', ['key1']],
    ['$delete', undefined, ''],
    ['$delete', {}, ''],
  ])('%s of %j is sent in Mixpanel’s form', (operation, value, sent) => {
    expect(engage(operation, value)).toEqual({ $distinct_id: '13793', [operation]: sent })
  })

  it.each([
    ['$set', undefined],
    ['$set', 'x'],
    ['$set', [1]],
    ['$add', { a: 'many' }],
    ['$add', { a: Number.NaN }],
    ['$add', { a: null }],
    ['$union', { a: { b: 1 } }],
    ['$union', [5]],
    ['$union', { a: () => 1 }],
    ['$remove', { a: ['x'] }],
    ['$remove', { a: { b: 'c' } }],
    ['$remove', 1231241.123],
    ['$unset', { a: 1 }],
    ['$unset', []],
    ['$unset', [1]],
  ])('%s of %j is rejected', (operation, value) => {
    expect(rejection(() => engage(operation, value)).startsWith(operation)).toBe(true)
  })

  it('has the options next to the operation', () => {
    const options = {
      ip: [123, 123, 123, 123],
      time: 1_234_567_890,
      ignoreTime: true,
      ignoreAlias: true,
      latitude: 40.7127753,
      longitude: -74.0059728,
    }
    expect(engage('$set', { a: 1 }, options)).toEqual({
      $distinct_id: '13793',
      $ip: '123.123.123.123',
      $time: 1_234_567_890,
      $ignore_time: true,
      $ignore_alias: true,
      $latitude: 40.7127753,
      $longitude: -74.0059728,
      $set: { a: 1 },
    })
    expect(engage('$set', { a: 1 }, { ignoreTime: false })).toEqual({ $distinct_id: '13793', $set: { a: 1 } })
  })

  it.each([
    [{ distinctId: 'a' }, 'distinctId is not known'],
    [{ ignoreTime: 1 }, 'ignoreTime '],
    [{ latitude: 1 }, 'latitude and longitude '],
    [{ latitude: 91, longitude: 0 }, 'latitude '],
    [{ time: 'soon' }, 'time '],
  ])('with the options %j is rejected', (options, message) => {
    expect(rejection(() => engage('$set', {}, options))).toContain(message)
  })

  it('is rejected with the name of an unknown operation or key, or of an invalid id', () => {
    expect(rejection(() => engage('$increment', {}))).toContain(OPERATIONS.join(', '))
    expect(rejection(() => profilePayload({ distinctId: 'a', operation: '$set', values: {} }, {}))).toContain('values')
    expect(rejection(() => profilePayload({ distinctId: '', operation: '$set', value: {} }, {}))).toContain(
      'distinctId',
    )
  })

  it('of a group has a key and an id, and no $add and $append', () => {
    expect(groupPayload('company', 'acme', '$set', { seats: 3 }, { ignoreTime: true })).toEqual({
      $group_key: 'company',
      $group_id: 'acme',
      $ignore_time: true,
      $set: { seats: 3 },
    })
    expect(rejection(() => groupPayload('company', 'acme', '$add', { a: 1 }, {}))).toContain('$add')
    expect(rejection(() => groupPayload('company', 1, '$set', {}, {}))).toContain('groupId')
  })
})

describe('an identity', () => {
  it('has Mixpanel’s form', () => {
    expect(aliasPayload('test', 'old_id', defaults)).toEqual({
      event: '$create_alias',
      properties: { distinct_id: 'old_id', alias: 'test', time: NOW, $insert_id: 'made-id' },
    })
    const uuid = '6f1a2b3c-4d5e-4f60-8a9b-0c1d2e3f4a5b'
    expect(identifyPayload('u-1', uuid, defaults).properties).toMatchObject({ $identified_id: 'u-1', $anon_id: uuid })
    expect(mergePayload('a', 'b', defaults).properties.$distinct_ids).toEqual(['a', 'b'])
  })

  it('is rejected if Mixpanel would not link anything', () => {
    expect(rejection(() => identifyPayload('u-1', '6f1a2b3c-4d5e-1f60-8a9b-0c1d2e3f4a5b', defaults))).toMatch(
      'anonymousId',
    )
    expect(rejection(() => aliasPayload('a', 'a', defaults))).toMatch('alias')
    expect(rejection(() => mergePayload('a', 'a', defaults))).toMatch('id')
    expect(rejection(() => aliasPayload('', 'a', defaults))).toMatch('alias')
  })
})

it('an invalid record ends a command like wrong usage', () => {
  expect(new MixloadError('RECORD_INVALID', '').exitCode).toBe(2)
})
