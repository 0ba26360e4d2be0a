import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ZstdFrames } from '../../lib/decompress/zstd-frames.ts'

const SKIPPABLE = Buffer.concat([Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('hello')])

/**
 * Contents that make blocks of every type: compressed, raw, repeated, several in one frame, and
 * none.
 */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.nat(400_000).map((size) => new Uint8Array(size).fill(120)),
  fc.string({ minLength: 200, maxLength: 2000 }).map((text) => Buffer.from(text.repeat(3))),
)
const frame = fc.oneof(
  fc.constant(SKIPPABLE),
  fc.tuple(content, fc.nat(1), fc.nat(1)).map(([bytes, checksum, size]) =>
    zstdCompressSync(bytes, {
      params: { [constants.ZSTD_c_checksumFlag]: checksum, [constants.ZSTD_c_contentSizeFlag]: size },
    }),
  ),
)

function isComplete(...blocks: readonly Buffer[]): boolean {
  const frames = new ZstdFrames()
  for (const block of blocks) frames.push(block)
  return frames.isComplete
}

describe('frames of zstd', () => {
  it('are complete where each one ends, and nowhere else, in whatever blocks they arrive', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(), (frames, cut, split) => {
        const bytes = Buffer.concat(frames)
        const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length)
        for (const length of [...ends, cut % bytes.length]) {
          const at = split % (length + 1)
          const expected = length === 0 || ends.includes(length)
          expect(isComplete(bytes.subarray(0, at), bytes.subarray(at, length))).toBe(expected)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('are complete at no other byte of a small file', () => {
    const bytes = Buffer.concat([zstdCompressSync('{"event":"A"}\n'), SKIPPABLE])
    for (let length = 1; length < bytes.length; length++) {
      expect(isComplete(bytes.subarray(0, length))).toBe(length === bytes.length - SKIPPABLE.length)
    }
  })

  it('are not looked for in other data', () => {
    expect(isComplete(Buffer.from('{"event":"A"}'))).toBe(true)
  })
})
