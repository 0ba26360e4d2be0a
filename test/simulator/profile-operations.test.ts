import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyOperation,
  GROUP_OPERATIONS,
  operationError,
  PROFILE_OPERATIONS,
  type ProfileOperation,
} from '../../lib/simulator/stores/profile-operations.ts'
import { ProfileStore } from '../../lib/simulator/stores/profile-store.ts'

const ANN = { plan: 'pro', seats: 4, tags: ['a', 'b', 'a'], note: null }

test.each<[ProfileOperation, unknown, unknown]>([
  ['$set', { plan: 'free', new: 1 }, { ...ANN, plan: 'free', new: 1 }],
  ['$set_once', { plan: 'free', new: 1, note: 'x' }, { ...ANN, new: 1, note: 'x' }],
  ['$add', { seats: -5, coins: 13, plan: 1 }, { ...ANN, seats: -1, coins: 13 }],
  ['$append', { tags: 'a', list: 1, plan: 'x' }, { ...ANN, tags: ['a', 'b', 'a', 'a'], list: [1] }],
  ['$union', { tags: ['b', 'c', 'c'], list: [1, 1], plan: [2] }, { ...ANN, tags: ['a', 'b', 'a', 'c'], list: [1] }],
  ['$remove', { tags: 'a', plan: 'pro', list: 1 }, { ...ANN, tags: ['b'] }],
  ['$unset', ['plan', 'tags', 'nothing'], { seats: 4, note: null }],
  ['$delete', '', undefined],
])('%s %j', (operation, value, expected) => {
  expect(applyOperation(ANN, operation, value)).toEqual(expected)
})

test.each<[ProfileOperation, unknown, unknown]>([
  ['$set', {}, {}],
  ['$set_once', { a: 1 }, { a: 1 }],
  ['$add', { a: 1 }, { a: 1 }],
  ['$append', { a: 1 }, { a: [1] }],
  ['$union', { a: [1, { b: 1 }, { b: 1 }] }, { a: [1, { b: 1 }] }],
  ['$remove', { a: 1 }, undefined],
  ['$unset', ['a'], undefined],
  ['$delete', null, undefined],
])('%s %j without a profile', (operation, value, expected) => {
  expect(applyOperation(undefined, operation, value)).toEqual(expected)
})

test.each<[ProfileOperation, unknown]>([
  ['$set', []],
  ['$set', null],
  ['$set_once', 'x'],
  ['$add', { a: '1' }],
  ['$append', [1]],
  ['$union', { a: 1 }],
  ['$unset', 'a'],
  ['$unset', [1]],
])('%s rejects %j', (operation, value) => {
  expect(operationError(operation, value)).toContain(operation)
  expect(() => applyOperation(ANN, operation, value)).toThrow(TypeError)
})

describe('any profile', () => {
  const name = fc.oneof(fc.constantFrom('a', 'b', '__proto__', ''), fc.string({ maxLength: 3 }))
  const entries = <Value>(value: fc.Arbitrary<Value>) =>
    fc
      .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 4 })
      .map((pairs) => Object.fromEntries(pairs))
  const json = fc.jsonValue({ maxDepth: 2 })
  const profile = entries(fc.oneof(json, fc.array(json, { maxLength: 4 }), fc.integer()))
  const value = (operation: ProfileOperation): fc.Arbitrary<unknown> => {
    if (operation === '$unset') return fc.array(name)
    if (operation === '$add') return entries(fc.integer())
    return operation === '$union' ? entries(fc.array(json, { maxLength: 4 })) : entries(json)
  }
  const step = fc
    .constantFrom(...PROFILE_OPERATIONS)
    .chain((operation) => fc.record({ operation: fc.constant(operation), value: value(operation) }))

  test('is not modified in place, and keeps the properties that an operation does not name', () => {
    fc.assert(
      fc.property(profile, step, (before, { operation, value }) => {
        const copies = [structuredClone(before), structuredClone(value)]
        const after = applyOperation(before, operation, value)
        expect([before, value]).toEqual(copies)
        if (after === undefined) {
          expect(operation).toBe('$delete')
          return
        }
        const named = new Set(Array.isArray(value) ? value : Object.keys(value as object))
        const others = (properties: object) => Object.entries(properties).filter(([key]) => !named.has(key))
        expect(others(after)).toEqual(others(before))
      }),
    )
  })

  test('does not change when $set, $set_once, $union, $remove or $unset is repeated', () => {
    const idempotent = step.filter(({ operation }) => operation !== '$add' && operation !== '$append')
    fc.assert(
      fc.property(profile, idempotent, (before, { operation, value }) => {
        const once = applyOperation(before, operation, value)
        expect(applyOperation(once, operation, value)).toEqual(once)
      }),
    )
  })

  test('has exact sums, even beyond 2^53', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), { minLength: 1, maxLength: 6 }),
        (amounts) => {
          const profiles = new ProfileStore()
          profiles.set('ann', '{"n":0}')
          const store = new ProfileStore()
          for (const amount of amounts) {
            store.set('amount', `{"n":${amount}}`)
            store.update('amount', (operand) => {
              profiles.update('ann', (properties) => applyOperation(properties, '$add', operand))
              return operand
            })
          }
          const sum = amounts.reduce((total, amount) => total + amount, 0n)
          expect(profiles.line('ann')?.toString()).toBe(`{"$distinct_id":"ann","$properties":{"n":${sum}}}`)
        },
      ),
    )
  })
})

test('groups have no $add and no $append', () => {
  expect(PROFILE_OPERATIONS.filter((operation) => !GROUP_OPERATIONS.includes(operation))).toEqual(['$add', '$append'])
})

test('an update keeps all digits of other properties, and can delete the profile', () => {
  const profiles = new ProfileStore()
  profiles.set('ann', '{"big":9007199254740993,"price":1.50}')
  profiles.update('ann', (properties) => applyOperation(properties, '$set', { plan: 'pro' }))
  expect(profiles.line('ann')?.toString()).toContain('{"big":9007199254740993,"price":1.50,"plan":"pro"}')
  profiles.update('ann', (properties) => applyOperation(properties, '$delete', null))
  expect(profiles.size).toBe(0)
  profiles.update('bob', (properties) => applyOperation(properties, '$append', { tags: 'x' }))
  expect(profiles.get('bob')).toEqual({ tags: ['x'] })
})
