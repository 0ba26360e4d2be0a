import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KIND, numberKind } from '../../lib/columns/value-kinds.ts'
import { runs } from '../runs.ts'
import { numberLiteral, survivesDouble } from '../scan/json-arbitraries.ts'

/** The kind by arithmetic on whole numbers, without looking at digits. */
function kindByArithmetic(literal: string): number {
  if (!/^-?\d+$/.test(literal)) return survivesDouble(literal) ? KIND.double : KIND.bigNumber
  const value = BigInt(literal)
  if (value <= 2n ** 53n && value >= -(2n ** 53n)) return KIND.integer
  return BigInt.asIntN(64, value) === value ? KIND.longInteger : KIND.bigNumber
}

describe('the kind of a number', () => {
  it('is that of its value, however it is written', () => {
    fc.assert(
      fc.property(numberLiteral, (literal) => {
        expect(numberKind(literal)).toBe(kindByArithmetic(literal))
      }),
      { numRuns: runs(2000) },
    )
  })

  it('is the same for every integer near the borders of 2^53 and of 64 bits', () => {
    const border = fc.constantFrom(2n ** 53n, -(2n ** 53n), 2n ** 63n, -(2n ** 63n))
    fc.assert(
      fc.property(border, fc.bigInt({ min: -3n, max: 3n }), (edge, step) => {
        const literal = String(edge + step)
        expect(numberKind(literal)).toBe(kindByArithmetic(literal))
      }),
    )
  })

  it('of an integer literal is never double, however round it is', () => {
    fc.assert(
      fc.property(fc.nat({ max: 40 }), (zeros) => {
        expect(numberKind(`1${'0'.repeat(zeros)}`)).not.toBe(KIND.double)
      }),
    )
  })

  it('is double for every double that is written with a fraction or an exponent', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const literal = JSON.stringify(value)
        fc.pre(/[.e]/.test(literal))
        expect(numberKind(literal)).toBe(KIND.double)
      }),
    )
  })

  it.each([
    ['0', KIND.integer],
    ['-0', KIND.integer],
    ['-0.0', KIND.double],
    ['1.10', KIND.double],
    ['1e5', KIND.double],
    ['11e-1', KIND.double],
    ['10000000000000000000000e-22', KIND.double],
    ['9007199254740993.0', KIND.bigNumber],
    ['0.12345678901234567890', KIND.bigNumber],
    ['0.1000000000000000055511151231257827021181583404541015625', KIND.bigNumber],
    ['1e400', KIND.bigNumber],
    ['1e-400', KIND.bigNumber],
    ['0e-99999999999999999999', KIND.double],
    ['1e99999999999999999999', KIND.bigNumber],
    ['123456789012345678901234567890', KIND.bigNumber],
  ])('of %s is %i', (literal, kind) => {
    expect(numberKind(literal)).toBe(kind)
  })

  it('each kind is a separate bit', () => {
    const bits = Object.values(KIND)
    expect(bits.reduce((all, bit) => all | bit, 0)).toBe(bits.reduce((sum, bit) => sum + bit, 0))
    for (const bit of bits) expect(Math.log2(bit) % 1).toBe(0)
  })
})
