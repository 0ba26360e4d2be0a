import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiFailure } from '../../destinations/bigquery/api/api-failure.ts'
import {
  assertColumns,
  CAPABILITIES,
  columnNameFault,
  isTableName,
  layoutOf,
} from '../../destinations/bigquery/dialect.ts'
import { explain } from '../../destinations/bigquery/failures.ts'
import {
  decodePendingLoads,
  encodePendingLoads,
  inJobId,
  type PendingLoad,
  targetsOf,
} from '../../destinations/bigquery/jobs/pending-loads.ts'
import { endpointOf, parseUrl, placeOf } from '../../destinations/bigquery/url.ts'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import { companionName, columnName as nameOfProperty } from '../../lib/columns/naming.ts'
import { MixloadError } from '../../lib/core/errors.ts'
import { driverFailure } from '../../lib/destination/failures.ts'
import { parseSelection } from '../../lib/destination/selection.ts'
import { daysOf } from '../../lib/time/days.ts'
import { viewsOf } from '../../lib/views/views.ts'
import { property } from '../conformance/rows.ts'

describe('names of columns for BigQuery', () => {
  it('that come from properties are all taken', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })), (text) => {
        fc.pre(text.isWellFormed())
        for (const name of [nameOfProperty(text), companionName(nameOfProperty(text))]) {
          expect(columnNameFault(name), name).toBeUndefined()
        }
      }),
    )
  })

  it.each([
    '_TABLE_x',
    '_file_',
    '_Partition',
    '_PARTITIONTIME',
    '_row_timestamp',
    '__root__',
    '_colidentifier_1',
    '_change_type',
  ])('such as %s are BigQuery’s own', (name) => expect(columnNameFault(name)).toContain('BigQuery reserves'))

  it.each(['', 'a b', 'a-b', '$os', 'a.b', '1st', 'a`b', '😀', 'a\nb', 'x'.repeat(301), 'a\0'])(
    'such as %j are refused',
    (name) => {
      expect(columnNameFault(name)).toBeDefined()
      expect(() => assertColumns('t', [], [property(name)])).toThrow(MixloadError)
    },
  )

  it.each(['a', '_', '_1', 'größe', '日本語', 'ไทย', 'a__text', '_table', 'select', 'x'.repeat(300), 'é'.repeat(300)])(
    'such as %s are taken',
    (name) => expect(columnNameFault(name)).toBeUndefined(),
  )

  it('that differ only in case are the same', () => {
    expect(() => assertColumns('t', ['Plan'], [property('plan')])).toThrow(/Plan/)
    expect(() => assertColumns('t', [], [property('GRÖSSE'), property('grösse')])).toThrow(MixloadError)
    expect(() => assertColumns('t', ['plan'], [property('plans')])).not.toThrow()
  })

  it('are at most 10,000 in a table', () => {
    const columns = Array.from({ length: 9999 }, (_, at) => property(`p${at}`))
    expect(() => assertColumns('t', ['a'], columns)).not.toThrow()
    expect(() => assertColumns('t', ['a', 'b'], columns)).toThrow(/10001 columns/)
  })
})

it('names of tables have letters, digits and _', () => {
  expect(['export', '_mixload_loads', 'größe', 'x'.repeat(1024)].filter((name) => !isTableName(name))).toEqual([])
  const refused = ['', 'a b', 'a$20260101', 'a.b', 'a"b', '`', 'a-b', 'x'.repeat(1025)]
  expect(refused.filter(isTableName)).toEqual([])
})

it('only a table with a date _day has partitions', () => {
  expect(layoutOf([property('_day', 'date'), property('event')])).toEqual({
    timePartitioning: { type: 'DAY', field: '_day' },
    clustering: { fields: ['event'] },
  })
  expect(layoutOf([property('_day', 'text'), property('event')])).toEqual({})
})

it('a job’s id has the letters that BigQuery allows', () => {
  expect(inJobId('a/b c"é😀-_1')).toMatch(/^[A-Za-z0-9_-]+$/)
})

describe('a BigQuery URL', () => {
  const parse = (url: string, bigqueryEndpoint?: string) => parseUrl({ url, schema: 'mixpanel', bigqueryEndpoint })

  it('names project, dataset and location', () => {
    expect(parse('bigquery://my-project/events?location=EU&key_file=/a%20b/key.json')).toEqual({
      project: 'my-project',
      dataset: 'events',
      location: 'EU',
      keyFile: '/a b/key.json',
      endpoint: undefined,
    })
  })

  it.each(['bigquery://my-project', 'bigquery://my-project/'])('such as %s takes the schema for its dataset', (url) =>
    expect(parse(url).dataset).toBe('mixpanel'),
  )

  it('may name a project of a domain', () => {
    expect(parse('bigquery://example.com:my-project/events').project).toBe('example.com:my-project')
  })

  it('goes to Google, or to the endpoint that it or the setting names', () => {
    const base = (...given: Parameters<typeof parse>) => endpointOf(parse(...given))
    expect(base('bigquery://p/d')).toBe('https://bigquery.googleapis.com')
    expect(base('bigquery://p/d?endpoint=http://127.0.0.1:9050/')).toBe('http://127.0.0.1:9050')
    expect(base('bigquery://p/d', 'http://localhost:1')).toBe('http://localhost:1')
    expect(base('bigquery://p/d?endpoint=http://localhost:2', 'http://localhost:1')).toBe('http://localhost:2')
  })

  it('is shown without the path of the key', () => {
    expect(placeOf(parse('bigquery://p/d?key_file=/secret/key.json'))).toBe('bigquery://p/d')
    expect(placeOf(parse('bigquery://p/d?endpoint=http://u:pw@localhost:9050'))).toBe(
      'bigquery://p/d at localhost:9050',
    )
  })

  it.each([
    'bigquery:',
    'bigquery://',
    'bigquery:///d',
    'bigquery://P!/d',
    'bigquery://p/d-e',
    'bigquery://p/d/e',
    'bigquery://p/%zz',
    'bigquery://p/d?locaton=EU',
    'bigquery://p/d?location=E U',
    'bigquery://p/d?endpoint=localhost',
    'bigquery://p/d?endpoint=http://localhost:1&key_file=k',
    'bigquery://p/d#x',
  ])('such as %s is refused, and not repeated in the message', (url) => {
    let failure: unknown
    try {
      parse(url)
    } catch (error) {
      failure = error
    }
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(String(failure)).not.toContain(url.length > 12 ? url : '\0')
  })

  it('needs a schema that can be a dataset if it names none', () => {
    expect(() => parseUrl({ url: 'bigquery://p', schema: 'a-b' })).toThrow(/--schema/)
  })
})

describe('a failure of BigQuery', () => {
  it.each([
    [{ isUnanswered: true }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 500, reason: 'internalError' }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 502 }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 503, reason: 'backendError' }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 429 }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 403, reason: 'rateLimitExceeded' }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 403, reason: 'quotaExceeded' }, 'DESTINATION_UNAVAILABLE'],
    [{ reason: 'jobBackendError', isOfJob: true }, 'DESTINATION_UNAVAILABLE'],
    [{ status: 501, reason: 'notImplemented' }, 'DESTINATION_FAILED'],
    [{ status: 403, reason: 'accessDenied' }, 'DESTINATION_FAILED'],
    [{ status: 401, reason: 'authError' }, 'DESTINATION_FAILED'],
    [{ status: 400, reason: 'invalid' }, 'DESTINATION_FAILED'],
    [{ status: 404, reason: 'notFound' }, 'DESTINATION_FAILED'],
  ])('%j is %s, whatever its message says', (facts, code) => {
    for (const message of ['x', 'rateLimitExceeded 503 ECONNRESET', 'accessDenied 403']) {
      expect(failureOf(new ApiFailure(message, facts)).code).toBe(code)
    }
  })

  it('keeps its cause, and an error that was already explained stays the same', () => {
    const cause = new ApiFailure('x', { status: 400 })
    const failure = failureOf(cause)
    expect(failure.cause).toBe(cause)
    expect(failureOf(failure)).toBe(failure)
  })
})

const failureOf = (error: unknown) => driverFailure('loading', error, explain(error))

describe('the view export_latest', () => {
  it('names _day only as a column, so that BigQuery reads only the partitions that a query filters by', () => {
    const deletions = (['delete_event_name', 'delete_insert_id'] as const).map((name) => ({
      ...property(`mp_${name}`),
      property: `$${name}`,
    }))
    const columns = [...EXPORT_COLUMNS, ...deletions]
    const list = columns.map(({ name }) => `\`${name}\``).join(',\n    ')
    const [latest] = viewsOf(CAPABILITIES, 'export', (table) => `\`${table}\``, columns)
    expect(latest?.name).toBe('export_latest')
    expect(latest?.query).toContain(list)
    expect(latest?.query.replace(list, '')).not.toContain('_day')
    expect(latest?.query).not.toContain('OVER')
  })
})

describe('pending loads', () => {
  const pending = (selection: string): PendingLoad => ({
    token: 'abcd1234',
    record: {
      loadId: 'l',
      stream: 's',
      firstDay: '2026-02-27',
      lastDay: '2026-03-01',
      selection: parseSelection(selection),
      rowCount: 1,
      rejectCount: 0,
      byteCount: 1,
      requestCount: 1,
      startedAt: new Date(1),
      loadedAt: new Date(2),
      writeMode: 'replace-days',
      mixloadVersion: '1',
      dayRows: { '2026-08-03': 2 },
    },
    table: 'export',
    mode: { kind: 'replace-days', firstDay: '2026-02-27', lastDay: '2026-03-01' },
    hasRows: true,
    hasRejects: false,
    stages: [],
  })

  it.each(['', 'é"\\\u2028', 'an event, '.repeat(5000)])('come back from a note as they were', (selection) => {
    expect(decodePendingLoads(JSON.parse(JSON.stringify(encodePendingLoads([pending(selection)]))))).toEqual([
      pending(selection),
    ])
  })

  it('come back from a note of an earlier version, which has the record as it was', () => {
    const { record, ...others } = pending('{"events":["A"]}')
    const noted = { ...others, record: { ...record, selection: '{"events":["A"]}' } }
    expect(decodePendingLoads(JSON.parse(JSON.stringify([noted])))).toEqual([pending('{"events":["A"]}')])
  })

  it('come back with whether they supersede rows, but with no query', () => {
    const noted = encodePendingLoads([{ ...pending(''), supersedes: true }])
    expect(JSON.stringify(noted)).not.toContain('SELECT')
    expect(decodePendingLoads(noted)).toMatchObject([{ supersedes: true }])
  })

  it('leave out the rows by day if there are too many of them', () => {
    const days = daysOf('2015-01-01', '2025-12-01')
    const dayRows = Object.fromEntries(days.map((day, at) => [day, (at * 2_654_435_761) % 1_000_003]))
    const { record, ...others } = pending('')
    const noted = encodePendingLoads([{ ...others, record: { ...record, dayRows } }])
    expect(JSON.stringify(noted).length).toBeLessThan(16_384)
    expect(decodePendingLoads(noted)).toEqual([{ ...others, record: { ...record, dayRows: null } }])
  })

  it('say which partitions they write, the days without rows included', () => {
    expect(targetsOf(pending(''))).toEqual(['export$20260227', 'export$20260228', 'export$20260301'])
    expect(targetsOf({ ...pending(''), hasRows: false })).toEqual([])
  })
})
