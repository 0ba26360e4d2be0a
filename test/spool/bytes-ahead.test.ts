import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BytesAhead } from '../../lib/spool/bytes-ahead.ts'

let directory: string
let files = 0
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mixload-ahead-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const nextPath = () => join(directory, `${++files}.response`)

/** Blocks that come one by one, each when `next` is called. */
function source(blocks: readonly Buffer[], failure?: Error) {
  const steps = blocks.map(() => Promise.withResolvers<void>())
  async function* come(): AsyncGenerator<Buffer> {
    for (const [at, block] of blocks.entries()) {
      await steps[at]?.promise
      yield block
    }
    if (failure !== undefined) throw failure
  }
  let at = 0
  return { come: come(), next: () => steps[at++]?.resolve() }
}

describe('bytes that are stored ahead', () => {
  it('are those that came, in their order, whenever they are wanted', async () => {
    const blocks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(blocks, fc.nat(8), async (contents, early) => {
        const bytes = contents.map((content) => Buffer.from(content))
        const { come, next } = source(bytes)
        const path = nextPath()
        let stored = 0
        const ahead = new BytesAhead(come, path, (count) => {
          stored += count
        })
        const first = bytes.slice(0, early)
        for (const _ of first) next()
        const size = first.reduce((sum, { length }) => sum + length, 0)
        await expect.poll(() => stored, { interval: 1 }).toBe(size)
        expect(ahead.bytes).toBe(size)
        const read = buffer(ahead)
        for (const _ of bytes.slice(early)) next()
        expect(await read).toEqual(Buffer.concat(bytes))
        expect(existsSync(path)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  it('end with the failure of their source, after what came before', async () => {
    const { come, next } = source([Buffer.from('some')], new Error('gone'))
    const ahead = new BytesAhead(come, nextPath(), () => {})
    next()
    await ahead.stored
    const read: string[] = []
    await expect(
      (async () => {
        for await (const block of ahead) read.push(block.toString())
      })(),
    ).rejects.toThrow('gone')
    expect(read).toEqual(['some'])
  })

  it('leave no file when they are discarded', async () => {
    const { come, next } = source([Buffer.from('some')])
    const path = nextPath()
    const ahead = new BytesAhead(come, path, () => {})
    next()
    await ahead.stored
    expect(existsSync(path)).toBe(true)
    await ahead.discard()
    expect(existsSync(path)).toBe(false)
  })

  it('cannot be stored where the directory is gone, which the reader gets to know', async () => {
    const { come, next } = source([Buffer.from('some')])
    const ahead = new BytesAhead(come, join(directory, 'gone', 'file'), () => {})
    next()
    await expect(buffer(ahead)).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
  })
})
