import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assertRunLock, releaseRunLock, takeRunLock } from '../../destinations/postgres/lock.ts'
import { Session } from '../../destinations/postgres/session/session.ts'
import { parseUrl } from '../../destinations/postgres/url.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { expectFailure } from '../conformance/failures.ts'
import {
  COLUMNS,
  EVENT_COLUMNS,
  type LoadOptions,
  load,
  makeTable,
  manyRows,
  newColumns,
  OWN_COLUMNS,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
  values,
} from '../conformance/rows.ts'
import { kill, nextMessage } from './child-process.ts'
import { startChild } from './postgres-harness.ts'
import { PostgresPlace } from './postgres-place.ts'

const DAY = '2026-08-03'
const DAYS = { kind: 'replace-days', firstDay: DAY, lastDay: DAY } as const

describe('a Postgres database', () => {
  let place: PostgresPlace
  let destination: Warehouse
  beforeEach(async () => {
    place = await PostgresPlace.create()
    destination = place.destination()
    await destination.open(unaborted())
  })
  afterEach(() => place[Symbol.asyncDispose]())
  const rows = () => place.query(`SELECT * FROM mixpanel.${TABLE}`)
  const count = async () => (await place.query(`SELECT count(*) AS count FROM mixpanel.${TABLE}`))[0]?.count

  it('holds plain types', async () => {
    const types = ['text', 'double', 'boolean', 'json', 'timestamptz', 'bigint', 'date'] as const
    await makeTable(
      destination,
      types.map((type) => property(`a_${type}`, type)),
    )
    const found = await place.query(`SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = 'mixpanel.${TABLE}'::regclass AND attnum > 0 ORDER BY attnum`)
    expect(found.map(({ name, type }) => [name, type])).toEqual([
      ['a_text', 'text'],
      ['a_double', 'double precision'],
      ['a_boolean', 'boolean'],
      ['a_json', 'jsonb'],
      ['a_timestamptz', 'timestamp with time zone'],
      ['a_bigint', 'bigint'],
      ['a_date', 'date'],
      ['_loaded_at', 'timestamp with time zone'],
      ['_load_id', 'text'],
    ])
  })

  it('takes any schema’s name', async () => {
    const schema = `my "schema"; x's`
    const second = place.destination({ schema })
    await second.open(unaborted())
    await makeTable(second)
    await load(second, 'load-1', relationOf(COLUMNS, [thing('a')]), { rejects: rejectsOf('x') })
    await second.putViews([{ name: 'v', query: `SELECT name FROM ${second.pathInViews(TABLE)}` }])
    await load(second, 'load-2', relationOf(COLUMNS, [thing('b')]), { mode: DAYS })
    expect(await place.query(`SELECT name FROM "my ""schema""; x's".v`)).toEqual([{ name: 'b' }])
  })

  it('has schemas that are loaded independently, also at the same time', async () => {
    const second = place.destination({ schema: 'other' })
    await second.open(unaborted())
    await Promise.all([destination, second].map((each) => makeTable(each)))
    await Promise.all([destination, second].map((each) => load(each, 'load-1', manyRows(50_000, DAY))))
    expect(await count()).toBe(50_000n)
    expect(await place.query(`SELECT count(*) AS count FROM other.${TABLE}`)).toEqual([{ count: 50_000n }])
  })

  it('refuses names that the server would truncate', async () => {
    const long = 'é'.repeat(32)
    await expectFailure(makeTable(destination, [property(long)]), 'DESTINATION_FAILED')
    await expectFailure(makeTable(destination, COLUMNS, long), 'DESTINATION_FAILED')
    await expectFailure(destination.putViews([{ name: long, query: 'SELECT 1 AS one' }]), 'DESTINATION_FAILED')
    expect(() => place.destination({ schema: long })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it('loads a table of 400 columns', async () => {
    const columns = Array.from({ length: 400 }, (_, at) => property(`column_${at}`, at % 2 === 0 ? 'text' : 'double'))
    await makeTable(destination, columns)
    const expressions = columns.map(({ name, type }, at) =>
      type === 'text' ? `CASE WHEN i % 10 = ${at % 10} THEN concat('text ', i) END AS "${name}"` : `i / 8 AS "${name}"`,
    )
    const query = `SELECT ${expressions.join(', ')} FROM range(20000) AS numbers(i)`
    await load(destination, 'load-1', { columns, rowCount: 20_000, query })
    const [sums] = await place.query(
      `SELECT count(column_0) AS texts, sum(column_1) AS second, sum(column_399) AS last FROM mixpanel.${TABLE}`,
    )
    const sum = (20_000 * 19_999) / 16
    expect(sums).toEqual({ texts: 2000n, second: sum, last: sum })
  })

  it('says which columns to leave out of a row that is too large', async () => {
    const columns = Array.from({ length: 500 }, (_, at) => property(`column_${at}`))
    await makeTable(destination, columns)
    const row = Object.fromEntries(columns.map(({ name }) => [name, `value of ${name}`]))
    const failure = await expectFailure(load(destination, 'load-1', relationOf(columns, [row])), 'DESTINATION_FAILED')
    expect(failure.message).toContain('--max-columns')
    expect(await rows()).toEqual([])
  })

  it('stores a close value for one that its types cannot hold, so that it does not keep out a whole load', async () => {
    const columns = [
      property('row', 'double'),
      property('json', 'json'),
      property('moment', 'timestamptz'),
      property('day', 'date'),
    ]
    await makeTable(destination, columns)
    const digits = '9'.repeat(140_000)
    const given = [
      { json: '[1e400000,-1.5E-400000,"1e400000","\\"1e400000"]', moment: '7538-05-18 (BC)', day: '7538-05-18 (BC)' },
      {
        json: `{"n":[${digits},0.${digits}],"t":"${digits}","1e400000":1e4000}`,
        moment: '4714-11-24 (BC)',
        day: '4714-11-24 (BC)',
      },
      { json: '1e400000', moment: '262142-12-31', day: '262142-12-31' },
      { json: '"a\\\\"', moment: null, day: null },
      { json: null, moment: '-infinity', day: 'infinity' },
    ].map((row, at) => ({ row: at, ...row }))
    await load(destination, 'load-1', relationOf(columns, given))
    const stored = await place.query(
      `SELECT json, moment::text AS moment, day::text AS day FROM mixpanel.${TABLE} ORDER BY row`,
    )
    expect(stored.map(({ moment, day }) => [moment, day])).toEqual([
      ['-infinity', '-infinity'],
      ['4714-11-24 00:00:00+00 BC', '4714-11-24 BC'],
      ['262142-12-31 00:00:00+00', '262142-12-31'],
      [null, null],
      ['-infinity', 'infinity'],
    ])
    const [far, long, alone, quoted] = stored.map(({ json }) => (json === null ? null : JSON.parse(String(json))))
    expect(far).toEqual(['1e400000', '-1.5E-400000', '1e400000', '"1e400000'])
    expect(long).toEqual({ n: [digits, `0.${digits}`], t: digits, '1e400000': Number.POSITIVE_INFINITY })
    expect(alone).toBe('1e400000')
    expect(quoted).toBe('a\\')
  })

  describe('with columns that somebody made by hand', () => {
    it('uses them if they have the same type', async () => {
      await makeTable(destination)
      await place.query(`ALTER TABLE mixpanel.${TABLE} ADD COLUMN plan text, ADD COLUMN extra integer DEFAULT 7`)
      expect((await destination.columns(TABLE)).map(({ name }) => name)).not.toContain('plan')
      const plan = property('plan')
      await destination.addColumns(TABLE, newColumns([plan]))
      await load(destination, 'load-1', relationOf([...COLUMNS, plan], [{ ...thing('a'), plan: 'pro' }]))
      expect(values(await rows())).toEqual([{ ...thing('a'), plan: 'pro', extra: 7 }])
    })

    it('names one that is of another type, and touches nothing', async () => {
      await makeTable(destination)
      await place.query(`ALTER TABLE mixpanel.${TABLE} ADD COLUMN plan integer`)
      const adding = destination.addColumns(TABLE, newColumns([property('other'), property('plan')]))
      const failure = await expectFailure(adding, 'DESTINATION_FAILED')
      for (const part of ['plan', 'integer', TABLE]) expect(failure.message).toContain(part)
      expect((await destination.columns(TABLE)).map(({ name }) => name)).not.toContain('other')
    })

    it('recreates one that somebody dropped', async () => {
      await makeTable(destination, [...COLUMNS, property('plan')])
      await place.query(`ALTER TABLE mixpanel.${TABLE} DROP COLUMN plan`)
      expect((await destination.columns(TABLE)).map(({ name }) => name)).not.toContain('plan')
      await destination.addColumns(TABLE, newColumns([property('plan', 'double')], 'load-9'))
      expect((await destination.columns(TABLE)).at(-1)).toMatchObject({
        name: 'plan',
        type: 'double',
        firstLoadId: 'load-9',
      })
      expect(await destination.columns(TABLE)).toHaveLength(COLUMNS.length + OWN_COLUMNS.length + 1)
    })

    it('loads into a partitioned table', async () => {
      await place.query(`CREATE TABLE mixpanel.${TABLE} (_day date) PARTITION BY RANGE (_day);
        CREATE TABLE mixpanel.august PARTITION OF mixpanel.${TABLE} FOR VALUES FROM ('2026-08-01') TO ('2026-09-01');
        CREATE TABLE mixpanel.others PARTITION OF mixpanel.${TABLE} DEFAULT`)
      await makeTable(destination)
      await load(destination, 'load-1', manyRows(10, DAY))
      await load(destination, 'load-2', manyRows(20, DAY), { mode: DAYS })
      expect(await place.query('SELECT count(*) AS count FROM mixpanel.august')).toEqual([{ count: 20n }])
    })
  })

  it('gets an index of days when days are first replaced, and only one', async () => {
    const indexes = () => place.query(`SELECT indexdef FROM pg_indexes WHERE tablename = '${TABLE}'`)
    await makeTable(destination)
    await load(destination, 'load-1', manyRows(10, DAY))
    expect(await indexes()).toEqual([])
    await load(destination, 'load-2', manyRows(10, DAY), { mode: DAYS })
    await load(destination, 'load-3', manyRows(10, DAY), { mode: DAYS })
    expect(await indexes()).toEqual([{ indexdef: expect.stringContaining('(_day)') }])
  })

  describe('has events', () => {
    /** So many that the index does not have them by itself. */
    const rowCount = 20_000
    const query = `SELECT 'A' AS event, 'e' || range AS event_id, TIMESTAMPTZ '${DAY} 12:00:00Z' AS time, DATE '${DAY}' AS _day
      FROM range(${rowCount})`
    const columns = EVENT_COLUMNS.filter(({ name }) => ['event', 'event_id', 'time', '_day'].includes(name))
    const put = (loadId: string, given: LoadOptions = {}) =>
      load(destination, loadId, { columns, rowCount, query }, { table: 'export', ...given })
    /** How much of the table its index lacks. */
    const unsummarized = async () => {
      const sql = `SELECT sum(brin_summarize_new_values(indexrelid)) AS ranges FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE relkind = 'i' AND indrelid::regclass::text IN ('mixpanel.export', 'mixpanel.august')`
      return (await place.query(sql))[0]?.ranges
    }

    it('with one index of days, also when days are replaced', async () => {
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await put('load-1', { mode: DAYS })
      await put('load-2', { mode: DAYS })
      const indexes = await place.query(`SELECT indexdef FROM pg_indexes WHERE tablename = 'export'`)
      expect(indexes).toEqual([{ indexdef: expect.stringMatching(/USING brin \(_day, "?time"?\)$/) }])
      expect(await unsummarized()).toBe(0n)
    })

    it('in a partitioned table', async () => {
      await place.query(`CREATE TABLE mixpanel.export (_day date) PARTITION BY RANGE (_day);
        CREATE TABLE mixpanel.august PARTITION OF mixpanel.export FOR VALUES FROM ('2026-08-01') TO ('2026-09-01')`)
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      for (const loadId of ['load-1', 'load-2']) await put(loadId)
      expect(await place.query('SELECT day FROM mixpanel._mixload_superseded')).toHaveLength(rowCount)
      expect(await unsummarized()).toBe(0n)
    })
  })

  it.each([
    ['a load', 'load'],
    ['the last of several loads at once', 'load-group'],
  ] as const)('whose process is killed in %s has nothing of it, and lets the next run in', async (_, mode) => {
    await destination[Symbol.asyncDispose]()
    const child = startChild(mode, place.database.url, 'mixpanel', place.directory)
    expect(await nextMessage(child)).toBe('loading')
    await sleep(200)
    await kill(child)
    const next = place.destination()
    const isOpen = () =>
      next.open(unaborted()).then(
        () => true,
        () => false,
      )
    await expect.poll(isOpen).toBe(true)
    expect((await next.ledger(TABLE)).map(({ loadId }) => loadId)).toEqual(['load-1'])
    expect(await count()).toBe(1n)
    await load(next, 'load-2', manyRows(10, DAY))
    expect(await count()).toBe(11n)
  })

  it('is written to only by the session that has the run lock', async () => {
    const { url } = place.database
    const session = await Session.connect(parseUrl(url), unaborted())
    try {
      const failure = await expectFailure(assertRunLock(session, 'another'), 'DESTINATION_FAILED')
      expect(failure.message).toContain('session mode')
      await takeRunLock(session, 'another', 'here', undefined)
      await assertRunLock(session, 'another')
      await releaseRunLock(session, 'another')
      await expectFailure(assertRunLock(session, 'another'), 'DESTINATION_FAILED')
    } finally {
      await session.close()
    }
  })

  describe('without named pipes', () => {
    let plain: Warehouse
    beforeEach(async () => {
      await destination[Symbol.asyncDispose]()
      plain = place.destination({ hasPipes: false })
      await plain.open(unaborted())
      await makeTable(plain)
    })

    it('takes rows through a file, which does not stay', async () => {
      await load(plain, 'load-1', manyRows(300_000, DAY), { rejects: rejectsOf('x') })
      expect(await count()).toBe(300_000n)
      expect(await place.files()).toEqual([])
    })

    it('leaves no file when a load fails or is aborted', async () => {
      await expectFailure(load(plain, 'load-1', manyRows(5000, DAY, 4999)), 'DESTINATION_FAILED')
      await expectFailure(load(plain, 'load-1', { ...manyRows(50, DAY), rowCount: 1 }), 'COUNT_MISMATCH')
      await expectFailure(
        load(plain, 'load-1', relationOf([property('unknown')], [{ unknown: 'x' }])),
        'DESTINATION_FAILED',
      )
      for (const delayMs of [1, 20, 100, 300]) {
        const controller = new AbortController()
        const reason = new Error('enough')
        setTimeout(() => controller.abort(reason), delayMs)
        const loading = load(plain, 'load-1', manyRows(1_000_000_000, DAY), { signal: controller.signal })
        await expect(loading).rejects.toBe(reason)
      }
      expect(await place.files()).toEqual([])
      expect(await rows()).toEqual([])
      await load(plain, 'load-1', manyRows(10, DAY))
      expect(await count()).toBe(10n)
    })
  })
})
