import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestQueue } from '../../lib/mixpanel/request-queue.ts'

const { signal } = new AbortController()
const nothing = async () => {}

/** Lets everything go on that can. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a queue of requests', () => {
  it('starts them in order, never more than its number, and all of them in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), async (max, count) => {
        const queue = new RequestQueue(max)
        const started: number[] = []
        let running = 0
        const all = Array.from({ length: count }, async (_, at) => {
          await queue.enter(async () => started.push(at), signal, false)
          running++
          expect(running).toBeLessThanOrEqual(max)
          await settled()
          running--
          queue.leave()
        })
        await Promise.all(all)
        expect(started).toEqual(Array.from({ length: count }, (_, at) => at))
      }),
      { numRuns: 20 },
    )
  })

  it('lets those go first that are not ahead of their turn', async () => {
    const queue = new RequestQueue(1)
    await queue.enter(nothing, signal, false)
    const started: string[] = []
    const enter = (name: string, isAhead: boolean) => queue.enter(async () => started.push(name), signal, isAhead)
    const all = [enter('ahead', true), enter('also ahead', true), enter('now', false)]
    for (let count = 0; count < all.length; count++) {
      queue.leave()
      await settled()
    }
    await Promise.all(all)
    expect(started).toEqual(['now', 'ahead', 'also ahead'])
  })

  it('halves the number when requests are refused, once for those sent together, and raises it with success', async () => {
    const queue = new RequestQueue(8)
    for (let count = 0; count < 8; count++) await queue.enter(nothing, signal, false)
    const sentAt = Date.now()
    queue.refused(sentAt, 0)
    expect(queue.limit).toBe(4)
    queue.refused(sentAt, 0)
    queue.refused(sentAt - 5, 0)
    expect(queue.limit).toBe(4)
    queue.refused(sentAt + 60_000, 0)
    expect(queue.limit).toBe(2)
    for (let count = 0; count < 3; count++) queue.accepted()
    expect(queue.limit).toBe(3)
    for (let count = 0; count < 100; count++) queue.accepted()
    expect(queue.limit).toBe(8)
  })

  it('always lets one run, and starts none before the time that the server asks for', async () => {
    const queue = new RequestQueue(0)
    for (let count = 1; count < 10; count++) queue.refused(Date.now() + count * 60_000, 0)
    expect(queue.limit).toBe(1)
    queue.refused(Date.now(), 3_600_000)
    let isStarted = false
    const abort = new AbortController()
    const start = async () => {
      isStarted = true
    }
    const entered = queue.enter(start, abort.signal, false)
    await settled()
    abort.abort()
    await expect(entered).rejects.toThrow()
    expect(isStarted).toBe(false)
  })

  it('forgets a request that is aborted while it waits, and goes on after one that cannot start', async () => {
    const queue = new RequestQueue(1)
    await queue.enter(nothing, signal, false)
    const abort = new AbortController()
    const aborted = queue.enter(nothing, abort.signal, false)
    abort.abort(new Error('no longer wanted'))
    await expect(aborted).rejects.toThrow('no longer wanted')
    const failing = queue.enter(() => Promise.reject(new Error('not today')), signal, false)
    const next = queue.enter(nothing, signal, false)
    queue.leave()
    await expect(failing).rejects.toThrow('not today')
    await next
  })
})
