import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeenKeys } from '../../lib/extract/seen-keys.ts'
import { runs } from '../runs.ts'

function areDistinct(keys: readonly string[]): boolean {
  const seen = new SeenKeys()
  for (const key of keys) {
    const bytes = Buffer.from(`..${JSON.stringify(key)}`)
    seen.add(bytes, 2, bytes.length)
  }
  return seen.areDistinct
}

describe('keys that were seen', () => {
  it('are never taken for different if two of them are equal', () => {
    const keys = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('', 'a', 'b')), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(keys, (repeating) => {
        fc.pre(new Set(repeating).size < repeating.length)
        expect(areDistinct(repeating)).toBe(false)
      }),
      { numRuns: runs(300) },
    )
  })

  it('are known to be different, as many as there commonly are', () => {
    expect(areDistinct([])).toBe(true)
    expect(areDistinct(Array.from({ length: 100_000 }, (_, at) => `user-${at}`))).toBe(true)
    const many = Array.from({ length: 600_000 }, (_, at) => `user-${at}`)
    expect(areDistinct(many)).toBe(true)
    for (const again of [7, 65_536, 100_000, 299_999]) {
      for (const before of [again + 1, 300_000, 600_000])
        expect(areDistinct([...many.slice(0, before), `user-${again}`])).toBe(false)
    }
  })

  it('are not known to be different if the same text may be escaped in two ways', () => {
    const seen = new SeenKeys()
    for (const key of ['"a"', '"\\u0061"']) seen.add(Buffer.from(key), 0, key.length)
    expect(seen.areDistinct).toBe(false)
  })

  it('are not known to be different past what is kept, in no more memory', () => {
    const seen = new SeenKeys()
    const bytes = Buffer.alloc(4)
    for (let at = 0; at <= 2 ** 20; at++) {
      // No byte of it is a backslash.
      bytes.writeUInt32LE(
        ((at & 0x1f) + (((at >> 5) & 0x1f) << 8) + (((at >> 10) & 0x1f) << 16) + ((at >> 15) << 24)) >>> 0,
      )
      seen.add(bytes, 0, 4)
    }
    expect(seen.areDistinct).toBe(false)
  })
})
