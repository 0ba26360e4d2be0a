import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ParquetDriver } from '../../destinations/parquet/driver.ts'
import { Warehouse } from '../../lib/destination/warehouse.ts'
import type { Engine } from '../../lib/engine/engine.ts'
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
} from '../conformance/rows.ts'
import { newEngine } from './engine.ts'
import { readWithPandas } from './parquet-python.ts'

/** Installing Python with pandas may take some minutes, once. */
const TIMEOUT_MS = 600_000

describe('pandas', () => {
  let parent: string
  let engine: Engine
  let destination: Warehouse
  beforeEach(async () => {
    parent = await realpath(await mkdtemp(join(tmpdir(), 'mixload-test-')))
    engine = await newEngine(parent)
    destination = new Warehouse(new ParquetDriver({ directory: join(parent, 'lake'), engine, warn: () => {} }), {
      engine,
    })
    await destination.open(unaborted())
    await makeTable(destination)
  })
  afterEach(async () => {
    await destination[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
    await rm(parent, { recursive: true, force: true })
  })
  const tables = (...names: readonly string[]) => names.map((name) => join(parent, 'lake', name))

  const LATER = [
    property('later', 'json'),
    property('moment', 'timestamptz'),
    property('big', 'bigint'),
    property('flag', 'boolean'),
    property('date', 'date'),
  ]

  it(
    'reads a table as a whole, although columns were added later and no row has some of them',
    async () => {
      await load(destination, 'z-first', relationOf(COLUMNS, [thing('a', '2026-08-03')]))
      await destination.addColumns('things', newColumns(LATER))
      const row = {
        ...thing('b', '2026-08-04', 2.5),
        later: '{"a":[1,"ü"]}',
        moment: '0001-01-01T00:00:00.001Z',
        big: 9_007_199_254_740_993n,
        flag: true,
        date: '1582-10-10',
      }
      await load(destination, 'a-second', relationOf([...COLUMNS, ...LATER], [row]))
      await destination.addColumns('things', newColumns([property('unused', 'double')]))
      const [things] = await readWithPandas(...tables('things'))
      for (const frame of Object.values(things ?? {})) {
        if ('error' in frame) throw new Error(frame.error)
        const names = ['name', 'amount', '_loaded_at', '_load_id', ...LATER.map(({ name }) => name), 'unused', '_day']
        expect(Object.keys(frame.types)).toEqual(names)
        expect(frame.types).toMatchObject({ amount: 'float64', _loaded_at: 'datetime64[us, UTC]', unused: 'float64' })
        expect(frame.rows.toSorted((left, right) => (String(left.name) < String(right.name) ? -1 : 1))).toMatchObject([
          { name: 'a', amount: '1.0', _day: '2026-08-03', later: null, moment: null, unused: null },
          {
            name: 'b',
            amount: '2.5',
            _day: '2026-08-04',
            later: row.later,
            moment: '0001-01-01 00:00:00.001000+00:00',
            flag: 'True',
            date: '1582-10-10',
            unused: null,
          },
        ])
      }
    },
    TIMEOUT_MS,
  )

  it(
    'reads rows without a day, tables without days, tables without rows, and rejects',
    async () => {
      await makeTable(destination, [property('name')], 'people')
      await makeTable(destination, [property('name')], 'nobody')
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('a'), thing('undated', null)]), {
        rejects: rejectsOf('{"cut'),
      })
      const people = [property('name'), property('later')]
      await load(destination, 'z', relationOf(people.slice(0, 1), [{ name: 'ann' }]), { table: 'people' })
      await destination.addColumns('people', newColumns(people))
      await load(destination, 'a', relationOf(people, [{ name: 'bob', later: 'x' }]), { table: 'people' })
      const frames = await readWithPandas(...tables('things', 'people', 'nobody', '_mixload_rejects'))
      const rows = frames.map((frame) => ('rows' in frame['with days'] ? frame['with days'].rows : frame['with days']))
      expect(rows).toMatchObject([
        [
          { name: 'a', _day: '2026-08-03' },
          { name: 'undated', _day: null },
        ],
        [
          { name: 'bob', later: 'x' },
          { name: 'ann', later: null },
        ],
        [],
        [{ load_id: 'load-1', stream: 'things', reason: 'no JSON', line: '{"cut' }],
      ])
    },
    TIMEOUT_MS,
  )
})
