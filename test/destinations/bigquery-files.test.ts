import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gzipLines, gzipRanges } from '../../destinations/bigquery/uploads/gzip.ts'
import { splitFiles } from '../../destinations/bigquery/uploads/split-files.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function decompressed(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(chunk)
  return gunzipSync(Buffer.concat(chunks)).toString()
}

describe('files that are split for several uploads', () => {
  it('lose no line and cut none in two, and no group is larger than allowed except for a longer line', async () => {
    const line = fc
      .string({ unit: fc.constantFrom('a', 'é', '😀', '"'), maxLength: 40 })
      .map((text) => `{"x":${JSON.stringify(text)}}`)
    const files = fc.array(fc.array(line, { maxLength: 30 }), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 600 }), async (lists, bytesMax) => {
        const paths = lists.map((_, at) => join(directory, `file-${at}`))
        for (const [at, lines] of lists.entries()) {
          await writeFile(paths[at] ?? '', lines.map((text) => `${text}\n`).join(''))
        }
        const groups = await splitFiles(paths, bytesMax)
        const texts = await Promise.all(groups.map((ranges) => decompressed(gzipRanges(ranges))))
        expect(texts.join('')).toBe(lists.flatMap((lines) => lines.map((text) => `${text}\n`)).join(''))
        const longest = Math.max(0, ...lists.flat().map((text) => Buffer.byteLength(text) + 1))
        for (const text of texts) {
          expect(text.endsWith('\n')).toBe(true)
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(bytesMax + longest)
        }
      }),
    )
  })

  it('of long lines are found whole', async () => {
    const path = join(directory, 'long')
    const lines = ['a'.repeat(200_000), 'b'.repeat(70_000), 'c']
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    const groups = await splitFiles([path], 100_000)
    const texts = await Promise.all(groups.map((ranges) => decompressed(gzipRanges(ranges))))
    expect(texts).toEqual([`${lines[0]}\n`, `${lines[1]}\n${lines[2]}\n`])
  })
})

describe('a file that is still being written', () => {
  /** Writes the pieces one after the other, and resolves to the end of the file. */
  const growing = (path: string, pieces: readonly string[]) =>
    (async () => {
      for (const piece of pieces) {
        await sleep(piece.length % 3)
        await appendFile(path, piece)
      }
      await sleep(pieces.length % 2)
      return Buffer.byteLength(pieces.join(''))
    })()

  it('is read whole, in whatever steps it grows', async () => {
    const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '\n'), maxLength: 40 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(pieces, async (list) => {
        const path = join(directory, 'growing')
        await writeFile(path, '')
        expect(await decompressed(gzipRanges([{ path, start: 0, end: growing(path, list) }]))).toBe(list.join(''))
      }),
      { numRuns: 30 },
    )
  })

  it('is read whole when it is large, too, and again when it is complete', async () => {
    const path = join(directory, 'growing')
    await writeFile(path, '')
    const pieces = Array.from({ length: 40 }, (_, at) => `${at} `.repeat(50_000))
    const ranges = [{ path, start: 0, end: growing(path, pieces) }]
    expect(await decompressed(gzipRanges(ranges))).toBe(pieces.join(''))
    expect(await decompressed(gzipRanges(ranges))).toBe(pieces.join(''))
  })

  it('does not end a gzip file if the end of its content never comes', async () => {
    const path = join(directory, 'growing')
    await writeFile(path, 'some rows\n')
    const end = sleep(20).then(() => Promise.reject(new Error('the engine failed')))
    const chunks: Buffer[] = []
    const reading = (async () => {
      for await (const chunk of gzipRanges([{ path, start: 0, end }])) chunks.push(chunk)
    })()
    await expect(reading).rejects.toThrow('the engine failed')
    expect(() => gunzipSync(Buffer.concat(chunks))).toThrow()
  })
})

describe('what is compressed', () => {
  it('may be nothing, which is still a gzip file', async () => {
    expect(await decompressed(gzipLines([]))).toBe('')
    expect(await decompressed(gzipRanges([]))).toBe('')
  })

  it('is one gzip file, however many ranges it is made of', async () => {
    const path = join(directory, 'large')
    const text = Array.from({ length: 200_000 }, (_, at) => `{"number":${at},"text":"value ${at % 977}"}\n`).join('')
    await writeFile(path, text)
    const size = Buffer.byteLength(text)
    const ranges = [
      { path, start: 0, end: 3_000_001 },
      { path, start: 3_000_001, end: size },
    ]
    expect(await decompressed(gzipRanges(ranges))).toBe(text)
    const chunks: Buffer[] = []
    for await (const chunk of gzipRanges(ranges)) chunks.push(chunk)
    expect(Buffer.concat(chunks).length).toBeLessThan(size / 5)
  })

  it('fails if its file is missing', async () => {
    const gone = gzipRanges([{ path: join(directory, 'gone'), start: 0, end: 5 }])
    await expect(decompressed(gone)).rejects.toThrow(/ENOENT/)
  })
})
