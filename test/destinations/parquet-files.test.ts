import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.ts'
import { expectFailure, failureOf } from '../conformance/failures.ts'
import {
  COLUMNS,
  load,
  makeTable,
  newColumns,
  property,
  rejectsOf,
  relationOf,
  thing,
  unaborted,
  values,
} from '../conformance/rows.ts'
import { ParquetPlace } from './parquet-place.ts'
import { query, readView } from './parquet-reading.ts'

describe('a directory of Parquet files', () => {
  let place: ParquetPlace
  beforeEach(async () => {
    place = await ParquetPlace.create()
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('has a file for each load and day, by their names', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    await makeTable(place.destination, [property('name')], 'people')
    const rows = [thing('a', '2026-08-03'), thing('b', '2026-08-04'), thing('c', '0001-01-01'), thing('d', null)]
    await load(place.destination, 'load-1', relationOf(COLUMNS, rows), { rejects: rejectsOf('x') })
    await load(place.destination, 'load-2', relationOf(COLUMNS, [thing('e', '2026-08-03')]))
    await load(place.destination, 'load-3', relationOf([property('name')], [{ name: 'f' }]), { table: 'people' })
    expect(await place.filesIn()).toEqual([
      '_mixload_rejects/load-1.parquet',
      'people/load-3.parquet',
      'things/_day=0001-01-01/load-1.parquet',
      'things/_day=2026-08-03/load-1.parquet',
      'things/_day=2026-08-03/load-2.parquet',
      'things/_day=2026-08-04/load-1.parquet',
      'things/_day=__HIVE_DEFAULT_PARTITION__/load-1.parquet',
      'views.sql',
    ])
    expect(
      await query(place.parent, `SELECT DISTINCT compression FROM parquet_metadata('${place.directory}/things/*/*')`),
    ).toEqual([{ compression: 'ZSTD' }])
    expect(await readdir(join(place.directory, '_mixload', 'pending'))).toEqual([])
  })

  it('names every file of a load in its commit, with rows and bytes', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('b')]), { rejects: rejectsOf('x') })
    const mode = { kind: 'replace-table' } as const
    await load(place.destination, 'load-2', relationOf(COLUMNS, [thing('c', '2026-08-04')]), { mode })
    const commits = await readdir(join(place.directory, '_mixload', 'loads'))
    expect(commits).toEqual(['000000001-load-1.json', '000000002-load-2.json'])
    const [first, second] = await Promise.all(
      commits.map(async (name) => JSON.parse(await readFile(join(place.directory, '_mixload', 'loads', name), 'utf8'))),
    )
    const bytes = expect.any(Number)
    expect(first).toMatchObject({ load_id: 'load-1', row_count: 2, reject_count: 1, removed: [] })
    expect(first.added).toEqual([
      { table: 'things', path: 'things/_day=2026-08-03/load-1.parquet', rows: 2, bytes },
      { table: '_mixload_rejects', path: '_mixload_rejects/load-1.parquet', rows: 1, bytes },
    ])
    expect(second.removed).toEqual(['things/_day=2026-08-03/load-1.parquet'])
    expect(await place.filesIn()).not.toContain('things/_day=2026-08-03/load-1.parquet')
  })

  it.each([
    ['of one day', '2026-08-03', 1],
    ['of days that fit in memory side by side', '2026-08-22', 20],
    ['of more days than fit', '2027-08-02', 365],
    ['of other days than it says', '2026-08-03', 40],
  ])('takes a load %s', async (_, lastDay, days) => {
    await using small = await Engine.create({ memoryLimit: '100MB', temporaryDirectory: join(place.parent, 'small') })
    await using destination = place.destinationOn(place.directory, small)
    await destination.open(unaborted())
    const columns = [...COLUMNS, ...Array.from({ length: 40 }, (_, at) => property(`property_${at}`))]
    await makeTable(destination, columns)
    const values = columns.slice(3).map(({ name }) => `concat('${name} ', i) AS ${name}`)
    const rowCount = 20_000
    const relation = {
      columns,
      rowCount,
      query: `SELECT DATE '2026-08-03' + CAST(i % ${days} AS INTEGER) AS _day, concat('n', i) AS name,
        i / 4 AS amount, ${values.join(', ')} FROM range(${rowCount}) AS numbers(i)`,
    }
    await load(destination, 'load-1', relation, { record: { lastDay } })
    expect(await place.filesIn()).toHaveLength(days + 1)
    const found = 'count(*) AS n, count(DISTINCT name) AS names, count(DISTINCT _day) AS days, sum(amount) AS amount'
    expect(
      await query(
        place.directory,
        `SELECT ${found}, any_value(property_39 = concat('property_39 ', name[2:])) AS same FROM things`,
      ),
    ).toEqual([{ n: 20_000n, names: 20_000n, days: BigInt(days), amount: (19_999 * 20_000) / 8, same: true }])
    const misplaced = `SELECT count(*) AS n FROM things WHERE _day <> DATE '2026-08-03' + CAST(name[2:]::INTEGER % ${days} AS INTEGER)`
    expect(await query(place.directory, misplaced)).toEqual([{ n: 0n }])
  })

  it('is one table for DuckDB, even if columns were added later', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    const later = [property('later', 'json'), property('größe')]
    await place.destination.addColumns('things', newColumns(later))
    const row = { ...thing('b', '2026-08-04'), later: '[1]', größe: 'XL' }
    await load(place.destination, 'load-2', relationOf([...COLUMNS, ...later], [row]))
    const names = '_day, name, amount, later, größe'
    expect(values(await place.glob('things/*/*.parquet', names))).toEqual([
      { ...thing('a'), later: null, größe: null },
      row,
    ])
  })

  it('stays readable when all that a table has is replaced by nothing', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    const mode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-31' } as const
    await load(place.destination, 'load-2', relationOf([], []), { mode })
    expect(await place.glob('things/*/*.parquet')).toEqual([])
    expect(await readView(place.directory, 'things')).toEqual([])
    await load(place.destination, 'load-3', relationOf(COLUMNS, [thing('b')]), { mode })
    expect(await place.filesIn()).toEqual(['things/_day=2026-08-03/load-3.parquet', 'views.sql'])
  })

  it('leaves files that others have put there, until their day is replaced', async () => {
    await mkdir(join(place.directory, 'things', '_day=2026-08-03'), { recursive: true })
    await mkdir(join(place.directory, 'things', 'notes'), { recursive: true })
    const others = ['README', 'things/_day=2026-08-03/theirs.parquet', 'things/notes/a.parquet']
    for (const name of others) await writeFile(join(place.directory, name), 'x')
    await place.destination.open(unaborted())
    await makeTable(place.destination)
    await load(place.destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
    expect(await place.filesIn()).toEqual(expect.arrayContaining(others))
    const mode = { kind: 'replace-days', firstDay: '2026-08-03', lastDay: '2026-08-03' } as const
    await load(place.destination, 'load-2', relationOf(COLUMNS, [thing('b')]), { mode })
    const left = ['README', 'things/_day=2026-08-03/load-2.parquet', 'things/notes/a.parquet', 'views.sql']
    expect(await place.filesIn()).toEqual(left)
  })

  it.each(["it's", 'a b', 'x=1', 'a[b]*?', '{a,b}', '%20', 'größe', 'a"b', 'a;b'])('may be called %j', async (name) => {
    const path = join(place.parent, name, 'lake')
    await using destination = place.destinationOn(path)
    await destination.open(unaborted())
    await makeTable(destination)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing('a', '2026-08-01'), thing('b')]))
    await destination.putViews([{ name: 'v', query: `SELECT name FROM ${destination.pathInViews('things')}` }])
    expect(await readView(path, 'v')).toHaveLength(2)
    expect(await readView(path, '_mixload_loads')).toHaveLength(1)
  })

  it('keeps loads of any id apart', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination)
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
    for (const id of ids) await load(place.destination, id, relationOf(COLUMNS, [thing('a')]))
    const rows = await readView(place.directory, 'things')
    expect(rows.map(({ _load_id }) => _load_id).toSorted()).toEqual(ids.toSorted())
    expect(
      (await place.filesIn()).every((name) => /^(?:things\/_day=2026-08-03\/[^_./=][^/=]*|views\.sql)$/.test(name)),
    ).toBe(true)
    for (const id of ids) await expectFailure(load(place.destination, id, relationOf(COLUMNS, [])), 'ALREADY_LOADED')
  })

  it('refuses days for a table that has files without them', async () => {
    await place.destination.open(unaborted())
    await makeTable(place.destination, [property('name')])
    const mode = { kind: 'replace-days', firstDay: '2026-08-01', lastDay: '2026-08-31' } as const
    await load(place.destination, 'load-1', relationOf([property('name')], [{ name: 'a' }]))
    expect((await failureOf(load(place.destination, 'load-2', relationOf([], []), { mode }))).message).toContain('_day')
    expect((await failureOf(place.destination.addColumns('things', newColumns(COLUMNS)))).message).toContain('_day')
    expect(await readView(place.directory, 'things')).toHaveLength(1)
  })
})
