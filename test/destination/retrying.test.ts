import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMemoryDestination, type MemoryDestination } from '../../destinations/memory/index.ts'
import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import type { Destination } from '../../lib/destination/contract.ts'
import { patientDestination } from '../../lib/destination/retrying.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure } from '../conformance/failures.ts'
import { load, makeTable, manyRows, TABLE, unaborted } from '../conformance/rows.ts'
import { transparent } from '../conformance/transparent.ts'
import { newEngine } from '../destinations/engine.ts'

const ROWS = manyRows(10, '2026-08-03')

/** What goes wrong at a call of `load`, in the order of the calls; `undefined`: nothing. */
type Mishap = { readonly code: ErrorCode; readonly isCommitted: boolean } | undefined

describe('a destination that is waited for', () => {
  let directory: string
  let engine: Engine
  let memory: MemoryDestination
  let reported: { readonly error: MixloadError; readonly delayMs: number }[]
  beforeEach(async () => {
    directory = await mkdtemp(`${tmpdir()}/mixload-test-`)
    engine = await newEngine(directory)
    memory = createMemoryDestination({ engine })
    reported = []
    await memory.open(unaborted())
    await makeTable(memory)
  })
  afterEach(async () => {
    await memory[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  /** The memory destination with mishaps to its loads, and one to each first look at the ledger. */
  function failing(...mishaps: readonly Mishap[]): Destination {
    const waiting = [...mishaps]
    let isLedgerAway = mishaps.length > 0
    return {
      ...transparent(memory),
      async load(...given) {
        const mishap = waiting.shift()
        if (mishap === undefined) return memory.load(...given)
        if (mishap.isCommitted) await memory.load(...given)
        throw new MixloadError(mishap.code, 'something happened')
      },
      async ledger(stream) {
        if (isLedgerAway) {
          isLedgerAway = false
          throw new MixloadError('DESTINATION_UNAVAILABLE', 'not yet back')
        }
        return memory.ledger(stream)
      },
    }
  }

  function patient(inner: Destination, retries = 5): Destination {
    return patientDestination(inner, {
      policy: {
        retries: { DESTINATION_UNAVAILABLE: retries, COMMIT_IN_DOUBT: retries },
        firstDelayMs: 1,
        delayMaxMs: 2,
      },
      onRetry: (error, delayMs) => reported.push({ error, delayMs }),
      signal: unaborted(),
    })
  }

  async function expectOnce(): Promise<void> {
    expect(memory.peek(TABLE)?.rows).toHaveLength(10)
    expect(await memory.ledger(TABLE)).toHaveLength(1)
  }

  const AWAY: Mishap = { code: 'DESTINATION_UNAVAILABLE', isCommitted: false }
  const DOUBT_DONE: Mishap = { code: 'COMMIT_IN_DOUBT', isCommitted: true }
  const DOUBT_NOT_DONE: Mishap = { code: 'COMMIT_IN_DOUBT', isCommitted: false }

  it.each<[string, Mishap[]]>([
    ['is away for a while', [AWAY, AWAY]],
    ['leaves a commit in doubt that was done', [DOUBT_DONE]],
    ['leaves a commit in doubt that was not done', [DOUBT_NOT_DONE]],
    ['does all of that', [AWAY, DOUBT_NOT_DONE, AWAY, DOUBT_NOT_DONE, DOUBT_DONE]],
  ])('that %s has the load once in the end', async (_, mishaps) => {
    const record = await load(patient(failing(...mishaps)), 'load-1', ROWS)
    expect(record).toEqual((await memory.ledger(TABLE))[0])
    await expectOnce()
    expect(reported.length).toBeGreaterThanOrEqual(mishaps.length)
  })

  it('is given up after a while, with the last failure', async () => {
    await expectFailure(load(patient(failing(AWAY, AWAY, AWAY), 2), 'load-1', ROWS), 'DESTINATION_UNAVAILABLE')
    expect(memory.peek(TABLE)?.rows).toEqual([])
  })

  it.each<ErrorCode>(['DESTINATION_FAILED', 'COUNT_MISMATCH', 'DESTINATION_BUSY'])(
    'is not waited for after %s',
    async (code) => {
      await expectFailure(load(patient(failing({ code, isCommitted: false })), 'load-1', ROWS), code)
      expect(reported).toEqual([])
    },
  )

  it('refuses a load that the ledger had before', async () => {
    const destination = patient(failing())
    await load(destination, 'load-1', ROWS)
    await expectFailure(load(destination, 'load-1', ROWS), 'ALREADY_LOADED')
    await expectOnce()
  })

  it('is not waited for once the signal is aborted', async () => {
    const controller = new AbortController()
    const destination = patientDestination(failing(AWAY), {
      policy: { retries: { DESTINATION_UNAVAILABLE: 5 }, firstDelayMs: 60_000, delayMaxMs: 60_000 },
      onRetry: () => controller.abort(new Error('enough')),
      signal: controller.signal,
    })
    await expect(load(destination, 'load-1', ROWS, { signal: controller.signal })).rejects.toThrow()
    expect(memory.peek(TABLE)?.rows).toEqual([])
  })
})
