import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import type { WriteMode } from '../../lib/destination/contract.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import type { StoredRow } from '../conformance/harness.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  rejectsOf,
  relationOf,
  thing,
  unaborted,
  values,
} from '../conformance/rows.ts'
import { kill, nextMessage } from './child-process.ts'
import { newEngine } from './engine.ts'
import { startParquetChild } from './parquet-harness.ts'
import { query, readView } from './parquet-reading.ts'

const ROUNDS = Number(process.env.MIXLOAD_TEST_KILLS ?? 10)
const DAY = '2026-08-03'

/** The rows before a load of the child process, and those after it. */
const OLD = ['2026-07-31', '2026-08-01', '2026-08-02', '2026-08-03', '2026-08-04', null].map((day) => thing('old', day))
const NEW = [
  ...OLD.filter(({ _day }) => _day === null || _day === '2026-07-31' || _day === '2026-08-04'),
  ...['2026-08-01', '2026-08-03', null].map((day) => thing('new', day)),
]
/** The same with a second file for a day, and what is left if its first one is removed. */
const MORE = [...OLD, thing('kept', '2026-08-03')]
const LEFT = MORE.filter(({ name, _day }) => name === 'kept' || _day !== '2026-08-03')
const MODE: WriteMode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-03' }

describe('a directory of Parquet files', () => {
  let parent: string
  let engine: Engine
  let children: ChildProcess[]
  beforeEach(async () => {
    parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    engine = await newEngine(parent)
    children = []
  })
  afterEach(async () => {
    for (const child of children) await kill(child)
    await engine[Symbol.asyncDispose]()
    await rm(parent, { recursive: true, force: true })
  })

  const opened = async (directory: string): Promise<Warehouse> => {
    const destination = new Warehouse(new ParquetDriver({ directory, engine, warn: () => {} }), { engine })
    await destination.open(unaborted())
    return destination
  }
  const child = (...args: readonly string[]) => {
    const started = startParquetChild(args)
    children.push(started)
    return started
  }

  /** Makes a directory with these rows in it. */
  async function filled(directory: string, rows = OLD): Promise<void> {
    await using destination = await opened(directory)
    await makeTable(destination)
    if (rows === MORE) await load(destination, 'load-0', relationOf(COLUMNS, MORE.slice(OLD.length)))
    await load(destination, 'load-1', relationOf(COLUMNS, OLD), { rejects: rejectsOf('old') })
  }

  /**
   * Whether a directory has the second load, once it is opened again. It has all of it or nothing,
   * and can be loaded into.
   */
  async function isLoaded(
    directory: string,
    before: readonly StoredRow[],
    after: readonly StoredRow[],
  ): Promise<boolean> {
    await using destination = await opened(directory)
    const ids = (await destination.ledger('things')).map(({ loadId }) => loadId)
    const isThere = ids.includes('load-2')
    expect(ids.filter((id) => id !== 'load-0')).toEqual(isThere ? ['load-1', 'load-2'] : ['load-1'])
    expect(values(await readView(directory, 'things'))).toEqual(values(isThere ? after : before))
    expect(await readView(directory, '_mixload_rejects')).toHaveLength(isThere ? 2 : 1)
    expect(await readView(directory, '_mixload_loads')).toHaveLength(ids.length)
    expect(await readdir(join(directory, '_mixload', 'pending'))).toEqual([])
    if (!isThere) await load(destination, 'load-2', relationOf(COLUMNS, [thing('again')]), { mode: MODE })
    else await load(destination, 'load-3', relationOf(COLUMNS, [thing('again')]), { mode: MODE })
    expect((await readView(directory, 'things')).filter(({ name }) => name === 'again')).toHaveLength(1)
    return isThere
  }

  describe('whose run', () => {
    it.each([
      ['is killed', 'die', 'break', OLD, NEW],
      ['fails once', 'fail', 'break', OLD, NEW],
      ['keeps failing', 'fail-on', 'break', OLD, NEW],
      ['is killed while it removes rows', 'die', 'break-removal', MORE, LEFT],
      ['fails while it removes rows', 'fail', 'break-removal', MORE, LEFT],
      ['keeps failing while it removes rows', 'fail-on', 'break-removal', MORE, LEFT],
    ] as const)('%s at any step of a load has all of that load or nothing', async (_, how, work, before, after) => {
      const original = join(parent, 'original')
      await filled(original, before)
      const outcomes: string[] = []
      let steps = 0
      for (let step = 1; steps < step; step++) {
        const directory = join(parent, `copy-${step}`)
        await cp(original, directory, { recursive: true })
        const breaking = child(work, directory, how, join(parent, 'work'), String(step))
        const exit = once(breaking, 'exit')
        const report = (await nextMessage(breaking).catch(() => undefined)) as
          | { outcome: string; calls: number }
          | undefined
        await exit
        const loaded = await isLoaded(directory, before, after)
        if (report !== undefined) {
          expect(report.outcome).toBe(loaded ? 'committed' : 'DESTINATION_FAILED')
          // A run that was not disturbed says how many steps there are.
          if (report.calls < step) steps = report.calls
        }
        outcomes.push(loaded ? 'committed' : 'not committed')
        if (steps > 0) break
      }
      expect(steps).toBeGreaterThan(10)
      // Once it is committed it stays so, and before that it is not.
      expect(outcomes).toEqual(outcomes.toSorted().toReversed())
      expect(new Set(outcomes)).toEqual(new Set(['not committed', 'committed']))
    })

    it('is killed at random moments has every load once', async () => {
      const directory = join(parent, 'lake')
      for (let round = 0; round < ROUNDS; round++) {
        const loading = child('load-on', directory)
        expect(await nextMessage(loading)).toBe('loading')
        await sleep(Math.random() * 300)
        await kill(loading)
        await using destination = await opened(directory)
        const ledger = await destination.ledger('things')
        const expected = new Map<string, number>()
        for (const { loadId, rowCount, writeMode } of ledger) {
          if (writeMode === 'replace-table') expected.clear()
          expected.set(loadId, rowCount)
        }
        expect(counts(await readView(directory, 'things'))).toEqual(Object.fromEntries(expected))
        expect(await readView(directory, '_mixload_rejects')).toHaveLength(ledger.length)
        expect(ledger.map(({ loadId }) => loadId)).toEqual(ledger.map((_, at) => `load-${at}`))
      }
    })
  })

  describe('whose files somebody reads over and over by their names', () => {
    type Reading = { readonly rows: readonly { id: string; count: number }[] } | { readonly failed: string }

    /** What is read while loads of this kind go on. */
    async function readings(kind: 'append' | 'replace-table'): Promise<readonly Reading[]> {
      const directory = join(parent, 'lake')
      await using destination = await opened(directory)
      await makeTable(destination)
      await load(destination, 'load-0', manyRows(1000, DAY))
      const reader = child('glob', directory)
      const reports: Reading[] = []
      const { promise: isReading, resolve } = Promise.withResolvers<void>()
      reader.on('message', (message) => {
        if (message === 'reading') resolve()
        else reports.push(message as Reading)
      })
      await isReading
      const hasEnough = () => reports.length > 10 && reports.some((reading) => 'rows' in reading)
      for (let at = 1; at <= 40 || !hasEnough(); at++)
        await load(destination, `load-${at}`, manyRows(1000 + at, DAY), { mode: { kind } })
      const ended = once(reader, 'exit')
      reader.send('enough')
      await ended
      for (const reading of reports) {
        if ('failed' in reading) continue
        for (const { id, count } of reading.rows) expect(count).toBe(1000 + Number(id.slice('load-'.length)))
      }
      return reports
    }

    it('can be read at any moment while rows are appended', async () => {
      const reports = await readings('append')
      expect(reports.filter((reading) => 'failed' in reading)).toEqual([])
    })

    it('show old rows or new ones while they are replaced, never both, and never a part', async () => {
      const reports = await readings('replace-table')
      for (const reading of reports) {
        // Between looking for files and opening them, the file may have gone.
        if ('failed' in reading) expect(reading.failed).toMatch(/No files found|No such file/)
        else expect(reading.rows.length).toBeLessThanOrEqual(1)
      }
      expect(reports.some((reading) => 'rows' in reading)).toBe(true)
    })
  })

  it('has nothing left over of a run that was killed before its first load', async () => {
    const directory = join(parent, 'lake')
    const holding = child('hold', directory)
    await nextMessage(holding)
    await kill(holding)
    await filled(directory)
    expect(await query(directory, 'SELECT count(*) AS n FROM things')).toEqual([{ n: BigInt(OLD.length) }])
  })
})

function counts(rows: readonly StoredRow[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { _load_id } of rows) found[String(_load_id)] = (found[String(_load_id)] ?? 0) + 1
  return found
}
