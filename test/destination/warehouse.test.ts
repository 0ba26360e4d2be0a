import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MixloadError } from '../../lib/core/errors.ts'
import type { LoadRecord } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { expectFailure } from '../conformance/failures.ts'
import {
  load,
  makeTable,
  manyRows,
  newColumns,
  newLoad,
  property,
  TABLE,
  unaborted,
  whenAsked,
} from '../conformance/rows.ts'
import { newEngine } from '../destinations/engine.ts'
import { type Call, fails, losesConnection, ScriptedDriver } from './scripted-driver.ts'

const ROWS = manyRows(10, '2026-08-03')
const REASON = new Error('enough')

describe('a warehouse', () => {
  let directory: string
  let engine: Engine
  let driver: ScriptedDriver
  let warehouse: Warehouse
  beforeEach(async () => {
    directory = await mkdtemp(`${tmpdir()}/mixload-test-`)
    engine = await newEngine(directory)
    driver = new ScriptedDriver()
    warehouse = new Warehouse(driver, { engine })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await warehouse[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  /** A warehouse that is open to load, with a table, and no calls noted yet. */
  async function opened(): Promise<void> {
    await warehouse.open(unaborted())
    await makeTable(warehouse)
    driver.takeCalls()
  }
  const query = (rows: number, take: (rows: readonly string[]) => void = () => {}, signal = unaborted()) =>
    warehouse.query(String(rows), take, signal)

  /** Every call, with the driver's call that it leads to. */
  const calls: Readonly<Record<string, readonly [Call, () => Promise<unknown>]>> = {
    columns: ['readColumns', () => warehouse.columns(TABLE)],
    addColumns: ['createColumns', () => warehouse.addColumns(TABLE, newColumns([property('later')]))],
    ledger: ['readLedger', () => warehouse.ledger(TABLE)],
    load: ['write', () => load(warehouse, 'load-1', ROWS)],
    putViews: ['replaceViews', () => warehouse.putViews([])],
    query: ['query', () => query(1)],
  }
  const WRITES = ['addColumns', 'load', 'putViews']

  describe('before it is open', () => {
    it.each(Object.entries(calls))('refuses %s', async (_, [, call]) => {
      const failure = await expectFailure(call(), 'DESTINATION_FAILED')
      expect(failure.message).toBe('scripted:place is not open yet.')
      expect(driver.calls).toEqual([])
    })

    it('says what the driver says of itself', () => {
      expect(warehouse.description).toBe('scripted:place')
      expect(warehouse.capabilities).toBe(driver.capabilities)
      expect(warehouse.pathInViews('t')).toBe('<t>')
    })
  })

  describe('open to read', () => {
    it.each(Object.entries(calls))('takes or refuses %s', async (name, [called, call]) => {
      await warehouse.openToRead(unaborted())
      driver.takeCalls()
      if (!WRITES.includes(name)) {
        await call()
        expect(driver.calls).toEqual([called])
        return
      }
      const failure = await expectFailure(call(), 'DESTINATION_FAILED')
      expect(failure.message).toBe('scripted:place is open to read only.')
      expect(driver.calls).toEqual([])
    })

    it('reads as empty if nothing exists, and looks again when it is opened again', async () => {
      driver.isThere = false
      await warehouse.openToRead(unaborted())
      expect([await warehouse.columns(TABLE), await warehouse.ledger(TABLE), await query(5)]).toEqual([[], [], 0])
      driver.isThere = true
      expect(await query(5)).toBe(0)
      await warehouse.openToRead(unaborted())
      expect(await query(5)).toBe(5)
    })

    it('reads the loads of a stream each time, since others may write', async () => {
      await warehouse.openToRead(unaborted())
      expect(await warehouse.ledger(TABLE)).toEqual([])
      driver.loads.push({ ...newLoad('elsewhere'), loadedAt: new Date() })
      expect(await warehouse.ledger(TABLE)).toHaveLength(1)
    })

    it('is closed before it is opened to load, and the other way round', async () => {
      await warehouse.openToRead(unaborted())
      await warehouse.open(unaborted())
      await warehouse.openToRead(unaborted())
      expect(driver.calls).toEqual(['connectToRead', 'close', 'connect', 'close', 'connectToRead'])
    })
  })

  describe('opened twice', () => {
    it('connects once', async () => {
      await warehouse.open(unaborted())
      await warehouse.open(unaborted())
      expect(driver.calls).toEqual(['connect'])
    })

    it('connects again if another run has taken the run lock', async () => {
      await opened()
      driver.script('write', fails(new MixloadError('DESTINATION_BUSY', 'taken over')))
      await expectFailure(load(warehouse, 'load-1', ROWS), 'DESTINATION_BUSY')
      driver.script('write', fails(new MixloadError('DESTINATION_BUSY', 'taken over')))
      await expectFailure(load(warehouse, 'load-1', ROWS), 'DESTINATION_BUSY')
      driver.takeCalls()
      await warehouse.open(unaborted())
      expect(driver.calls).toEqual(['close', 'connect'])
    })

    it('is not open if the second opening fails', async () => {
      await warehouse.openToRead(unaborted())
      driver.script('connect', fails(new Error('no')))
      const failure = await expectFailure(warehouse.open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toBe('Cannot open scripted:place: no')
      await expectFailure(warehouse.columns(TABLE), 'DESTINATION_FAILED')
      await warehouse.open(unaborted())
      expect(await warehouse.columns(TABLE)).toEqual([])
    })
  })

  describe('once closed', () => {
    it.each(Object.entries({ ...calls, open: ['connect', () => warehouse.open(unaborted())] as const }))(
      'refuses %s',
      async (_, [, call]) => {
        await warehouse.open(unaborted())
        await warehouse[Symbol.asyncDispose]()
        driver.takeCalls()
        const failure = await expectFailure(call(), 'CLOSED')
        expect(failure.message).toBe('scripted:place has been closed.')
        expect(driver.calls).toEqual([])
      },
    )

    it('has closed its connection and its driver, once', async () => {
      await warehouse.open(unaborted())
      await warehouse[Symbol.asyncDispose]()
      await warehouse[Symbol.asyncDispose]()
      expect(driver.calls).toEqual(['connect', 'close', 'close driver'])
    })

    it('has closed its driver even if it was never opened', async () => {
      await warehouse[Symbol.asyncDispose]()
      expect(driver.calls).toEqual(['close driver'])
    })

    it('reports why closing failed, and has closed the driver anyway', async () => {
      await warehouse.open(unaborted())
      driver.script('close', fails(new Error('disk full')))
      const failure = await expectFailure(warehouse[Symbol.asyncDispose](), 'DESTINATION_FAILED')
      expect(failure.message).toBe('scripted:place: cannot be closed: disk full')
      expect(driver.calls).toEqual(['connect', 'close', 'close driver'])
    })

    it('waits for the calls before it', async () => {
      await opened()
      const loading = load(warehouse, 'load-1', ROWS)
      await warehouse[Symbol.asyncDispose]()
      expect(driver.loads).toHaveLength(1)
      expect(await loading).toMatchObject({ loadId: 'load-1' })
    })
  })

  describe('calls', () => {
    it('that are made at once are done one after the other, in their order', async () => {
      await opened()
      driver.atOnce = 0
      await Promise.all([
        load(warehouse, 'load-1', ROWS),
        warehouse.columns(TABLE),
        warehouse.putViews([]),
        warehouse.ledger(TABLE),
        query(1),
      ])
      expect(driver.atOnce).toBe(1)
      expect(driver.calls).toEqual(['readLedger', 'write', 'readColumns', 'replaceViews', 'readLedger', 'query'])
    })

    it('go on after one that failed', async () => {
      await opened()
      driver.script('readColumns', fails(new Error('oops')))
      const failing = expectFailure(warehouse.columns(TABLE), 'DESTINATION_FAILED')
      const loading = load(warehouse, 'load-1', ROWS)
      await failing
      expect(await loading).toMatchObject({ loadId: 'load-1' })
    })

    it.each(Object.entries(calls))('of %s wrap what the driver throws', async (name, [called, call]) => {
      await opened()
      const cause = new Error('ECHO')
      driver.script(called, fails(cause))
      const failure = await expectFailure(call(), 'DESTINATION_FAILED')
      expect(failure.message).toMatch(/^scripted:place: .*: ECHO$/)
      expect(failure.message).toContain(
        {
          columns: 'cannot read the columns of things',
          addColumns: 'cannot add columns to things',
          ledger: 'cannot read the ledger',
          load: 'load load-1 was not committed',
          putViews: 'cannot make the views',
          query: 'cannot run the query',
        }[name],
      )
      expect(failure.cause).toBe(cause)
    })
  })

  describe('an aborted signal', () => {
    const withSignal: Readonly<Record<string, readonly [Call, (signal: AbortSignal) => Promise<unknown>]>> = {
      open: ['connect', (signal) => warehouse.open(signal)],
      openToRead: ['connectToRead', (signal) => warehouse.openToRead(signal)],
      load: ['write', (signal) => load(warehouse, 'load-1', ROWS, { signal })],
      query: ['query', (signal) => query(1, () => {}, signal)],
    }

    it.each(Object.entries(withSignal))('before %s rejects with its reason and calls nothing', async (name, entry) => {
      if (name === 'load' || name === 'query') await opened()
      await expect(entry[1](AbortSignal.abort(REASON))).rejects.toBe(REASON)
      expect(driver.calls).toEqual([])
    })

    it.each(Object.entries(withSignal))(
      'during %s rejects with its reason, whatever is thrown',
      async (name, entry) => {
        if (name === 'load' || name === 'query') await opened()
        const controller = new AbortController()
        driver.script(entry[0], ({ signal }) => {
          controller.abort(REASON)
          expect(signal?.aborted).toBe(true)
          throw new Error('interrupted')
        })
        await expect(entry[1](controller.signal)).rejects.toBe(REASON)
      },
    )

    it.each(Object.entries(withSignal))('after %s does nothing', async (name, entry) => {
      if (name === 'load' || name === 'query') await opened()
      const controller = new AbortController()
      driver.script(entry[0], () => controller.abort(REASON))
      await entry[1](controller.signal)
    })

    it.each(['rows', 'rejects'])('while %s are counted stops the count', async (what) => {
      await opened()
      const controller = new AbortController()
      const none = whenAsked({ ...manyRows(0, '2026-08-03') }, () => controller.abort(REASON))
      const loading =
        what === 'rows'
          ? load(warehouse, 'load-1', none, { signal: controller.signal })
          : load(warehouse, 'load-1', ROWS, { rejects: none, signal: controller.signal })
      await expect(loading).rejects.toBe(REASON)
      expect(driver.written).toEqual([])
    })
  })

  describe('a lost connection', () => {
    it.each(Object.entries(calls))('is replaced at the next call (%s)', async (_, [, call]) => {
      await opened()
      driver.script('readColumns', losesConnection(new Error('reset')))
      const failure = await expectFailure(warehouse.columns(TABLE), 'DESTINATION_UNAVAILABLE')
      expect(failure.message).toBe('scripted:place: cannot read the columns of things: reset')
      driver.takeCalls()
      await call()
      expect(driver.takeCalls().slice(0, 2)).toEqual(['close', 'connect'])
    })

    it('discards what was known of the ledger', async () => {
      await opened()
      await load(warehouse, 'load-1', ROWS)
      driver.script('readColumns', losesConnection(new Error('reset')))
      await expectFailure(warehouse.columns(TABLE), 'DESTINATION_UNAVAILABLE')
      driver.loads.push(loaded('load-2', Date.now() + 5000))
      await expectFailure(load(warehouse, 'load-2', ROWS), 'ALREADY_LOADED')
    })

    it('that cannot be replaced fails each call until it can', async () => {
      await opened()
      driver.script('readColumns', losesConnection(new Error('reset')))
      await expectFailure(warehouse.columns(TABLE), 'DESTINATION_UNAVAILABLE')
      const busy = new MixloadError('DESTINATION_BUSY', 'held by another run')
      driver.script('connect', fails(busy), fails(busy))
      await expect(warehouse.columns(TABLE)).rejects.toBe(busy)
      await expect(load(warehouse, 'load-1', ROWS)).rejects.toBe(busy)
      await load(warehouse, 'load-1', ROWS)
      expect(driver.loads).toHaveLength(1)
    })

    it('may fail to be closed', async () => {
      await opened()
      driver.script('readColumns', losesConnection(new Error('reset')))
      driver.script('close', fails(new Error('not connected')))
      await expectFailure(warehouse.columns(TABLE), 'DESTINATION_UNAVAILABLE')
      expect(await warehouse.ledger(TABLE)).toEqual([])
    })

    it('is replaced for reading', async () => {
      await warehouse.openToRead(unaborted())
      driver.script('readLedger', losesConnection(new Error('reset')))
      await expectFailure(warehouse.ledger(TABLE), 'DESTINATION_UNAVAILABLE')
      driver.takeCalls()
      expect(await warehouse.ledger(TABLE)).toEqual([])
      expect(driver.calls).toEqual(['close', 'connectToRead', 'readLedger'])
    })
  })

  describe('a query', () => {
    it('is refused if the driver runs none', async () => {
      driver.capabilities = { ...driver.capabilities, queries: false }
      await opened()
      const failure = await expectFailure(query(1), 'CONFIG_INVALID')
      expect(failure.message).toMatch(/^scripted:place cannot be queried with SQL\./)
      expect(driver.calls).toEqual([])
    })

    it('rejects with what its caller throws', async () => {
      await opened()
      const own = new Error('mine')
      await expect(
        query(3, () => {
          throw own
        }),
      ).rejects.toBe(own)
      expect(await query(3)).toBe(3)
    })
  })
})

function loaded(loadId: string, at: number): LoadRecord {
  return { ...newLoad(loadId), loadedAt: new Date(at) }
}
