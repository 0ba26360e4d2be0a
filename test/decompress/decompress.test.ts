import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import { decompressed, decompressWhole } from '../../lib/decompress/decompress.ts'
import { runs } from '../runs.ts'

type Outcome = { readonly text: string } | { readonly code: string }

async function outcomeOf(decompress: () => Promise<Buffer>): Promise<Outcome> {
  try {
    return { text: (await decompress()).toString('base64') }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    return { code: error.code }
  }
}

async function inBlocks(bytes: Buffer, compression: 'gzip' | 'deflate', block: number): Promise<Buffer> {
  async function* blocks() {
    for (let at = 0; at < bytes.length; at += block) yield bytes.subarray(at, at + block)
  }
  const parts: Buffer[] = []
  for await (const part of decompressed(blocks(), compression)) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

const same = async (bytes: Buffer, compression: 'gzip' | 'deflate', block = 7): Promise<Outcome> => {
  const atOnce = await outcomeOf(() => decompressWhole(bytes, compression))
  expect(atOnce).toEqual(await outcomeOf(() => inBlocks(bytes, compression, block)))
  return atOnce
}

describe('decompressing', () => {
  it('returns the same at once as block by block: several members, zeros or other bytes after them', async () => {
    const member = fc.uint8Array({ maxLength: 400 }).map((bytes) => gzipSync(bytes))
    const rest = fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc.nat(40).map((zeros) => Buffer.alloc(zeros)),
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 3 }),
        rest,
        fc.integer({ min: 1, max: 600 }),
        async (members, after, block) => {
          await same(Buffer.concat([...members, after]), 'gzip', block)
        },
      ),
      { numRuns: runs(200) },
    )
  })

  it('never accepts a truncated body, and returns all of a body that is larger than the first buffer', async () => {
    const text = Buffer.from('{"results":[]}'.repeat(300_000))
    for (const [compression, compressed] of [
      ['gzip', gzipSync(text)],
      ['deflate', deflateSync(text)],
    ] as const) {
      expect((await decompressWhole(compressed, compression)).equals(text)).toBe(true)
      const short = compression === 'gzip' ? gzipSync('{"a":1}') : deflateSync('{"a":1}')
      expect(await same(short, compression)).toHaveProperty('text')
      for (let end = 1; end < short.length; end++) {
        expect(await same(short.subarray(0, end), compression)).toEqual({ code: 'BODY_TRUNCATED' })
      }
      expect(await same(Buffer.from('<html>'), compression)).toEqual({ code: 'BODY_UNREADABLE' })
    }
  })
})
