import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addMisfits, exampleOf, type Misfits, misfitsSentence } from '../../lib/columns/misfits.ts'

const price: Misfits = { count: 12, example: 'free', type: 'double', in: 'price__text' }

it('the values of several loads add up, with the first example', () => {
  const more: Misfits = { ...price, count: 3, example: 'gratis' }
  expect(addMisfits({ price }, { price: more, age: more })).toEqual({ price: { ...price, count: 15 }, age: more })
  expect(addMisfits({}, { price })).toEqual({ price })
})

it('a sentence says how many values do not fit, and where they are', () => {
  expect(misfitsSentence('price', price)).toBe("price: 12 values are not numbers, such as 'free'; see price__text")
  expect(misfitsSentence('seen', { ...price, count: 1, type: 'timestamptz' })).toBe(
    "seen: 1 value is not a timestamp, such as 'free'; see price__text",
  )
})

it('an example is short, and every warehouse can store it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (value) => {
      const example = exampleOf(value)
      expect([...example].length).toBeLessThanOrEqual(41)
      expect(example.isWellFormed() && !example.includes('\0')).toBe(true)
    }),
  )
})
