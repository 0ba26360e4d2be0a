import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ERROR_CODES, type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import {
  DEFAULT_RETRIES,
  delayAfter,
  RETRY_AFTER_MS_MAX,
  RETRY_AFTER_TOTAL_MS_MAX,
  type RetryPolicy,
  retrying,
} from '../../lib/core/retry.ts'

/** The requested waits. Nothing really waits for them. */
const waits: number[] = []
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number, _: unknown, { signal }: { signal: AbortSignal }) => {
    signal.throwIfAborted()
    waits.push(ms)
  },
}))
beforeEach(() => {
  waits.length = 0
})

const POLICY: RetryPolicy = {
  retries: { NETWORK_FAILED: 2, SERVER_FAILED: 3, RATE_LIMITED: 4 },
  firstDelayMs: 100,
  delayMaxMs: 1000,
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

/** Makes these failures one after the other, and then succeeds. */
async function run(failures: readonly unknown[], policy: RetryPolicy = POLICY, signal = new AbortController().signal) {
  let attempts = 0
  const reported: (readonly [ErrorCode, number])[] = []
  const attempt = async () => {
    const at = attempts++
    if (at < failures.length) throw failures[at]
    return 'done'
  }
  const outcome = await retrying(policy, signal, attempt, ({ code }, ms) => reported.push([code, ms])).catch(
    (error: unknown) => ({ error }),
  )
  return { outcome, attempts, reported }
}

const failure = (code: ErrorCode, retryAfterMs?: number) =>
  new MixloadError(code, code, retryAfterMs === undefined ? {} : { retryAfterMs })

describe('an attempt that fails', () => {
  it('is not repeated when it succeeds', async () => {
    expect(await run([])).toEqual({ outcome: 'done', attempts: 1, reported: [] })
  })

  it('is repeated as often as its code allows, and then fails with its last error', async () => {
    const failures = Array.from({ length: 3 }, () => failure('NETWORK_FAILED'))
    expect(await run(failures.slice(0, 2))).toMatchObject({ outcome: 'done', attempts: 3 })
    const { outcome, attempts } = await run(failures)
    expect([outcome, attempts]).toEqual([{ error: failures[2] }, 3])
  })

  it('is repeated only for codes that may be retried and are listed, each counted separately', async () => {
    const codes = fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[]))
    const listed = fc.dictionary(codes, fc.nat(3)) as fc.Arbitrary<Partial<Record<ErrorCode, number>>>
    const failingCodes = fc.array(
      fc.oneof(codes, fc.constantFrom<ErrorCode>('NETWORK_FAILED', 'SERVER_FAILED', 'RATE_LIMITED')),
      { maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(failingCodes, listed, async (failing, retries) => {
        const left = new Map<ErrorCode, number>()
        const last = failing.findIndex((code) => {
          const count = (left.get(code) ?? 0) + 1
          left.set(code, count)
          return !ERROR_CODES[code].retry || count > (retries[code] ?? 0)
        })
        const failures = failing.map((code) => failure(code))
        const { outcome, attempts, reported } = await run(failures, { ...POLICY, retries })
        expect(outcome).toEqual(last < 0 ? 'done' : { error: failures[last] })
        expect(attempts).toBe(last < 0 ? failing.length + 1 : last + 1)
        expect(reported.map(([code]) => code)).toEqual(failing.slice(0, last < 0 ? undefined : last))
      }),
    )
  })

  it('with an error of another kind fails at once with that error', async () => {
    for (const error of [new Error('x'), new TypeError('fetch failed')]) {
      expect(await run([error])).toEqual({ outcome: { error }, attempts: 1, reported: [] })
    }
  })
})

describe('the wait before the next attempt', () => {
  it('doubles up to the maximum, and is at most a tenth longer', async () => {
    const policy = { ...POLICY, retries: { SERVER_FAILED: 7 } }
    const { reported } = await run(
      Array.from({ length: 7 }, () => failure('SERVER_FAILED')),
      policy,
    )
    for (const [at, least] of [100, 200, 400, 800, 1000, 1000, 1000].entries()) {
      expect(reported[at]?.[1]).toBeGreaterThanOrEqual(least)
      expect(reported[at]?.[1]).toBeLessThanOrEqual(least * 1.1)
    }
    expect(waits.filter((ms) => ms > 0)).toEqual(reported.map(([, ms]) => ms))
  })

  it('is the one that the server asked for if that is longer, and never shorter than without it', async () => {
    const { reported } = await run([
      failure('RATE_LIMITED', 90_000),
      failure('RATE_LIMITED', 0),
      failure('RATE_LIMITED', 399),
      failure('RATE_LIMITED', 801),
    ])
    expect(reported.map(([, ms]) => ms)).toEqual([90_000, 200, 400, 801])
    expect(waits).toContain(90_000)
  })

  it('is never longer than an hour, and adds no more than two hours to all waits of a request', async () => {
    const policy = { ...POLICY, retries: { RATE_LIMITED: 9 } }
    const { reported } = await run(
      Array.from({ length: 9 }, () => failure('RATE_LIMITED', 30 * 86_400_000)),
      policy,
    )
    const backoffs = [100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000]
    const delays = reported.map(([, ms]) => ms)
    expect(delays.slice(0, 2)).toEqual([3_600_000, 3_600_000])
    expect(delays.slice(3)).toEqual(backoffs.slice(3))
    expect(sum(delays) - sum(backoffs)).toBe(RETRY_AFTER_TOTAL_MS_MAX)
  })

  it('lies between the backoff and the bounds, whatever the server asks for', () => {
    const ms = fc.oneof(fc.nat(10_000), fc.double({ min: 0, max: 1e15, noNaN: true }))
    fc.assert(
      fc.property(fc.option(ms, { nil: undefined }), fc.nat(60_000), fc.nat(7_200_000), (wish, backoff, extension) => {
        const delay = delayAfter(wish, backoff, extension)
        expect(delay).toBeGreaterThanOrEqual(backoff)
        if (wish === undefined) expect(delay).toBeLessThanOrEqual(backoff * 1.1)
        else {
          expect(delay).toBeLessThanOrEqual(Math.max(backoff, RETRY_AFTER_MS_MAX))
          expect(delay).toBeLessThanOrEqual(backoff + extension)
          if (wish >= backoff && wish <= Math.min(RETRY_AFTER_MS_MAX, backoff + extension)) expect(delay).toBe(wish)
        }
      }),
    )
  })
})

describe('stopping', () => {
  it('before the first attempt means that there is none', async () => {
    const { outcome, attempts } = await run([], POLICY, AbortSignal.abort(new Error('stopped')))
    expect(outcome).toEqual({ error: new Error('stopped') })
    expect(attempts).toBe(0)
  })

  it('while waiting ends the wait, with the reason', async () => {
    const abort = new AbortController()
    const reason = new Error('stopped')
    let attempts = 0
    const attempt = async () => {
      attempts++
      throw failure('SERVER_FAILED', 3_600_000)
    }
    await expect(retrying(POLICY, abort.signal, attempt, () => abort.abort(reason))).rejects.toBe(reason)
    expect(attempts).toBe(1)
  })
})

describe('the default retries', () => {
  it('are only for temporary failures', () => {
    for (const code of Object.keys(DEFAULT_RETRIES.retries) as ErrorCode[]) expect(ERROR_CODES[code].retry).toBe(true)
  })
})
