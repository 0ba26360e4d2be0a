import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { KnownColumn, LoadRecord } from '../../lib/destination/contract.ts'
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
  rejectsOf,
  relationOf,
  TABLE,
  unaborted,
} from '../conformance/rows.ts'
import { newEngine } from '../destinations/engine.ts'
import { fails, ScriptedDriver } from './scripted-driver.ts'

const ROWS = manyRows(10, '2026-08-03')
const _REASON = new Error('enough')

describe('loading into a warehouse', () => {
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
  describe('columns', () => {
    it('are created only where they are missing, and each once', async () => {
      await opened()
      const [kept, added] = [property('name'), property('later')]
      await warehouse.addColumns(TABLE, newColumns([kept, added, { ...added, type: 'json' }], 'load-1'))
      const known = await warehouse.columns(TABLE)
      expect(known.at(-1)).toMatchObject({ name: 'later', type: 'text', firstLoadId: 'load-1' })
      expect(known.filter(({ name }) => ['name', 'later'].includes(name))).toHaveLength(2)
      driver.takeCalls()
      await warehouse.addColumns(TABLE, newColumns([kept, added]))
      expect(driver.calls).toEqual(['readColumns'])
    })

    it('are given to a load, in the table’s order, without being read again', async () => {
      await opened()
      await warehouse.addColumns(TABLE, newColumns([property('later')]))
      const columns = await warehouse.columns(TABLE)
      driver.takeCalls()
      await load(warehouse, 'load-1', ROWS)
      expect(driver.calls).toEqual(['readLedger', 'write'])
      expect(driver.written[0]?.columns).toEqual(columns)
    })

    it('are read before a load if they have not been read yet', async () => {
      await warehouse.open(unaborted())
      driver.columns.set(TABLE, known('name'))
      await load(warehouse, 'load-1', relationOf([property('name')], [{ name: 'a' }]))
      expect(driver.calls).toEqual(['connect', 'readLedger', 'readColumns', 'write'])
    })

    it('that a table lacks make a load fail', async () => {
      await opened()
      const relation = relationOf([property('unknown')], [{ unknown: 'x' }])
      const failure = await expectFailure(load(warehouse, 'load-1', relation), 'DESTINATION_FAILED')
      expect(failure.message).toContain('Table things has no column unknown')
      expect(driver.written).toEqual([])
    })
  })

  describe('a load', () => {
    it('reads the ledger before the first one, and is otherwise one call', async () => {
      await opened()
      for (const id of ['load-1', 'load-2', 'load-3']) await load(warehouse, id, ROWS)
      expect(driver.calls).toEqual(['readLedger', 'write', 'write', 'write'])
    })

    it('reads the ledger again after one that failed', async () => {
      await opened()
      driver.script('write', fails(new Error('oops')))
      await expectFailure(load(warehouse, 'load-1', ROWS), 'DESTINATION_FAILED')
      await load(warehouse, 'load-1', ROWS)
      expect(driver.calls).toEqual(['readLedger', 'write', 'readLedger', 'write'])
    })

    it('comes later than every earlier one, whatever the clock says and the order of the ledger', async () => {
      const future = Date.now() + 86_400_000
      driver.loads.push(loaded('load-b', future), loaded('load-a', future - 1000))
      await opened()
      const first = await load(warehouse, 'load-1', ROWS)
      const second = await load(warehouse, 'load-2', ROWS, { record: { stream: 'others' } })
      expect([first, second].map(({ loadedAt }) => loadedAt.getTime())).toEqual([future + 1, future + 2])
      expect((await warehouse.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-a', 'load-b', 'load-1'])
    })

    it('whose id is in the ledger is refused, whatever its stream', async () => {
      driver.loads.push(loaded('load-0', 0))
      await opened()
      await load(warehouse, 'load-1', ROWS)
      for (const id of ['load-0', 'load-1']) {
        const failure = await expectFailure(load(warehouse, id, ROWS, { record: { stream: 'x' } }), 'ALREADY_LOADED')
        expect(failure.message).toContain(id)
      }
      expect(driver.written).toHaveLength(1)
    })

    it('without rows or rejects has none for the driver', async () => {
      await opened()
      await load(warehouse, 'load-1', relationOf([], []), { rejects: rejectsOf() })
      await load(warehouse, 'load-2', ROWS, { rejects: rejectsOf('x') })
      const [empty, filled] = driver.written
      expect([empty?.rows, empty?.rejects]).toEqual([undefined, undefined])
      expect([filled?.rows?.rowCount, filled?.rejects?.rowCount]).toEqual([10, 1])
      expect(filled?.rows?.query).toContain(ROWS.query)
      expect(filled?.rows?.columns.slice(0, 2).map(({ name }) => name)).toEqual(['_loaded_at', '_load_id'])
      expect(filled?.rejects?.columns.map(({ name }) => name)).toEqual(['load_id', 'stream', 'reason', 'line'])
    })

    it.each([
      ['rows', { ...ROWS, rowCount: 0 }, undefined, 'things'],
      ['rejects', ROWS, { ...rejectsOf('x'), rowCount: 0 }, '_mixload_rejects'],
    ])('with %s where none were promised is refused before the driver is called', async (_, rows, rejects, table) => {
      await opened()
      const options = rejects === undefined ? {} : { rejects }
      const failure = await expectFailure(load(warehouse, 'load-1', rows, options), 'COUNT_MISMATCH')
      expect(failure.message).toContain(`0 rows were read for ${table}`)
      expect(driver.written).toEqual([])
    })

    it('with a count other than promised is refused if the driver counts', async () => {
      await opened()
      driver.script('write', () => driver.written[0]?.rows?.verify(9))
      const failure = await expectFailure(load(warehouse, 'load-1', ROWS), 'COUNT_MISMATCH')
      expect(failure.message).toContain('10 rows were read for things but 9 arrived')
      driver.script('write', () => driver.written[1]?.rows?.verify(10))
      await load(warehouse, 'load-1', ROWS)
      expect(driver.loads).toHaveLength(1)
    })

    it('into a table that does not exist replaces nothing', async () => {
      await warehouse.open(unaborted())
      for (const [id, mode] of [
        ['load-1', { kind: 'replace-table' }],
        ['load-2', { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' }],
      ] as const) {
        await load(warehouse, id, relationOf([], []), { mode })
      }
      expect(driver.written.map(({ mode }) => mode.kind)).toEqual(['append', 'append'])
      expect(driver.loads.map(({ writeMode }) => writeMode)).toEqual(['replace-table', 'replace-days'])
    })

    it('replaces as many days as one load may, and not one more', async () => {
      await opened()
      driver.capabilities = { ...driver.capabilities, daysPerLoadMax: 3 }
      const upTo = (lastDay: string) => ({ mode: { kind: 'replace-days', firstDay: '2026-08-01', lastDay } }) as const
      await load(warehouse, 'load-1', ROWS, upTo('2026-08-03'))
      const failure = await expectFailure(load(warehouse, 'load-2', ROWS, upTo('2026-08-04')), 'DESTINATION_FAILED')
      expect(failure.message).toContain('4 days of things cannot be replaced in one load, which may have 3')
      expect(driver.written).toHaveLength(1)
    })
  })
})

function loaded(loadId: string, at: number): LoadRecord {
  return { ...newLoad(loadId), loadedAt: new Date(at) }
}

function known(...names: readonly string[]): KnownColumn[] {
  return newColumns(names.map((name) => property(name))).map((column) => ({ ...column, firstSeenAt: new Date() }))
}
