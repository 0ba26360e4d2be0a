import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CHUNK_BYTES, type Chunk, ChunkWriter, removeChunks, SpoolDirectory } from '../../lib/spool/spool.ts'
import { runs } from '../runs.ts'

let parent: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mixload-spool-'))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

async function contentOf(chunks: readonly Chunk[]): Promise<Buffer> {
  return Buffer.concat(await Promise.all(chunks.map(({ path }) => readFile(path))))
}

const permissions = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

describe('a chunk writer', () => {
  it('returns the bytes that it took, whatever their lengths and the flushes between', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const piece = fc.record({
      length: fc.oneof(fc.nat(50), fc.integer({ min: 1_000_000, max: 2_500_000 })),
      skip: fc.nat(5),
      flush: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const writer = new ChunkWriter(spool, '.ndjson')
        const sent: Buffer[] = []
        for (const [at, { length, skip, flush }] of pieces.entries()) {
          const bytes = Buffer.alloc(length + skip, 65 + at)
          bytes.write(`<${at}`, skip)
          writer.append(bytes, skip, bytes.length)
          sent.push(Buffer.from(bytes.subarray(skip)))
          // The writer takes a copy, so the caller may reuse its buffer.
          bytes.fill(0)
          if (flush) await writer.flush()
        }
        const chunks = await writer.finish()
        expect((await contentOf(chunks)).equals(Buffer.concat(sent))).toBe(true)
        expect(chunks.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(Buffer.concat(sent).length)
        await removeChunks(chunks)
        expect(await readdir(spool.path)).toEqual([])
      }),
      { numRuns: runs(25) },
    )
  })

  it('that took nothing creates no file', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const writer = new ChunkWriter(spool, '.ndjson')
    writer.append(Buffer.from('x'), 1, 1)
    await writer.flush()
    expect(writer.isEmpty).toBe(true)
    expect(await writer.finish()).toEqual([])
    expect(await readdir(spool.path)).toEqual([])
  })

  it('is empty until it has taken something, and not after', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const writer = new ChunkWriter(spool, '.ndjson')
    expect(writer.isEmpty).toBe(true)
    writer.append(Buffer.from('x\n'), 0, 2)
    expect(writer.isEmpty).toBe(false)
    await writer.finish()
    expect(writer.isEmpty).toBe(false)
  })

  it('ends a file at the end of a line once it is long enough, and begins another', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const writer = new ChunkWriter(spool, '.ndjson')
    const lineBytes = 3_000_001
    const count = Math.ceil((CHUNK_BYTES * 2.5) / lineBytes)
    for (let at = 0; at < count; at++) {
      const line = Buffer.alloc(lineBytes, 97 + (at % 26))
      line[lineBytes - 1] = 0x0a
      // A line may come in parts; only between lines is there a flush.
      writer.append(line, 0, 1_234_567)
      writer.append(line, 1_234_567, lineBytes)
      await writer.flush()
    }
    const chunks = await writer.finish()
    expect(chunks.length).toBe(3)
    let at = 0
    for (const [index, { path, bytes }] of chunks.entries()) {
      const content = await readFile(path)
      expect(content.length).toBe(bytes)
      expect(content.length % lineBytes).toBe(0)
      expect(bytes).toBeLessThan(CHUNK_BYTES * 1.25)
      if (index < chunks.length - 1) expect(bytes).toBeGreaterThanOrEqual(CHUNK_BYTES)
      for (let from = 0; from < content.length; from += lineBytes) {
        const letter = 97 + (at++ % 26)
        const isWhole = [content[from], content[from + 2_000_000], content[from + lineBytes - 2]].every(
          (byte) => byte === letter,
        )
        expect(isWhole && content[from + lineBytes - 1] === 0x0a).toBe(true)
      }
    }
    expect(at).toBe(count)
  })

  it('leaves no file behind when what it took is discarded, at any stage', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const megabytes = Buffer.alloc(5_000_000, 10)
    for (const stage of ['nothing', 'appended', 'flushed', 'finished', 'twice']) {
      const writer = new ChunkWriter(spool, '.ndjson')
      if (stage !== 'nothing') writer.append(megabytes, 0, megabytes.length)
      if (stage === 'flushed' || stage === 'twice') await writer.flush()
      if (stage === 'finished') await writer.finish()
      await writer.discard()
      if (stage === 'twice') await writer.discard()
      expect(await readdir(spool.path), stage).toEqual([])
    }
  })

  it('says where it could not write, and can still be discarded', async () => {
    const spool = await SpoolDirectory.create(parent)
    const writer = new ChunkWriter(spool, '.ndjson')
    await rm(spool.path, { recursive: true })
    writer.append(Buffer.from('x\n'), 0, 2)
    await expect(writer.finish()).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      message: expect.stringContaining(spool.path),
    })
    await writer.discard()
  })

  it('lets no other user read', async () => {
    const under = join(parent, 'made', 'for', 'it')
    await using spool = await SpoolDirectory.create(under)
    const writer = new ChunkWriter(spool, '.ndjson')
    writer.append(Buffer.from('x\n'), 0, 2)
    const [chunk] = await writer.finish()
    expect([await permissions(under), await permissions(spool.path)]).toEqual(['700', '700'])
    expect(await permissions(chunk?.path ?? '')).toBe('600')
  })
})

describe('a spool directory', () => {
  it('has a different name for each file, in order', async () => {
    await using spool = await SpoolDirectory.create(parent)
    const names = Array.from({ length: 12 }, () => spool.nextFile('.ndjson'))
    expect(names.toSorted()).toEqual(names)
    expect(new Set(names).size).toBe(12)
    for (const name of names) expect(name.startsWith(spool.path) && name.endsWith('.ndjson')).toBe(true)
  })

  it('is removed with all that is in it when it is disposed of', async () => {
    {
      await using spool = await SpoolDirectory.create(parent)
      const writer = new ChunkWriter(spool, '.ndjson')
      writer.append(Buffer.from('x\n'), 0, 2)
      await writer.finish()
    }
    expect(await readdir(parent)).toEqual([])
  })

  it('is removed if its process has ended, and not if it still runs, or if it is something else', async () => {
    const { pid: dead } = spawnSync(process.execPath, ['--version'])
    const kept = [
      `spool-${process.pid}-aaaa`,
      `spool-${process.ppid}-bbbb`,
      'spool-notes',
      `my-spool-${dead}-x`,
      `${dead}`,
    ]
    for (const name of [...kept, `spool-${dead}-cccc`, `spool-${dead}-dddd`])
      await mkdir(join(parent, name, 'deep'), { recursive: true })
    await using spool = await SpoolDirectory.create(parent)
    expect((await readdir(parent)).filter((name) => !spool.path.endsWith(name)).sort()).toEqual(kept.toSorted())
  })

  it('is one of several that a process may have', async () => {
    await using first = await SpoolDirectory.create(parent)
    await using second = await SpoolDirectory.create(parent)
    expect(first.path).not.toBe(second.path)
    expect((await readdir(parent)).length).toBe(2)
  })

  it('that cannot be created is a failure that names the place and the setting', async () => {
    const { path } = await (async () => {
      const spool = await SpoolDirectory.create(parent)
      const writer = new ChunkWriter(spool, '.file')
      writer.append(Buffer.from('x'), 0, 1)
      return (await writer.finish())[0] ?? { path: '' }
    })()
    await expect(SpoolDirectory.create(path)).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      message: expect.stringMatching(/--spool-dir/),
    })
  })
})
