import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressionOf } from '../../lib/decompress/decompress.ts'
import { InputFile } from '../../lib/decompress/input-file.ts'
import { expectFailure } from '../conformance/failures.ts'
import { runs } from '../runs.ts'

const { signal } = new AbortController()

function inBlocks(bytes: Buffer, blockBytes: number): Readable {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += blockBytes) blocks.push(bytes.subarray(at, at + blockBytes))
  return Readable.from(blocks, { objectMode: true })
}

async function contentOf(input: InputFile): Promise<Buffer> {
  const blocks: Buffer[] = []
  for await (const block of input.blocks()) blocks.push(Buffer.from(block))
  return Buffer.concat(blocks)
}

const PACKINGS = {
  none: (part: Buffer) => part,
  gzip: (part: Buffer) => gzipSync(part),
  zstd: (part: Buffer) => zstdCompressSync(part),
}
const SKIPPED_FRAME = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')])
/** Bytes that a compressor may leave between and after members. */
const FILLINGS = { none: Buffer.alloc(0), gzip: Buffer.alloc(7), zstd: SKIPPED_FRAME }

/** Parts as a line or a megabyte might be; the first one so that the whole is of no other form. */
const parts = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(400_000).map((size) => new Uint8Array(size).fill(120)),
    ),
    {
      maxLength: 5,
    },
  )
  .map((all) => [Buffer.from('{'), ...all.map((part) => Buffer.from(part))])
const compression = fc.constantFrom('none', 'gzip', 'zstd')

describe('a file that is read', () => {
  it('decompresses any number of members or frames in any blocks, and hashes the bytes on disk', async () => {
    await fc.assert(
      fc.asyncProperty(parts, compression, fc.constantFrom(1, 7, 1000, 65_536, 1 << 20), async (all, kind, wanted) => {
        const onDisk = Buffer.concat([...all.map(PACKINGS[kind]), FILLINGS[kind]])
        // Single bytes are for what is small: each is a turn of a decompressor's thread.
        const blockBytes = onDisk.length > 2000 ? Math.max(wanted, 1000) : wanted
        const input = new InputFile(inBlocks(onDisk, blockBytes), signal)
        expect((await contentOf(input)).equals(Buffer.concat(all))).toBe(true)
        expect(input.bytes).toBe(onDisk.length)
        expect(input.sha256()).toBe(createHash('sha256').update(onDisk).digest('hex'))
      }),
      { numRuns: runs(60) },
    )
  })

  it('is never accepted as whole if it is gzip or zstd cut off within a member or a frame', async () => {
    const content = Buffer.from(`{"event":"E"}\n`.repeat(20))
    const second = Buffer.from(`{"event":"F"}\n`.repeat(20))
    for (const kind of ['gzip', 'zstd'] as const) {
      const first = PACKINGS[kind](content)
      const both = Buffer.concat([first, PACKINGS[kind](second)])
      for (let length = 4; length < both.length; length++) {
        const input = new InputFile(inBlocks(both.subarray(0, length), 65_536), signal)
        if (length === first.length) expect((await contentOf(input)).equals(content)).toBe(true)
        else await expectFailure(contentOf(input), 'BODY_TRUNCATED')
      }
    }
  })

  it('is refused when one of its bytes has changed within gzip or zstd', async () => {
    const content = Buffer.from(Array.from({ length: 12 }, (_, at) => `{"event":"E${at}"}\n`).join(''))
    for (const compressed of [gzipSync(content), zstdCompressSync(content, CHECKSUM)]) {
      for (let at = 20; at < compressed.length; at++) {
        const damaged = Buffer.from(compressed)
        damaged[at] = (damaged[at] as number) ^ 0x55
        const failure = await contentOf(new InputFile(inBlocks(damaged, 65_536), signal)).catch((error) => error.code)
        expect(['BODY_UNREADABLE', 'BODY_TRUNCATED']).toContain(failure)
      }
    }
  })

  it('may be closed before its end', async () => {
    for (const kind of ['none', 'gzip', 'zstd'] as const) {
      const source = inBlocks(PACKINGS[kind](Buffer.alloc(5_000_000, '{"a":1}\n')), 1000)
      for await (const _ of new InputFile(source, signal).blocks()) break
      expect(source.destroyed).toBe(true)
    }
  })

  it('ends with the reason when the run is stopped, whether in the middle of it or while waiting', async () => {
    for (const head of [Buffer.alloc(0), Buffer.from('{'), gzipSync('{').subarray(0, 12)]) {
      const abort = new AbortController()
      const source = new Readable({ read() {} })
      source.push(head)
      const content = contentOf(new InputFile(source, abort.signal))
      setTimeout(() => abort.abort(), 20)
      await expect(content).rejects.toMatchObject({ code: 'ABORT_ERR' })
    }
  })
})

/** zstd only adds a checksum if requested. The command line tool does so by default. */
const CHECKSUM = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }

describe('the compression of bytes', () => {
  it.each<readonly [string, readonly number[]]>([
    ['gzip', [0x1f, 0x8b, 0x08]],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
    ['zstd', [0x5f, 0x2a, 0x4d, 0x18]],
    ['none', []],
    ['none', [0x1f]],
    ['none', [0x28, 0xb5, 0x2f]],
    ['none', [0x7b, 0x22, 0x65]],
  ])('is found from their first bytes: %s', (compressed, bytes) => {
    expect(compressionOf(Buffer.from(bytes))).toBe(compressed)
  })
})
