import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import { type RateLimits, RequestBudget, TRAVEL_MS_MAX, waitFor } from '../../lib/mixpanel/budget.ts'
import { runs } from '../runs.ts'

const HOUR = 3_600_000
const limits = fc.record<RateLimits>({ perHour: fc.nat(8), perSecond: fc.nat(3) })

/** Whether any window of this length, open at its beginning, holds more than the limit. */
function isExceeded(sent: readonly number[], limit: number, ms: number): boolean {
  return limit > 0 && sent.some((at) => sent.filter((earlier) => earlier > at - ms && earlier <= at).length > limit)
}

describe('how long a request must wait', () => {
  it('is long enough: whoever obeys never sends more than is allowed in any hour or second', () => {
    const pause = fc.oneof(fc.nat(300), fc.nat(HOUR / 4), fc.constantFrom(0, 1, 1000, HOUR))
    fc.assert(
      fc.property(limits, fc.array(pause, { maxLength: 60 }), (most, pauses) => {
        const sent: number[] = []
        let now = 1_785_758_400_000
        for (const pause of pauses) {
          now += pause
          now += waitFor(sent, most, now)
          expect(waitFor(sent, most, now)).toBe(0)
          sent.push(now)
        }
        // Each as it comes, some sooner than others.
        const come = (travelMax: number) => sent.map((at, index) => at + (index % 2) * (travelMax - 1))
        expect(isExceeded(come(TRAVEL_MS_MAX.hour), most.perHour, HOUR)).toBe(false)
        expect(isExceeded(come(TRAVEL_MS_MAX.second), most.perSecond, 1000)).toBe(false)
      }),
      { numRuns: runs(500) },
    )
  })

  it('is no longer than needed: a millisecond earlier would be too early', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(2 * HOUR), { maxLength: 20 }), (most, ages) => {
        const now = 10 * HOUR
        const sent = ages.map((age) => now - age)
        const wait = waitFor(sent, most, now)
        fc.pre(wait > 0)
        expect(Number.isInteger(wait)).toBe(true)
        const early = [...sent, now + wait - 1]
        const latest = (ms: number) => early.filter((at) => at > now + wait - 1 - ms).length
        const isTooMany =
          (most.perHour > 0 && latest(HOUR + TRAVEL_MS_MAX.hour) > most.perHour) ||
          (most.perSecond > 0 && latest(1000 + TRAVEL_MS_MAX.second) > most.perSecond)
        expect(isTooMany).toBe(true)
      }),
      { numRuns: runs(500) },
    )
  })

  it('is nothing without limits, and at the first request', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), fc.nat(1000), (sent, now) => {
        expect(waitFor(sent, { perHour: 0, perSecond: 0 }, now)).toBe(0)
        expect(waitFor([], { perHour: 1, perSecond: 1 }, now)).toBe(0)
      }),
    )
  })

  it('does not depend on the order in which the requests are listed', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(2 * HOUR)), (most, sent) => {
        expect(waitFor(sent.toReversed(), most, 2 * HOUR)).toBe(waitFor(sent, most, 2 * HOUR))
      }),
    )
  })

  it('ignores requests that seem to be in the future because the clock was set back', () => {
    expect(waitFor([5000, 6000], { perHour: 1, perSecond: 1 }, 4000)).toBe(0)
  })
})

describe('a budget on disk', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-budget-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const open = (perHour: number, onWait: (ms: number) => void = () => {}, key = 'key') =>
    new RequestBudget(directory, key, { perHour, perSecond: 0 }, onWait)
  const { signal } = new AbortController()

  /** Asks for a request that must wait, and gives up as soon as that is known. */
  async function waitOf(perHour: number): Promise<number> {
    const abort = new AbortController()
    let waited = 0
    const budget = open(perHour, (ms) => {
      waited = ms
      abort.abort()
    })
    await expect(budget.acquire(abort.signal)).rejects.toThrow()
    return waited
  }

  it('is shared by all that use the same place', async () => {
    const [first, second] = [open(3), open(3)]
    await first.acquire(signal)
    await second.acquire(signal)
    expect([await first.remaining(), await second.remaining()]).toEqual([1, 1])
    await first.acquire(signal)
    expect(await second.remaining()).toBe(0)
    const wait = await waitOf(3)
    expect(wait).toBeGreaterThan(HOUR / 2)
    expect(wait).toBeLessThanOrEqual(HOUR + TRAVEL_MS_MAX.hour)
  })

  it('counts each request once when many come at the same moment', async () => {
    const budgets = [open(12), open(12)]
    await Promise.all(Array.from({ length: 10 }, (_, at) => budgets[at % 2]?.acquire(signal)))
    expect(await open(12).remaining()).toBe(2)
    expect(JSON.parse(await readFile(join(directory, 'key.json'), 'utf8')).sent).toHaveLength(10)
  })

  it('counts requests of several processes together', async () => {
    const child = join(import.meta.dirname, 'budget-child.ts')
    const start = () => promisify(execFile)(process.execPath, [child, directory, '7'])
    const runs = await Promise.all([start(), start()])
    expect(runs.reduce((sum, { stdout }) => sum + Number(stdout), 0)).toBe(7)
  })

  it('counts a request that another run made while this one waited for the file', async () => {
    await mkdir(join(directory, 'key.json.lock'))
    const start = Date.now()
    const acquired = open(5).acquire(signal)
    while (Date.now() === start) await stat(directory)
    await writeFile(join(directory, 'key.json'), JSON.stringify({ sent: [Date.now()] }))
    await rmdir(join(directory, 'key.json.lock'))
    await acquired
    expect(await open(5).remaining()).toBe(3)
  })

  it('forgets requests that are an hour old, and those of the future', async () => {
    const now = Date.now()
    const sent = [now - HOUR - 1000, now - HOUR / 2, now + HOUR]
    await writeFile(join(directory, 'key.json'), JSON.stringify({ sent }))
    expect(await open(3).remaining()).toBe(2)
    await open(3).acquire(signal)
    expect(JSON.parse(await readFile(join(directory, 'key.json'), 'utf8')).sent).toHaveLength(2)
  })

  it.each(['', '{', 'null', '[]', '{"sent":1}', '{"sent":["x"]}', '\0\0\0'])(
    'starts empty from a file that contains %j',
    async (content) => {
      await writeFile(join(directory, 'key.json'), content)
      expect(await open(2).remaining()).toBe(2)
      await open(2).acquire(signal)
      expect(await open(2).remaining()).toBe(1)
    },
  )

  it('is separate for each key, and a key is not a path', async () => {
    await open(2, undefined, '../../evil/key').acquire(signal)
    await open(2, undefined, 'other').acquire(signal)
    expect((await readdir(directory)).length).toBe(2)
    expect(await open(2, undefined, 'other').remaining()).toBe(1)
  })

  it('leaves nothing but one file behind, which nobody else may read', async () => {
    await open(5).acquire(signal)
    await open(5).acquire(signal)
    expect(await readdir(directory)).toEqual(['key.json'])
    expect((await stat(join(directory, 'key.json'))).mode & 0o777).toBe(0o600)
  })

  it('without limits writes nothing', async () => {
    await open(0).acquire(signal)
    expect(await readdir(directory)).toEqual([])
    expect(await open(0).remaining()).toBe(Number.POSITIVE_INFINITY)
  })

  it('that cannot be written is a failure that names the setting', async () => {
    await writeFile(join(directory, 'file'), '')
    const budget = new RequestBudget(join(directory, 'file', 'below'), 'key', { perHour: 1, perSecond: 0 })
    const error = await budget.acquire(signal).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(MixloadError)
    expect(error).toMatchObject({ code: 'SPOOL_FAILED', message: expect.stringContaining('MIXLOAD_STATE_DIR') })
  })
})

describe('concurrent requests', () => {
  let directory: string
  const { signal } = new AbortController()
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mixload-test-'))
  })
  const made: RequestBudget[] = []
  afterEach(async () => {
    for (const created of made.splice(0)) await created[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })
  const budget = (atOnce: number, perHour = 0) => {
    const created = new RequestBudget(directory, 'query', { perHour, perSecond: 0, atOnce })
    made.push(created)
    return created
  }

  it('wait for a slot, among all that share the file', async () => {
    const [release] = [await budget(2).acquire(signal), await budget(2).acquire(signal)]
    let isThrough = false
    const third = budget(2).acquire(signal)
    void third.then(() => {
      isThrough = true
    })
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(isThrough).toBe(false)
    await release()
    await (await third)()
  })

  it('take the slots of processes that have ended, and of requests from long ago', async () => {
    const now = Date.now()
    const running = [
      { id: 'a', pid: 2 ** 22 + 1, since: now - 1000 },
      { id: 'b', pid: process.pid, since: now - 2 * HOUR },
    ]
    await writeFile(join(directory, 'query.json'), JSON.stringify({ sent: [], running }))
    const release = await budget(1).acquire(signal)
    const stored = JSON.parse(await readFile(join(directory, 'query.json'), 'utf8'))
    expect(stored.running).toMatchObject([{ pid: process.pid }])
    await release()
  })

  it('get the slots of those that ended, one after the other, without a wait, and return them in the end', async () => {
    const requests = budget(1)
    for (let count = 0; count < 50; count++) await (await requests.acquire(signal))()
    const stored = () => JSON.parse(readFileSync(join(directory, 'query.json'), 'utf8')).running.length
    expect(stored()).toBe(1)
    await expect.poll(stored).toBe(0)
    await (await budget(1).acquire(signal))()
  })

  it('count in the hour, too, if they take the slot of another', async () => {
    const requests = budget(1, 3)
    for (let count = 0; count < 3; count++) await (await requests.acquire(signal))()
    expect(await requests.remaining()).toBe(0)
  })

  it('keep no slots without a limit', async () => {
    const release = await new RequestBudget(directory, 'query', { perHour: 5, perSecond: 0 }).acquire(signal)
    await release()
    expect(JSON.parse(await readFile(join(directory, 'query.json'), 'utf8'))).toMatchObject({ running: [] })
  })
})
