import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, watch, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DuckDbDriver } from '../../destinations/duckdb/driver.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { quoteText } from '../../lib/core/sql.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { expectFailure } from '../conformance/failures.ts'
import {
  COLUMNS,
  EVENT_COLUMNS,
  load,
  makeTable,
  manyRows,
  newColumns,
  property,
  relationOf,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { kill, nextMessage } from './child-process.ts'
import { query, startChild } from './duckdb-harness.ts'
import { newEngine } from './engine.ts'
import { scansOf } from './query-plan.ts'

const DAY = '2026-08-03'
/** A user who owns nothing here, for tests that run as root, whom no permission stops. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

describe('a DuckDB file', () => {
  let directory: string
  let path: string
  let engine: Engine
  let destination: Warehouse
  let children: ChildProcess[]
  beforeEach(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    path = join(directory, 'warehouse.duckdb')
    engine = await newEngine(directory)
    destination = destinationOn(path)
    children = []
  })
  afterEach(async () => {
    for (const child of children) await kill(child)
    await destination[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const destinationOn = (file: string, schema = 'mixpanel') =>
    new Warehouse(new DuckDbDriver({ path: file, schema, engine }), { engine })
  const child = (...args: Parameters<typeof startChild>) => {
    const started = startChild(...args)
    children.push(started)
    return started
  }

  it('is new in a storage format that saves space, and keeps its format if it exists', async () => {
    const old = join(directory, 'old.duckdb')
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    const versionOf = async (file: string) => {
      await connection.run(`ATTACH ${quoteText(file)} AS other (TYPE duckdb)`)
      const found = await connection.runAndReadAll(
        "SELECT tags['storage_version'] AS version FROM duckdb_databases() WHERE database_name = 'other'",
      )
      await connection.run('DETACH other')
      return found.getRows().flat()[0]
    }
    await connection.run(
      `ATTACH ${quoteText(old)} AS other (TYPE duckdb); CREATE TABLE other.t (i INTEGER); DETACH other`,
    )
    const before = await versionOf(old)
    for (const file of [path, old]) {
      await using written = destinationOn(file)
      await written.open(unaborted())
      await makeTable(written)
      await load(written, 'load-1', manyRows(10, DAY))
    }
    expect(await versionOf(path)).toMatch(/v1\.2\.0/)
    expect(await versionOf(old)).toBe(before)
    expect(before).not.toMatch(/v1\.2\.0/)
    connection.closeSync()
    instance.closeSync()
  })

  it('is opened by an engine that fetches and loads no extension by itself', async () => {
    const connection = await engine.connect()
    const names = ['autoinstall_known_extensions', 'autoload_known_extensions']
    for (const name of names) {
      expect(await connection.all(`SELECT current_setting('${name}') AS value`)).toEqual([{ value: false }])
    }
    await expectFailure(connection.all("FROM 'https://127.0.0.1:1/x.parquet'"), 'ENGINE_FAILED')
    await expect(connection.all("FROM sqlite_scan('x', 'y')")).rejects.toThrow('not in the catalog')
  })

  describe('that another process holds', () => {
    it('is busy for writing and for reading, and the message names the process and the file', async () => {
      const owner = child(['hold', path])
      expect(await nextMessage(owner)).toBe('open')
      for (const opening of [() => destination.open(unaborted()), () => destination.openToRead(unaborted())]) {
        const failure = await expectFailure(opening(), 'DESTINATION_BUSY')
        expect(failure.message).toContain(`process ${owner.pid}`)
        expect(failure.message).toContain(path)
        expect(failure.cause).toBeInstanceOf(Error)
      }
      await kill(owner)
      await destination.open(unaborted())
    })

    it('is free again once the destination is closed', async () => {
      await destination.open(unaborted())
      expect(await nextMessage(child(['open', path]))).toEqual({
        failed: expect.stringContaining(`process ${process.pid}`),
        code: 'DESTINATION_BUSY',
      })
      await destination[Symbol.asyncDispose]()
      expect(await nextMessage(child(['open', path]))).toBe('open')
    })
  })

  describe('that cannot be opened', () => {
    it('because it is not a database is named in the failure, and stays as it is', async () => {
      await writeFile(path, 'no database at all\n'.repeat(1000))
      for (const opening of [() => destination.open(unaborted()), () => destination.openToRead(unaborted())]) {
        const failure = await expectFailure(opening(), 'DESTINATION_FAILED')
        expect(failure.message).toContain(path)
        expect(failure.cause).toBeInstanceOf(Error)
      }
      expect(await readdir(directory)).toEqual(expect.arrayContaining(['warehouse.duckdb']))
    })

    it('because it is a database of another kind needs no extension to say so', async () => {
      const beginnings = ['SQLite format 3\0', 'PAR1', '\x89HDF\r\n\x1a\n', 'PK\x03\x04', '']
      for (const beginning of beginnings) {
        await writeFile(path, Buffer.concat([Buffer.from(beginning, 'latin1'), Buffer.alloc(8192)]))
        for (const opening of [() => destination.open(unaborted()), () => destination.openToRead(unaborted())]) {
          const failure = await expectFailure(opening(), 'DESTINATION_FAILED')
          expect(failure.message).toBe(
            `Cannot open duckdb:${path}: the file exists, but it is not a DuckDB database. Name another file, or move this one away.`,
          )
        }
      }
    })

    it('because a file is where its directory should be is named in the failure', async () => {
      await writeFile(path, '')
      await using below = destinationOn(join(path, 'below.duckdb'))
      const failure = await expectFailure(below.open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain('below.duckdb')
    })

    it('because it is a directory is named in the failure', async () => {
      await using itself = destinationOn(directory)
      const failure = await expectFailure(itself.open(unaborted()), 'DESTINATION_FAILED')
      expect(failure.message).toContain(directory)
    })

    it('because its directory is read-only is named in the failure', async () => {
      const closed = join(directory, 'closed')
      const work = join(directory, 'work')
      await mkdir(closed, { mode: 0o555 })
      await mkdir(work)
      await chmod(directory, 0o777)
      const file = join(closed, 'warehouse.duckdb')
      const report = await nextMessage(child(['open', file, '', join(work, 'engine')], NOBODY))
      expect(report).toEqual({ failed: expect.stringContaining(file), code: 'DESTINATION_FAILED' })
      expect(await readdir(closed)).toEqual([])
    })

    it('can be opened by the same destination once that is fixed', async () => {
      await writeFile(path, 'no database at all\n'.repeat(1000))
      await expectFailure(destination.open(unaborted()), 'DESTINATION_FAILED')
      await rm(path)
      await destination.open(unaborted())
      expect(await destination.ledger('export')).toEqual([])
    })
  })

  it('is made together with the directories above it', async () => {
    const deep = join(directory, 'not', 'there', 'it\'s; "é".duckdb')
    await using destinationThere = destinationOn(deep)
    await destinationThere.open(unaborted())
    await makeTable(destinationThere)
    await load(destinationThere, 'load-1', relationOf(COLUMNS, [thing('a')]))
    await destinationThere[Symbol.asyncDispose]()
    expect(await query(deep, 'SELECT name FROM mixpanel.things')).toEqual([{ name: 'a' }])
  })

  it('takes any schema’s name', async () => {
    const schema = 'my "schema"; x'
    await using destination = destinationOn(path, schema)
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    await destination.putViews([{ name: 'v', query: `SELECT name FROM ${destination.pathInViews('things')}` }])
    await destination[Symbol.asyncDispose]()
    expect(await query(path, 'SELECT name FROM "my ""schema""; x".v')).toEqual([{ name: 'a' }])
  })

  it('keeps names and texts that other warehouses would refuse', async () => {
    const columns = ['a"b', '"; DROP TABLE things; --', ' ', '😀', '`', 'a\nb'].map((name) => property(name))
    const row = Object.fromEntries(columns.map(({ name }) => [name, 'with \0 in it']))
    await destination.open(unaborted())
    await makeTable(destination, columns)
    await load(destination, 'load-1', relationOf(columns, [row]))
    await destination[Symbol.asyncDispose]()
    expect(await query(path, 'SELECT * EXCLUDE (_loaded_at, _load_id) FROM mixpanel.things')).toEqual([row])
  })

  it('takes 300,000 rows in one load', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    const loaded = await load(destination, 'load-1', manyRows(300_000, DAY))
    expect(loaded.rowCount).toBe(300_000)
    await destination[Symbol.asyncDispose]()
    expect(
      await query(
        path,
        `SELECT count(*) AS count, count(DISTINCT name) AS names, sum(amount) AS sum, min(_loaded_at) AS least,
           max(_loaded_at) AS most FROM mixpanel.things`,
      ),
    ).toEqual([
      {
        count: 300_000n,
        names: 300_000n,
        sum: (300_000 * 299_999) / 8,
        least: loaded.loadedAt.toISOString(),
        most: loaded.loadedAt.toISOString(),
      },
    ])
  })

  describe('whose process is killed', () => {
    /** Checks what a new run finds, and that the same load can then be done. */
    async function expectOnlyFirstLoad() {
      await destination.openToRead(unaborted())
      expect((await destination.ledger('things')).map(({ loadId }) => loadId)).toEqual(['load-1'])
      await destination[Symbol.asyncDispose]()
      expect(await query(path, 'SELECT name, _load_id FROM mixpanel.things')).toEqual([
        { name: 'before', _load_id: 'load-1' },
      ])
      await using next = destinationOn(path)
      await next.open(unaborted())
      await load(next, 'load-2', manyRows(1000, DAY))
      expect(await next.ledger('things')).toHaveLength(2)
    }

    it('as a load begins has nothing of that load', async () => {
      const loading = child(['load', path])
      expect(await nextMessage(loading)).toBe('loading')
      await kill(loading)
      await expectOnlyFirstLoad()
    })

    it('during the last of several loads at once has none of them', async () => {
      const loading = child(['load-group', path])
      expect(await nextMessage(loading)).toBe('loading')
      await kill(loading)
      await expectOnlyFirstLoad()
    })

    it('when some of a load’s rows are in the file already has nothing of that load', async () => {
      const loading = child(['load', path])
      expect(await nextMessage(loading)).toBe('loading')
      const written = new AbortController()
      const exit = once(loading, 'exit').then(() => written.abort(new Error('ended before it wrote')))
      for await (const { filename } of watch(directory, { signal: written.signal })) {
        if (filename === 'warehouse.duckdb') break
      }
      await kill(loading)
      await exit
      await expectOnlyFirstLoad()
    })

    it('right after a load has all of that load', async () => {
      const dying = child(['load-and-die', path])
      await once(dying, 'exit')
      await destination.openToRead(unaborted())
      expect(await destination.ledger('things')).toHaveLength(1)
      await destination[Symbol.asyncDispose]()
      expect(await query(path, 'SELECT count(*) AS count FROM mixpanel.things')).toEqual([{ count: 1000n }])
    })
  })

  describe('with events in it', () => {
    beforeEach(async () => {
      await destination.open(unaborted())
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await destination.putViews(await viewsOver(destination, 'export'))
      const events = [1, 1, 2, 3].map((second) => ({
        event: 'Order',
        event_id: `e-${second}`,
        distinct_id: 'ann',
        time: `2026-08-03T12:00:0${second}.000Z`,
        // Two days, or the engine would see that a filter lets all rows through.
        _day: second === 3 ? '2026-08-04' : DAY,
        mp_insert_id: `i-${second}`,
      }))
      await load(destination, 'load-1', relationOf(EVENT_COLUMNS, events), {
        table: 'export',
        record: { stream: 'export' },
      })
      await destination[Symbol.asyncDispose]()
    })

    it('shows plain DuckDB the schema, the ledger and views that work', async () => {
      const tables = await query(path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mixpanel'")
      expect(tables.map(({ table_name }) => table_name).toSorted()).toEqual([
        '_mixload_columns',
        '_mixload_loads',
        '_mixload_rejects',
        '_mixload_superseded',
        'export',
      ])
      expect(await query(path, 'SELECT count(*) AS count FROM mixpanel.export')).toEqual([{ count: 4n }])
      for (const view of ['export_latest', 'export_latest_by_time']) {
        expect(await query(path, `SELECT count(*) AS count FROM mixpanel.${view}`)).toEqual([{ count: 3n }])
      }
    })

    it('has views that work under any name it is attached by', async () => {
      const instance = await DuckDBInstance.create()
      const connection = await instance.connect()
      await connection.run(`ATTACH ${quoteText(path)} AS somewhere (READ_ONLY)`)
      const counted = await connection.runAndReadAll('SELECT count(*) FROM somewhere.mixpanel.export_latest')
      instance.closeSync()
      expect(counted.getRowsJS()).toEqual([[3n]])
    })

    it.each([
      ['export_latest', ['time', 'event', '_day', 'distinct_id']],
      ['export_latest_by_time', ['time', 'event', 'distinct_id']],
    ])('filters as it scans in %s', async (view, columns) => {
      const values: Readonly<Record<string, string>> = {
        time: "TIMESTAMPTZ '2026-08-03 12:00:02Z'",
        event: "'Order'",
        _day: "DATE '2026-08-04'",
        distinct_id: "'ann'",
      }
      const where = columns.map((name) => `${name} >= ${values[name]}`).join(' AND ')
      const [plan] = await query(path, `EXPLAIN (FORMAT json) SELECT * FROM mixpanel.${view} WHERE ${where}`)
      const scans = scansOf(plan?.explain_value).filter((scan) => scan.includes('export'))
      expect(scans).toHaveLength(1)
      for (const name of columns) expect(scans[0]).toMatch(new RegExp(`\\b${name}\\s*>=`))
    })
  })
})
