import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import { resolveSettings } from '../../lib/settings.ts'
import { readEach } from '../../lib/streams/read-each.ts'
import type { LineBatch, StreamContext } from '../../lib/streams/stream.ts'
import { runs } from '../runs.ts'

/** An item: its lines, how many turns each takes, and whether Mixpanel refuses it after them. */
interface Item {
  readonly name: string
  readonly id: string
  readonly lines: readonly string[]
  readonly turns: number
  readonly isRefused: boolean
}

const item = fc.record({
  lines: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
  turns: fc.nat(3),
  isRefused: fc.boolean(),
})
const items = fc
  .array(item, { maxLength: 10 })
  .map((all) => all.map((given, at): Item => ({ ...given, name: `item ${at}`, id: String(at) })))

/** What is read, and the most items that are read at the same time. */
async function readAll(all: readonly Item[], atOnce: number, signal = new AbortController().signal) {
  const read: string[] = []
  const leftOut: string[] = []
  const signals: AbortSignal[] = []
  let [running, most] = [0, 0]
  const settings = resolveSettings({}, {}, { queryRequestsAtOnce: atOnce })
  const context = {
    settings,
    signal,
    leaveOut: ({ name }: { name: string }) => leftOut.push(name),
  } as unknown as StreamContext
  async function* linesOf(own: StreamContext, { lines, turns, isRefused }: Item): AsyncGenerator<LineBatch> {
    signals.push(own.signal)
    most = Math.max(most, ++running)
    try {
      for (const line of lines) {
        for (let count = 0; count < turns; count++) await turn()
        yield { table: 'table', lines: Buffer.from(line) }
      }
      await turn()
      if (isRefused) throw new MixloadError('REQUEST_REFUSED', 'no')
    } finally {
      running--
    }
  }
  const outcome = await (async () => {
    for await (const { lines } of readEach(context, all, linesOf)) read.push(lines.toString())
  })().then(
    () => 'done',
    (error: MixloadError) => error.code,
  )
  return { result: { read, leftOut, outcome }, most, running, signals }
}

describe('the items of a list', () => {
  it('are read in their order, with the same result however many are read at once', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 2, max: 6 }), async (all, atOnce) => {
        const [alone, together] = [await readAll(all, 1), await readAll(all, atOnce)]
        expect(together.result).toEqual(alone.result)
        expect(alone.most).toBeLessThanOrEqual(1)
        expect(together.most).toBeLessThanOrEqual(atOnce)
        expect([alone.running, together.running]).toEqual([0, 0])
      }),
      { numRuns: runs(100) },
    )
  })

  it('are begun together, up to the limit', async () => {
    const all = Array.from({ length: 9 }, (_, at) => ({
      name: `item ${at}`,
      id: String(at),
      lines: ['x'],
      turns: 1,
      isRefused: false,
    }))
    expect(await readAll(all, 4)).toMatchObject({ most: 4, result: { read: all.map(() => 'x') } })
  })

  it('are ended, all that have begun, when all of them are refused', async () => {
    const all = Array.from({ length: 3 }, (_, at) => ({
      name: `item ${at}`,
      id: String(at),
      lines: [],
      turns: 0,
      isRefused: true,
    }))
    const { result, running, signals } = await readAll(all, 3)
    expect(result).toEqual({ read: [], leftOut: ['item 0', 'item 1'], outcome: 'REQUEST_REFUSED' })
    expect(running).toBe(0)
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
  })
})
