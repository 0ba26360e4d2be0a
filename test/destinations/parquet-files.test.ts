import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDestination } from '../../destinations/index.ts'
import { createParquetDestination } from '../../destinations/parquet/index.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Destination } from '../../lib/destination.ts'
import { Engine } from '../../lib/engine.ts'
import { viewsOf } from '../../lib/views.ts'
import { expectFailure, failureOf } from '../conformance/failures.ts'
import {
  COLUMNS,
  load,
  makeTable,
  newColumns,
  OWN_COLUMNS,
  property,
  rejectsOf,
  relationOf,
  thing,
  unaborted,
  values,
} from '../conformance/rows.ts'
import { kill, newEngine, told } from './duckdb-harness.ts'
import { startParquetChild } from './parquet-harness.ts'
import { query, readView } from './parquet-reading.ts'

/** Somebody who owns nothing here, for when the tests run as root, whom no permission stops. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
const GLOB = 'hive_partitioning = true, union_by_name = true'

describe('a directory of Parquet files', () => {
  let parent: string
  let directory: string
  let engine: Engine
  let warnings: string[]
  let destination: Destination
  let children: ChildProcess[]
  beforeEach(async () => {
    parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    directory = join(parent, 'lake')
    engine = await newEngine(parent)
    warnings = []
    destination = destinationOn(directory)
    children = []
  })
  afterEach(async () => {
    for (const child of children) await kill(child)
    await destination[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(parent, { recursive: true, force: true })
  })

  const destinationOn = (path: string, on = engine) =>
    createParquetDestination({ directory: path, engine: on, warn: (message) => warnings.push(message) })
  const child = (...args: Parameters<typeof startParquetChild>) => {
    const started = startParquetChild(...args)
    children.push(started)
    return started
  }
  /** Files of tables, but for those that only tell the schema. */
  const filesIn = async (path = directory) => {
    const entries = await readdir(path, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
      .filter((name) => !name.startsWith('_mixload/') && !name.endsWith('_common_metadata'))
      .toSorted()
  }
  const glob = (pattern: string, columns = '*') =>
    query(parent, `SELECT ${columns} FROM read_parquet('${join(directory, pattern)}', ${GLOB})`)

  it('has a file for each load and day, by their names', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    await makeTable(destination, [property('name')], 'people')
    const rows = [thing('a', '2026-08-03'), thing('b', '2026-08-04'), thing('c', '0001-01-01'), thing('d', null)]
    await load(destination, 'load-1', relationOf(COLUMNS, rows), { rejects: rejectsOf('x') })
    await load(destination, 'load-2', relationOf(COLUMNS, [thing('e', '2026-08-03')]))
    await load(destination, 'load-3', relationOf([property('name')], [{ name: 'f' }]), { table: 'people' })
    expect(await filesIn()).toEqual([
      '_mixload_rejects/load-1.parquet',
      'people/load-3.parquet',
      'things/_day=0001-01-01/load-1.parquet',
      'things/_day=2026-08-03/load-1.parquet',
      'things/_day=2026-08-03/load-2.parquet',
      'things/_day=2026-08-04/load-1.parquet',
      'things/_day=__HIVE_DEFAULT_PARTITION__/load-1.parquet',
      'views.sql',
    ])
    expect(await query(parent, `SELECT DISTINCT compression FROM parquet_metadata('${directory}/things/*/*')`)).toEqual(
      [{ compression: 'ZSTD' }],
    )
    expect(await readdir(join(directory, '_mixload', 'pending'))).toEqual([])
  })

  it('names every file of a load in its commit, with rows and bytes', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('b')]), { rejects: rejectsOf('x') })
    const mode = { kind: 'replace-table' } as const
    await load(destination, 'load-2', relationOf(COLUMNS, [thing('c', '2026-08-04')]), { mode })
    const commits = await readdir(join(directory, '_mixload', 'loads'))
    expect(commits).toEqual(['000000001-load-1.json', '000000002-load-2.json'])
    const [first, second] = await Promise.all(
      commits.map(async (name) => JSON.parse(await readFile(join(directory, '_mixload', 'loads', name), 'utf8'))),
    )
    const bytes = expect.any(Number)
    expect(first).toMatchObject({ load_id: 'load-1', row_count: 2, reject_count: 1, removed: [] })
    expect(first.added).toEqual([
      { table: 'things', path: 'things/_day=2026-08-03/load-1.parquet', rows: 2, bytes },
      { table: '_mixload_rejects', path: '_mixload_rejects/load-1.parquet', rows: 1, bytes },
    ])
    expect(second.removed).toEqual(['things/_day=2026-08-03/load-1.parquet'])
    expect(await filesIn()).not.toContain('things/_day=2026-08-03/load-1.parquet')
  })

  it.each([
    ['of one day', '2026-08-03', 1],
    ['of days that fit in memory side by side', '2026-08-22', 20],
    ['of more days than fit', '2027-08-02', 365],
    ['of other days than it says', '2026-08-03', 40],
  ])('takes a load %s', async (_, lastDay, days) => {
    await using small = await Engine.create({ memoryLimit: '100MB', temporaryDirectory: join(parent, 'small') })
    await using there = destinationOn(directory, small)
    await there.open(unaborted())
    const columns = [...COLUMNS, ...Array.from({ length: 40 }, (_, at) => property(`property_${at}`))]
    await makeTable(there, columns)
    const values = columns.slice(3).map(({ name }) => `concat('${name} ', i) AS ${name}`)
    const rowCount = 20_000
    const relation = {
      columns,
      rowCount,
      query: `SELECT DATE '2026-08-03' + CAST(i % ${days} AS INTEGER) AS _day, concat('n', i) AS name,
        i / 4 AS amount, ${values.join(', ')} FROM range(${rowCount}) AS numbers(i)`,
    }
    await load(there, 'load-1', relation, { record: { lastDay } })
    expect(await filesIn()).toHaveLength(days + 1)
    const found = 'count(*) AS n, count(DISTINCT name) AS names, count(DISTINCT _day) AS days, sum(amount) AS amount'
    expect(
      await query(
        directory,
        `SELECT ${found}, any_value(property_39 = concat('property_39 ', name[2:])) AS same FROM things`,
      ),
    ).toEqual([{ n: 20_000n, names: 20_000n, days: BigInt(days), amount: (19_999 * 20_000) / 8, same: true }])
    const misplaced = `SELECT count(*) AS n FROM things WHERE _day <> DATE '2026-08-03' + CAST(name[2:]::INTEGER % ${days} AS INTEGER)`
    expect(await query(directory, misplaced)).toEqual([{ n: 0n }])
  })

  it('is one table for DuckDB, although columns came later', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    const later = [property('later', 'json'), property('größe')]
    await destination.addColumns('things', newColumns(later))
    const row = { ...thing('b', '2026-08-04'), later: '[1]', größe: 'XL' }
    await load(destination, 'load-2', relationOf([...COLUMNS, ...later], [row]))
    const names = '_day, name, amount, later, größe'
    expect(values(await glob('things/*/*.parquet', names))).toEqual([{ ...thing('a'), later: null, größe: null }, row])
  })

  describe('has a views.sql', () => {
    it('that makes all tables and views in plain DuckDB', async () => {
      await destination.open(unaborted())
      const views = 'SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1'
      const ledger = ['_mixload_columns', '_mixload_loads', '_mixload_rejects']
      expect((await query(directory, views)).map(({ view_name }) => view_name)).toEqual(ledger)
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      const path = destination.pathInViews('export')
      await destination.putViews(viewsOf(destination.supports, 'export', path, await destination.columns('export')))
      expect((await query(directory, views)).map(({ view_name }) => view_name)).toEqual([
        ...ledger,
        'export',
        'export_latest',
        'export_latest_by_time',
        'identities',
      ])
      expect(await readView(directory, 'export_latest')).toEqual([])
      const described = await query(directory, 'SELECT column_name, column_type FROM (DESCRIBE export)')
      expect(described).toHaveLength(EXPORT_COLUMNS.length)
      expect(described).toContainEqual({ column_name: '_day', column_type: 'DATE' })
      const event = { event: 'A', distinct_id: 'ann', time: '2026-08-03T12:00:00.001Z', _day: '2026-08-03' }
      const given = EXPORT_COLUMNS.filter(({ name }) => !OWN_COLUMNS.some((own) => own.name === name))
      await load(destination, 'load-1', relationOf(given, [event, event]), { table: 'export' })
      expect(await readView(directory, 'export')).toHaveLength(2)
      expect(await readView(directory, 'export_latest')).toHaveLength(1)
    })

    it('with the ledger in the columns and types that every destination has', async () => {
      await destination.open(unaborted())
      await makeTable(destination)
      const loaded = await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]), { rejects: rejectsOf('x') })
      expect(await readView(directory, '_mixload_loads')).toEqual([
        {
          load_id: 'load-1',
          stream: 'things',
          first_day: '2026-08-03',
          last_day: '2026-08-03',
          selection: '',
          row_count: 1n,
          reject_count: 1n,
          byte_count: 1234n,
          request_count: 1n,
          started_at: '2026-08-04T05:06:07.089Z',
          loaded_at: loaded.loadedAt.toISOString(),
          write_mode: 'append',
          mixload_version: '0.0.0-test',
          day_rows: null,
        },
      ])
      const [day] = await readView(directory, '_mixload_columns')
      expect(day).toEqual({
        table_name: 'things',
        property: null,
        column_name: '_day',
        column_type: 'date',
        column_role: 'fixed',
        owner_column: null,
        first_load_id: 'load-0',
        first_seen_at: expect.stringMatching(/Z$/),
      })
      expect(await readView(directory, '_mixload_rejects')).toEqual([
        { load_id: 'load-1', stream: 'things', reason: 'no JSON', line: 'x' },
      ])
    })

    it.each(['export', 'export_latest', 'export_latest_by_time'])(
      'in which a filter by time and event reaches the files of %s',
      async (view) => {
        await destination.open(unaborted())
        await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
        const path = destination.pathInViews('export')
        await destination.putViews(viewsOf(destination.supports, 'export', path, await destination.columns('export')))
        const given = EXPORT_COLUMNS.filter(({ name }) => !OWN_COLUMNS.some((own) => own.name === name))
        const events = ['12:00:01', '12:00:03'].map((time) => ({
          event: 'Order',
          time: `2026-08-03T${time}.000Z`,
          _day: '2026-08-03',
        }))
        await load(destination, 'load-1', relationOf(given, events), { table: 'export' })
        const filter = "time >= TIMESTAMPTZ '2026-08-03 12:00:02Z' AND event = 'Order'"
        const [plan] = await query(directory, `EXPLAIN (FORMAT json) SELECT * FROM ${view} WHERE ${filter}`)
        const scan = scansOf(JSON.parse(String(plan?.explain_value))).join()
        expect(scan).toMatch(/time\s*>=/)
        expect(scan).toMatch(/event\s*=/)
      },
    )

    it('in which a filter by day opens the files of these days only', async () => {
      await destination.open(unaborted())
      await makeTable(destination)
      const rows = ['2026-08-01', '2026-08-02', '2026-08-03', null].map((day) => thing('a', day))
      await load(destination, 'load-1', relationOf(COLUMNS, rows))
      const [plan] = await query(
        directory,
        "EXPLAIN (FORMAT json) SELECT * FROM things WHERE _day >= DATE '2026-08-02'",
      )
      expect(scansOf(JSON.parse(String(plan?.explain_value))).join()).toMatch(/Scanning Files[^,]*2\/4/)
    })
  })

  it('stays readable when all that a table has is replaced by nothing', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    const mode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-31' } as const
    await load(destination, 'load-2', relationOf([], []), { mode })
    expect(await glob('things/*/*.parquet')).toEqual([])
    expect(await readView(directory, 'things')).toEqual([])
    await load(destination, 'load-3', relationOf(COLUMNS, [thing('b')]), { mode })
    expect(await filesIn()).toEqual(['things/_day=2026-08-03/load-3.parquet', 'views.sql'])
  })

  it('leaves files that others have put there, until their day is replaced', async () => {
    await mkdir(join(directory, 'things', '_day=2026-08-03'), { recursive: true })
    await mkdir(join(directory, 'things', 'notes'), { recursive: true })
    const others = ['README', 'things/_day=2026-08-03/theirs.parquet', 'things/notes/a.parquet']
    for (const name of others) await writeFile(join(directory, name), 'x')
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    expect(await filesIn()).toEqual(expect.arrayContaining(others))
    const mode = { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' } as const
    await load(destination, 'load-2', relationOf(COLUMNS, [thing('b')]), { mode })
    const left = ['README', 'things/_day=2026-08-03/load-2.parquet', 'things/notes/a.parquet', 'views.sql']
    expect(await filesIn()).toEqual(left)
  })

  it.each(["it's", 'a b', 'x=1', 'a[b]*?', '{a,b}', '%20', 'größe', 'a"b', 'a;b'])('may be called %j', async (name) => {
    const path = join(parent, name, 'lake')
    await using there = destinationOn(path)
    await there.open(unaborted())
    await makeTable(there)
    await load(there, 'load-1', relationOf(COLUMNS, [thing('a', '2026-08-01'), thing('b')]))
    await there.putViews([{ name: 'v', query: `SELECT name FROM ${there.pathInViews('things')}` }])
    expect(await readView(path, 'v')).toHaveLength(2)
    expect(await readView(path, '_mixload_loads')).toHaveLength(1)
  })

  it('keeps loads of any id apart', async () => {
    await destination.open(unaborted())
    await makeTable(destination)
    const ids = [
      '../../up',
      '_hidden',
      '.dot',
      'a/b',
      'a%2Fb',
      'A',
      'a',
      'x'.repeat(300),
      `${'x'.repeat(299)}y`,
      "it's =1",
    ]
    for (const id of ids) await load(destination, id, relationOf(COLUMNS, [thing('a')]))
    const rows = await readView(directory, 'things')
    expect(rows.map(({ _load_id }) => _load_id).toSorted()).toEqual(ids.toSorted())
    expect(
      (await filesIn()).every((name) => /^(?:things\/_day=2026-08-03\/[^_./=][^/=]*|views\.sql)$/.test(name)),
    ).toBe(true)
    for (const id of ids) await expectFailure(load(destination, id, relationOf(COLUMNS, [])), 'ALREADY_LOADED')
  })

  it('refuses days for a table that has files without them', async () => {
    await destination.open(unaborted())
    await makeTable(destination, [property('name')])
    const mode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-31' } as const
    await load(destination, 'load-1', relationOf([property('name')], [{ name: 'a' }]))
    expect((await failureOf(load(destination, 'load-2', relationOf([], []), { mode }))).message).toContain('_day')
    expect((await failureOf(destination.addColumns('things', newColumns(COLUMNS)))).message).toContain('_day')
    expect(await readView(directory, 'things')).toHaveLength(1)
  })

  it.each(['parquet:', 'parquet:s3://bucket/lake', 'parquet:file:///tmp/x'])('is not named by %s', async (url) => {
    const making = createDestination({ url, schema: 'mixpanel', engine, workDirectory: parent, warn: () => {} })
    expect((await expectFailure(making, 'CONFIG_INVALID')).message).toContain('directory')
  })

  describe('that another process holds', () => {
    it('is busy for writing, can be read, and is free as soon as that one is killed', async () => {
      const holder = child(['hold', directory])
      expect(await told(holder)).toBe('open')
      const failure = await expectFailure(destination.open(unaborted()), 'DESTINATION_BUSY')
      expect(failure.message).toContain(`process ${holder.pid} on ${hostname()}`)
      expect(failure.message).toContain(directory)
      expect(failure.cause).toBeInstanceOf(Error)
      await destination.openToRead(unaborted())
      expect(await destination.ledger('things')).toEqual([])
      await kill(holder)
      await destination.open(unaborted())
      expect(await told(child(['open', directory]))).toMatchObject({ code: 'DESTINATION_BUSY' })
      await destination[Symbol.asyncDispose]()
      expect(await told(child(['open', directory]))).toBe('open')
    })

    it('is busy for a second one in this process, too, and stays so after that one has failed', async () => {
      await destination.open(unaborted())
      await using other = await newEngine(join(parent, 'other'))
      for (const on of [engine, other]) {
        await using second = destinationOn(join(directory, '..', 'lake'), on)
        const failure = await expectFailure(second.open(unaborted()), 'DESTINATION_BUSY')
        expect(failure.message).toContain(`process ${process.pid}`)
      }
      expect(await told(child(['open', directory]))).toMatchObject({ code: 'DESTINATION_BUSY' })
    })
  })

  describe('that can’t be written', () => {
    it('because it is a file is named in the failure', async () => {
      await writeFile(directory, 'x')
      for (const opening of [() => destination.open(unaborted()), () => destination.openToRead(unaborted())]) {
        const failure = await expectFailure(opening(), 'DESTINATION_FAILED')
        expect(failure.message).toMatch(/lake.*There is a file where a directory should be/)
        expect(failure.cause).toBeInstanceOf(Error)
      }
      await rm(directory)
      await destination.open(unaborted())
    })

    it('because it is read-only is named in the failure', async () => {
      await mkdir(directory, { mode: 0o555 })
      await mkdir(join(parent, 'work'))
      await chmod(parent, 0o777)
      await chmod(join(parent, 'work'), 0o777)
      const said = await told(child(['open', directory, '', join(parent, 'work', 'engine')], NOBODY))
      expect(said).toEqual({
        failed: expect.stringMatching(/lake.*Give the user that runs mixload the right to write there/),
        code: 'DESTINATION_FAILED',
      })
      expect(await readdir(directory)).toEqual([])
    })

    it('because its state is damaged is named in the failure', async () => {
      await destination.open(unaborted())
      await makeTable(destination)
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      await writeFile(join(directory, '_mixload', 'loads', '000000002-load-2.json'), '{"load_id":')
      const failure = await expectFailure(destination.ledger('things'), 'DESTINATION_FAILED')
      expect(failure.message).toContain('000000002-load-2.json')
    })
  })
})

interface PlanNode {
  readonly name: string
  readonly children: readonly PlanNode[]
  readonly extra_info: unknown
}

/** What each scan of files in a plan is told. */
function scansOf(nodes: readonly PlanNode[]): readonly string[] {
  return nodes.flatMap((node) => [
    ...(/READ_PARQUET|SCAN/.test(node.name) ? [JSON.stringify(node.extra_info)] : []),
    ...scansOf(node.children),
  ])
}
