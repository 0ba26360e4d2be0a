import { describe, expect, it } from 'vitest'
import { expectFailure } from '../conformance/failures.ts'
import {
  COLUMNS,
  load,
  makeTable,
  manyRows,
  newColumns,
  property,
  relationOf,
  TABLE,
  thing,
  unaborted,
} from '../conformance/rows.ts'
import { DATASET, type FakePlace, fakePlace, UNLIMITED } from './bigquery-fakes.ts'

const TEN = manyRows(10, '2026-08-03')

async function opened(place: FakePlace, options: Parameters<FakePlace['client']>[1] = {}) {
  const destination = place.client('run', options)
  await destination.open(unaborted())
  await makeTable(destination)
  return destination
}

describe('BigQuery’s limits', () => {
  it('of changes to a table in ten seconds are kept', async () => {
    await using place = await fakePlace({})
    const options = { timing: { updatesPerTenSeconds: 5, partitionedUpdatesPerTenSeconds: 50 } }
    const destination = await opened(place, options)
    const started = performance.now()
    for (let at = 0; at < 6; at++) await makeTable(destination, [property(`p${at}`)], 'plain')
    expect(performance.now() - started).toBeGreaterThan(9000)
    expect(place.fake.store.table(DATASET, 'plain').updates).toHaveLength(6)
  })

  it('of names and columns are checked before the first request', async () => {
    await using place = await fakePlace()
    const destination = await opened(place)
    const before = place.fake.requests.length
    const many = Array.from({ length: 10_001 }, (_, at) => property(`p${at}`))
    const refused: readonly (readonly [ReturnType<typeof property>[], RegExp])[] = [
      [[property('_TABLE_suffix')], /_TABLE_/],
      [[property('_partitiontime')], /_PARTITION/],
      [[property('Plan'), property('plan')], /Plan/],
      [[property('Name')], /name/],
      [[property('a b')], /letters/],
      [[property('x'.repeat(301))], /300/],
      [many, /10000/],
    ]
    for (const [columns, says] of refused) {
      const failure = await expectFailure(destination.addColumns(TABLE, newColumns(columns)), 'DESTINATION_FAILED')
      expect(failure.message).toMatch(says)
    }
    await expectFailure(destination.addColumns('no table', newColumns([property('a')])), 'DESTINATION_FAILED')
    const changes = place.fake.requests.slice(before).filter(({ method }) => method !== 'GET')
    expect(changes).toEqual([])
  })

  it('of days in a job are checked by BigQuery, which refuses the whole load', async () => {
    await using place = await fakePlace({ ...UNLIMITED, partitionsPerJob: 3 })
    const destination = await opened(place)
    const rows = ['2026-08-01', '2026-08-02', '2026-08-03', '2026-08-04'].map((day) => thing('a', day))
    await expectFailure(load(destination, 'load-1', relationOf(COLUMNS, rows)), 'DESTINATION_FAILED')
    expect(place.rows(TABLE)).toEqual([])
  })
})

describe('a dataset', () => {
  it('that may not be created leads to a message that says what to grant', async () => {
    await using place = await fakePlace()
    place.fake.fault = ({ method }) => (method === 'POST' ? { status: 403, reason: 'accessDenied' } : undefined)
    const failure = await expectFailure(place.client('run').open(unaborted()), 'DESTINATION_FAILED')
    expect(failure.message).toContain('bigquery.datasets.create')
    expect(failure.cause).toMatchObject({ reason: 'accessDenied' })
  })

  it('that may not be seen leads to a message that says what to grant', async () => {
    await using place = await fakePlace()
    place.fake.fault = () => ({ status: 403, reason: 'accessDenied' })
    const failure = await expectFailure(place.client('run').open(unaborted()), 'DESTINATION_FAILED')
    expect(failure.message).toContain('roles/bigquery.dataEditor')
  })

  it('is created in the location of the URL, and is not accepted elsewhere', async () => {
    await using place = await fakePlace()
    const url = (location: string) => ({ url: `bigquery://proj/${DATASET}?location=${location}` })
    await (await opened(place, url('EU')))[Symbol.asyncDispose]()
    expect(place.fake.store.dataset(DATASET).resource.location).toBe('EU')
    await (await opened(place, url('eu')))[Symbol.asyncDispose]()
    const failure = await expectFailure(place.client('run', url('US')).open(unaborted()), 'CONFIG_INVALID')
    expect(failure.message).toContain('kept in EU')
  })

  it('that somebody else creates at the same time is used', async () => {
    await using place = await fakePlace()
    place.fake.fault = ({ method, path }) => {
      if (method === 'POST' && path === 'proj/datasets' && !place.fake.store.datasets.has(DATASET)) {
        place.fake.store.createDataset({ datasetReference: { datasetId: DATASET } })
      }
      return undefined
    }
    const destination = await opened(place)
    await load(destination, 'load-1', TEN)
    expect(place.rows(TABLE)).toHaveLength(10)
  })
})
