import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import { DESTINATION_RETRIES } from '../../lib/destination/retries.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure } from '../conformance/failures.ts'
import { load, makeTable, manyRows, newColumns, newLoad, property, TABLE, unaborted } from '../conformance/rows.ts'
import { newEngine } from '../destinations/engine.ts'
import { type Call, fails, losesConnection, ScriptedDriver } from './scripted-driver.ts'

const ROWS = manyRows(10, '2026-08-03')

/** What goes wrong at a call of `write`. */
interface Mishap {
  readonly code: ErrorCode
  readonly isCommitted: boolean
}

const AWAY: Mishap = { code: 'DESTINATION_UNAVAILABLE', isCommitted: false }
const DOUBT_DONE: Mishap = { code: 'COMMIT_IN_DOUBT', isCommitted: true }
const DOUBT_NOT_DONE: Mishap = { code: 'COMMIT_IN_DOUBT', isCommitted: false }
const away = () => new MixloadError('DESTINATION_UNAVAILABLE', 'not yet back')

describe('a warehouse with retries', () => {
  let directory: string
  let engine: Engine
  let driver: ScriptedDriver
  let warehouse: Warehouse
  let reported: { readonly error: MixloadError; readonly delayMs: number }[]
  let run: AbortController
  beforeEach(async () => {
    directory = await mkdtemp(`${tmpdir()}/mixload-test-`)
    engine = await newEngine(directory)
    driver = new ScriptedDriver()
    reported = []
    run = new AbortController()
    warehouse = await opened(5)
  })
  afterEach(async () => {
    await warehouse[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  async function opened(retries: number, firstDelayMs = 1): Promise<Warehouse> {
    const made = new Warehouse(driver, {
      engine,
      retries: {
        policy: {
          retries: { DESTINATION_UNAVAILABLE: retries, COMMIT_IN_DOUBT: retries },
          firstDelayMs,
          delayMaxMs: 60_000,
        },
        onRetry: (error, delayMs) => reported.push({ error, delayMs }),
        signal: run.signal,
      },
    })
    await made.open(unaborted())
    await makeTable(made)
    driver.takeCalls()
    return made
  }

  function failing(...mishaps: readonly Mishap[]): void {
    for (const { code, isCommitted } of mishaps) {
      driver.script('write', ({ commit }) => {
        if (isCommitted) commit()
        throw new MixloadError(code, 'something happened')
      })
    }
  }

  function expectOnce(): void {
    expect(driver.loads.map(({ loadId }) => loadId)).toEqual(['load-1'])
  }

  it('waits for nearly half an hour', () => {
    const { retries, firstDelayMs, delayMaxMs } = DESTINATION_RETRIES
    let total = 0
    for (let at = 0; at < (retries.DESTINATION_UNAVAILABLE ?? 0); at++) {
      total += Math.min(firstDelayMs * 2 ** at, delayMaxMs)
    }
    expect(total / 60_000).toBeGreaterThan(25)
    expect(total / 60_000).toBeLessThan(30)
  })

  it.each<[string, Mishap[]]>([
    ['is away for a while', [AWAY, AWAY]],
    ['leaves a commit in doubt that was done', [DOUBT_DONE]],
    ['leaves a commit in doubt that was not done', [DOUBT_NOT_DONE]],
    ['does all of that', [AWAY, DOUBT_NOT_DONE, AWAY, DOUBT_NOT_DONE, DOUBT_DONE]],
  ])('over a driver that %s has the load once in the end', async (_, mishaps) => {
    failing(...mishaps)
    // The ledger, too, is unavailable at first.
    driver.script('readLedger', fails(away()))
    const record = await load(warehouse, 'load-1', ROWS)
    expect(record).toEqual(driver.loads[0])
    expectOnce()
    expect(reported).toHaveLength(mishaps.length + 1)
  })

  it.each<[string, Mishap[]]>([
    ['is away for a while', [AWAY, AWAY]],
    ['leaves a commit in doubt that was done', [DOUBT_DONE]],
    ['leaves a commit in doubt that was not done', [DOUBT_NOT_DONE, AWAY]],
  ])('over a driver that %s has several loads once in the end', async (_, mishaps) => {
    failing(...mishaps)
    const requests = ['load-1', 'load-2', 'load-3'].map((id) => ({
      relation: ROWS,
      target: { table: TABLE, mode: { kind: 'append' }, rejects: undefined } as const,
      record: newLoad(id, { rowCount: ROWS.rowCount }),
    }))
    const records = await warehouse.loadAll(requests, unaborted())
    expect(records).toEqual(driver.loads)
    expect(driver.loads.map(({ loadId }) => loadId)).toEqual(['load-1', 'load-2', 'load-3'])
    expect(reported).toHaveLength(mishaps.length)
  })

  it('settles a commit in doubt over a new connection, by the ledger as it is then', async () => {
    driver.script('write', ({ commit, lose }) => {
      commit()
      lose()
      throw new MixloadError('COMMIT_IN_DOUBT', 'the connection was lost while committing')
    })
    driver.script('connect', fails(away()))
    const record = await load(warehouse, 'load-1', ROWS)
    expect(record).toEqual(driver.loads[0])
    expectOnce()
    expect(driver.calls).toEqual(['readLedger', 'write', 'close', 'connect', 'connect', 'readLedger'])
  })

  it('returns a load that was in doubt when it is repeated, and refuses it once the ledger was read', async () => {
    await warehouse[Symbol.asyncDispose]()
    warehouse = await opened(0)
    failing(DOUBT_DONE)
    await expectFailure(load(warehouse, 'load-1', ROWS), 'COMMIT_IN_DOUBT')
    expect(await load(warehouse, 'load-1', ROWS)).toEqual(driver.loads[0])
    await expectFailure(load(warehouse, 'load-1', ROWS), 'ALREADY_LOADED')
    failing(DOUBT_DONE)
    await expectFailure(load(warehouse, 'load-2', ROWS), 'COMMIT_IN_DOUBT')
    expect(await warehouse.ledger(TABLE)).toHaveLength(2)
    await expectFailure(load(warehouse, 'load-2', ROWS), 'ALREADY_LOADED')
  })

  it('gives up after a while, with the last failure', async () => {
    await warehouse[Symbol.asyncDispose]()
    warehouse = await opened(2)
    failing(AWAY, AWAY, AWAY)
    await expectFailure(load(warehouse, 'load-1', ROWS), 'DESTINATION_UNAVAILABLE')
    expect(driver.loads).toEqual([])
    expect(reported).toHaveLength(2)
  })

  it.each<ErrorCode>(['DESTINATION_FAILED', 'COUNT_MISMATCH', 'DESTINATION_BUSY'])(
    'does not retry %s',
    async (code) => {
      failing({ code, isCommitted: false })
      await expectFailure(load(warehouse, 'load-1', ROWS), code)
      expect(reported).toEqual([])
    },
  )

  it('refuses a load that the ledger had before', async () => {
    await load(warehouse, 'load-1', ROWS)
    await expectFailure(load(warehouse, 'load-1', ROWS), 'ALREADY_LOADED')
    expectOnce()
  })

  it('does not wait once the signal of the call is aborted', async () => {
    await warehouse[Symbol.asyncDispose]()
    warehouse = await opened(5, 60_000)
    failing(AWAY)
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const loading = load(warehouse, 'load-1', ROWS, { signal: controller.signal })
    await expect.poll(() => reported.length).toBe(1)
    controller.abort(reason)
    await expect(loading).rejects.toBe(reason)
    expect(driver.loads).toEqual([])
  })

  it('does not wait in calls without a signal once that of the run is aborted', async () => {
    await warehouse[Symbol.asyncDispose]()
    warehouse = await opened(5, 60_000)
    driver.script('readColumns', fails(away()))
    const reason = new Error('enough')
    const reading = warehouse.columns(TABLE)
    await expect.poll(() => reported.length).toBe(1)
    run.abort(reason)
    await expect(reading).rejects.toBe(reason)
    await expect(warehouse.ledger(TABLE)).rejects.toBe(reason)
  })

  const calls: Readonly<Record<string, readonly [Call, () => Promise<unknown>]>> = {
    open: ['connect', () => new Warehouse(driver, { engine, retries: retriesOf() }).open(unaborted())],
    openToRead: ['connectToRead', () => warehouse.openToRead(unaborted())],
    columns: ['readColumns', () => warehouse.columns(TABLE)],
    addColumns: ['createColumns', () => warehouse.addColumns(TABLE, newColumns([property('later')]))],
    ledger: ['readLedger', () => warehouse.ledger(TABLE)],
    load: ['write', () => load(warehouse, 'load-1', ROWS)],
    putViews: ['replaceViews', () => warehouse.putViews([])],
    query: ['query', () => warehouse.query('1', () => {}, unaborted())],
  }
  const retriesOf = () => ({
    policy: { retries: { DESTINATION_UNAVAILABLE: 5 }, firstDelayMs: 1, delayMaxMs: 1 },
    onRetry: (error: MixloadError, delayMs: number) => void reported.push({ error, delayMs }),
    signal: unaborted(),
  })

  it.each(Object.entries(calls))('retries %s', async (_, [called, call]) => {
    driver.script(called, fails(away()), losesConnection(away()))
    await call()
    expect(reported).toHaveLength(2)
  })

  it('retries an error that the driver explains as temporary, after the time that it names', async () => {
    const native = new Error('quota')
    driver.explanations.set(native, {
      code: 'DESTINATION_UNAVAILABLE',
      reason: 'a quota is used up.',
      advice: 'Wait.',
      retryAfterMs: 7,
    })
    driver.script('readColumns', fails(native))
    await warehouse.columns(TABLE)
    expect(reported).toMatchObject([{ delayMs: 7, error: { retryAfterMs: 7, cause: native } }])
    expect(reported[0]?.error.message).toBe(
      'scripted:place: cannot read the columns of things: a quota is used up. Wait.',
    )
  })

  it('does not repeat a query after rows were handed over', async () => {
    driver.queryFailure = away()
    const rows: string[] = []
    const querying = warehouse.query('2', (batch) => void rows.push(...batch), unaborted())
    await expectFailure(querying, 'DESTINATION_UNAVAILABLE')
    expect(rows).toHaveLength(2)
    expect(reported).toEqual([])
  })

  it('runs other calls while one waits', async () => {
    await warehouse[Symbol.asyncDispose]()
    warehouse = await opened(5, 200)
    failing(AWAY)
    const loading = load(warehouse, 'load-1', ROWS)
    await expect.poll(() => reported.length).toBe(1)
    expect(await warehouse.ledger(TABLE)).toEqual([])
    await loading
    expectOnce()
  })
})
