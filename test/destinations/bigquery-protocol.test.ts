import { describe, expect, it } from 'vitest'
import type { Column } from '../../lib/columns/column.ts'
import type { WriteMode } from '../../lib/destination/contract.ts'
import { expectFailure } from '../conformance/failures.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  newColumns,
  property,
  rejectsOf,
  relationOf,
  TABLE,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { DATASET, type FakePlace, fakePlace, NUMBERED } from './bigquery-fakes.ts'

const DAY = '2026-08-03'
const TWO_DAYS: WriteMode = { kind: 'replace-days', firstDay: '2026-08-02', lastDay: DAY }

/** The resource of a table. */
function tableOf({ fake }: FakePlace, table: string) {
  return fake.store.table(DATASET, table).resource
}

async function opened(place: FakePlace, options: Parameters<FakePlace['client']>[1] = {}) {
  const destination = place.client('run', options)
  await destination.open(unaborted())
  await makeTable(destination)
  return destination
}

describe('a run on BigQuery', () => {
  it('runs no queries and streams nothing: it sends load and copy jobs only', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', manyRows(100, DAY), { rejects: rejectsOf('x') })
    await load(destination, 'load-2', manyRows(10, DAY), { mode: TWO_DAYS })
    await load(destination, 'load-3', manyRows(10, DAY), { mode: { kind: 'replace-table' } })
    await destination.ledger(TABLE)
    await destination.columns(TABLE)
    await destination[Symbol.asyncDispose]()
    expect(place.jobsSent().map(({ kind }) => kind)).not.toContain('query')
    expect(place.fake.requests.filter(({ path }) => /insertAll|\/queries/.test(path))).toEqual([])
  })

  it('tries views by dry runs, which are free', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await destination.putViews([{ name: 'v', query: 'SELECT 1 AS one' }])
    const queries = place.fake.requests.flatMap(({ job }) => (job?.configuration.query === undefined ? [] : [job]))
    expect(queries.map(({ configuration }) => configuration)).toEqual([
      { dryRun: true, query: { query: 'SELECT 1 AS one', useLegacySql: false } },
    ])
  })

  it('sends few requests: while it holds the lease it keeps what it has read', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', manyRows(10, DAY))
    const before = place.fake.requests.length
    await load(destination, 'load-2', manyRows(10, DAY))
    expect(place.fake.requests.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
      `PATCH proj/datasets/${DATASET}/tables/_mixload_lease`,
      'POST proj/jobs',
      'POST proj/jobs',
    ])
  })

  it('creates a clustered table with day partitions for events', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const fixed = (name: string, type: Column['type']): Column => ({ name, type, role: 'fixed', property: null })
    await destination.addColumns(
      'export',
      newColumns([fixed('event', 'text'), fixed('distinct_id', 'text'), fixed('_day', 'date'), property('größe')]),
    )
    expect(tableOf(place, 'export')).toMatchObject({
      timePartitioning: { type: 'DAY', field: '_day' },
      clustering: { fields: ['event', 'distinct_id'] },
      schema: { fields: [{ name: 'event' }, {}, {}, { name: 'größe' }] },
    })
    await destination.addColumns('cohorts', newColumns([property('id')]))
    expect(tableOf(place, 'cohorts')).not.toHaveProperty('timePartitioning')
  })

  it('adds any number of columns in one change, on the condition that nobody else changed the table', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    // In between, somebody changes a description.
    let isFirst = true
    place.fake.fault = ({ method, path }) => {
      if (method === 'PATCH' && path.endsWith(`/${TABLE}`) && isFirst) {
        isFirst = false
        place.fake.store.changeTable(DATASET, TABLE, { description: 'ours' }, undefined)
      }
      return undefined
    }
    await destination.addColumns(TABLE, newColumns(Array.from({ length: 500 }, (_, at) => property(`p${at}`))))
    expect(tableOf(place, TABLE)).toMatchObject({ description: 'ours' })
    expect(await destination.columns(TABLE)).toHaveLength(505)
    expect(place.jobsSent().filter(({ purpose }) => purpose === 'columns')).toHaveLength(2)
  })
})

describe('the jobs of a load', () => {
  const jobsOf = (place: FakePlace) =>
    place
      .jobsSent()
      .flatMap(({ purpose, target, disposition }) =>
        purpose === 'columns' ? [] : [`${purpose}: ${disposition} ${target.replace(/stage_[0-9a-f]{8}/, 'stage')}`],
      )

  it.each<{ what: string; mode: WriteMode; jobs: readonly string[] }>([
    { what: 'that appends', mode: { kind: 'append' }, jobs: ['rows: WRITE_APPEND things'] },
    { what: 'that replaces the table', mode: { kind: 'replace-table' }, jobs: ['rows: WRITE_TRUNCATE things'] },
    {
      what: 'that replaces days',
      mode: TWO_DAYS,
      jobs: ['rows: WRITE_TRUNCATE things$20260802', 'rows: WRITE_TRUNCATE things$20260803'],
    },
  ])('$what come before the ledger’s', async ({ mode, jobs }) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', manyRows(10, DAY), { mode })
    expect(jobsOf(place)).toEqual([...jobs, 'ledger: WRITE_APPEND _mixload_loads'])
  })

  it('have ids made of the load’s id, a token and the number of the attempt', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'an odd id/1', manyRows(10, DAY))
    const ids = place.jobsSent().flatMap(({ id, purpose }) => (purpose === 'columns' ? [] : [id]))
    expect(ids.map((id) => id.replace(/_[0-9a-f]{8}_/, '_TOKEN_'))).toEqual([
      'mixload_an_odd_id_1_TOKEN_rows_1',
      'mixload_an_odd_id_1_TOKEN_ledger_1',
    ])
  })

  it('find superseded rows once the rows are in, by a query that appends them', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await makeTable(destination, NUMBERED)
    await load(destination, 'load-1', manyRows(10, DAY), {
      rejects: rejectsOf('x'),
      record: { dayRows: { [DAY]: 10 } },
    })
    expect(jobsOf(place).slice(1)).toEqual([
      'rows: WRITE_APPEND things',
      'superseded: WRITE_APPEND _mixload_superseded',
      'rejects: WRITE_APPEND _mixload_rejects',
      'ledger: WRITE_APPEND _mixload_loads',
    ])
    const { job } = place.fake.requests.find((request) => request.job?.id.endsWith('_superseded_1') === true) ?? {}
    const { createDisposition, query } = job?.configuration.query ?? {}
    expect(job?.configuration.query).toMatchObject({ useLegacySql: false })
    expect(createDisposition).toBe('CREATE_NEVER')
    expect(query).toContain(`FROM \`proj\`.\`${DATASET}\`.\`things\``)
    expect(query).toContain("_day BETWEEN DATE '2026-08-02' AND DATE '2026-08-04'")
  })

  it('are no more than the ledger’s if there are no events', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await makeTable(destination, NUMBERED)
    await load(destination, 'load-1', relationOf([], []), { record: { dayRows: {} } })
    expect(jobsOf(place)).toEqual(['ledger: WRITE_APPEND _mixload_loads'])
  })

  it('stage rejects first, and publish them after the rows', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', manyRows(10, DAY), { rejects: rejectsOf('x') })
    expect(jobsOf(place)).toEqual([
      'stage: WRITE_APPEND _mixload_stage_rejects',
      'rows: WRITE_APPEND things',
      'rejects: WRITE_APPEND _mixload_rejects',
      'ledger: WRITE_APPEND _mixload_loads',
    ])
    expect(place.rows('_mixload_rejects')).toHaveLength(1)
    expect(place.stages()).toEqual([])
  })

  it.each<WriteMode>([
    { kind: 'append' },
    { kind: 'replace-table' },
    { kind: 'replace-days', firstDay: DAY, lastDay: DAY },
  ])('gather rows that are too many for a file in a stage, and show them in one step ($kind)', async (mode) => {
    await using place = await fakePlace()
    const destination = await opened(place, { fileBytesMax: 3000 })
    await load(destination, 'load-0', relationOf(COLUMNS, [thing('old'), thing('old', '2026-01-01')]))
    await load(destination, 'load-1', manyRows(100, DAY), { mode })
    const jobs = place.jobsSent().slice(-7)
    const stage = jobs.filter(({ purpose }) => purpose === 'stage')
    expect(stage.length).toBeGreaterThan(2)
    expect(new Set(stage.map(({ target }) => target)).size).toBe(1)
    const rows = place.jobsSent().filter(({ purpose, kind }) => purpose === 'rows' && kind === 'copy')
    expect(rows).toHaveLength(1)
    const old = { append: 2, 'replace-table': 0, 'replace-days': 1 }[mode.kind]
    expect(place.rows(TABLE)).toHaveLength(100 + old)
    expect(new Set(place.rows(TABLE).map(({ name }) => name)).size).toBe(100 + (old === 0 ? 0 : 1))
    expect(place.stages()).toEqual([])
  })

  it('of a table that is replaced contain its whole schema and layout, as both would be lost otherwise', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    // Also what somebody else has added.
    const { fields } = tableOf(place, TABLE).schema as { fields: readonly unknown[] }
    const schema = { fields: [...fields, { name: 'theirs', type: 'STRING' }] }
    place.fake.store.changeTable(DATASET, TABLE, { schema }, undefined)
    const before = tableOf(place, TABLE)
    await load(destination, 'load-1', relationOf(COLUMNS.slice(0, 1), [{ _day: DAY }]), {
      mode: { kind: 'replace-table' },
    })
    expect(tableOf(place, TABLE)).toEqual({ ...before, clustering: undefined })
  })

  it('keep JSON strings as strings and JSON objects as objects', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const columns = [property('j', 'json'), property('n', 'bigint')]
    await makeTable(destination, columns)
    const texts = ['"text"', '{"a":[1,{"b":null}]}', '12', 'true', '"{}"', 'null']
    await load(
      destination,
      'load-1',
      relationOf(
        columns,
        texts.map((j) => ({ j, n: 2n ** 63n - 1n })),
      ),
    )
    expect(place.rows(TABLE).map(({ j }) => j ?? null)).toEqual(['text', { a: [1, { b: null }] }, 12, true, '{}', null])
    // As a number it would lose digits in JavaScript.
    expect(place.rows(TABLE)[0]?.n).toBe('9223372036854775807')
  })

  it('name no column that is null', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await load(destination, 'load-1', relationOf(COLUMNS, [thing(null, DAY, null)]))
    expect(Object.keys(place.rows(TABLE)[0] ?? {}).toSorted()).toEqual(['_day', '_load_id', '_loaded_at'])
  })

  it('write non-finite numbers, and warn of times outside BigQuery’s calendar', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const columns = [property('d', 'double'), property('t', 'timestamptz'), property('day', 'date')]
    await makeTable(destination, columns)
    await load(destination, 'load-1', {
      columns,
      rowCount: 4,
      query: `SELECT * FROM (VALUES
        ('NaN'::DOUBLE, TIMESTAMPTZ '9999-12-31 23:59:59.999+00', DATE '9999-12-31'),
        ('Infinity'::DOUBLE, TIMESTAMPTZ '10000-01-01 00:00:00+00', DATE '10000-01-01'),
        ('-Infinity'::DOUBLE, TIMESTAMPTZ '0001-01-01 00:00:00+00' - INTERVAL 1 DAY, DATE '0001-01-01'),
        (NULL, NULL, NULL)) AS given(d, t, day)`,
    })
    expect(place.rows(TABLE).map(({ d }) => d ?? null)).toEqual(['NaN', 'Infinity', '-Infinity', null])
    expect(place.rows(TABLE).map(({ t }) => t ?? null)).toEqual(['9999-12-31 23:59:59.999Z', null, null, null])
    expect(place.warnings).toEqual([expect.stringMatching(/^things: 3 dates lie outside the years 1 to 9999/)])
  })
})

describe('replacing days on BigQuery', () => {
  it.each([
    ['a day outside of them', `SELECT DATE '2026-08-05' AS _day, 'a' AS name`],
    ['no day', `SELECT CAST(NULL AS DATE) AS _day, 'a' AS name`],
  ])('refuses a row of %s before the first job', async (_, query) => {
    await using place = await fakePlace()
    const destination = await opened(place)
    for (const mode of [TWO_DAYS, { ...TWO_DAYS, firstDay: DAY }] as const) {
      const relation = { columns: COLUMNS.slice(0, 2), rowCount: 1, query }
      await expectFailure(load(destination, 'load-1', relation, { mode }), 'DESTINATION_FAILED')
    }
    expect(place.jobsSent().filter(({ purpose }) => purpose !== 'columns')).toEqual([])
  })

  it('is refused if the table has no partitions', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    await makeTable(destination, [property('name')], 'plain')
    const loading = load(destination, 'load-1', relationOf([], []), { table: 'plain', mode: TWO_DAYS })
    expect((await expectFailure(loading, 'DESTINATION_FAILED')).message).toContain('no partitions')
  })

  it('can be done for many days at once', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const mode: WriteMode = { kind: 'replace-days', firstDay: '2026-01-01', lastDay: '2026-03-31' }
    const query = `SELECT DATE '2026-01-01' + CAST(i % 90 AS INTEGER) AS _day, concat('n', i) AS name, 1.0::DOUBLE AS amount
      FROM range(9000) AS numbers(i)`
    for (const id of ['load-1', 'load-2']) {
      await load(destination, id, { columns: COLUMNS, rowCount: 9000, query }, { mode })
    }
    expect(place.rows(TABLE)).toHaveLength(9000)
    expect(new Set(place.rows(TABLE).map(({ _load_id }) => _load_id))).toEqual(new Set(['load-2']))
  })
})
