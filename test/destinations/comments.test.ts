import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Column } from '../../lib/columns/column.ts'
import { commentsOn, commentsToWrite } from '../../lib/describe/comments.ts'
import { knownTables, OTHER_VIEWS } from '../../lib/describe/known-tables.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
import { settingsFrom } from '../../lib/settings.ts'
import { viewsOver } from '../../lib/views/views.ts'
import { expectFailure } from '../conformance/failures.ts'
import { EVENT_COLUMNS, load, newColumns, property, relationOf, unaborted } from '../conformance/rows.ts'
import { asUser, connect, query } from '../postgres/shared.ts'
import { DATASET, fakePlace } from './bigquery-fakes.ts'
import { PostgresPlace } from './postgres-place.ts'

const LOCKS = { lockTimeoutMs: 150, lockPatienceMs: 60_000 }
const PLAN: Column = { ...property('plan'), property: 'The "Plan"\'s\nname \\' }

/** Makes the table of events and its views, and returns the number of what got new comments. */
async function describeEvents(destination: Warehouse): Promise<number> {
  const known = knownTables(settingsFrom({}))
  const table = known.find(({ name }) => name === 'export')
  if (table === undefined) throw new Error('the table export is unknown')
  const columns = await destination.columns('export')
  const wanted = commentsOn({ known: table, columns, views: OTHER_VIEWS.slice(0, 3), lexicon: {} })
  const existing = await destination.comments(wanted.map(({ name }) => name))
  const changes = commentsToWrite(wanted, existing, 'missing', destination.capabilities.commentBytesMax)
  if (changes.length > 0) await destination.putComments(changes)
  return changes.length
}

async function makeEvents(destination: Warehouse): Promise<void> {
  await destination.open(unaborted())
  await destination.addColumns('export', newColumns([...EXPORT_COLUMNS, PLAN]))
  await destination.putViews(await viewsOver(destination, 'export'))
}

const COMMENT = /^Property The "Plan"'s\nname \\\. First seen \d{4}-\d\d-\d\d\.$/

describe('comments in Postgres', () => {
  let place: PostgresPlace
  let destination: Warehouse
  beforeEach(async () => {
    place = await PostgresPlace.create()
    destination = place.destination(LOCKS)
    await makeEvents(destination)
  })
  afterEach(() => place[Symbol.asyncDispose]())

  it('are what the server describes tables, views and columns with', async () => {
    expect(await describeEvents(destination)).toBe(4)
    const [found] = await place.query(
      `SELECT obj_description('mixpanel.export'::regclass) AS "table",
         obj_description('mixpanel.identities'::regclass) AS "view",
         (SELECT col_description('mixpanel.export_latest'::regclass, ordinal_position::int)
          FROM information_schema.columns WHERE table_name = 'export_latest' AND column_name = 'plan') AS "column",
         (SELECT count(*) FROM pg_description WHERE objoid = 'mixpanel.export_latest_by_time'::regclass) AS "count"`,
    )
    expect(found?.table).toMatch(/^Rows of the raw export/)
    expect(found?.view).toMatch(/^Maps each id/)
    expect(found?.column).toMatch(COMMENT)
    expect(found?.count).toBe(BigInt(EXPORT_COLUMNS.length + 2))
  })

  it('neither wait for a reader, nor make one wait', async () => {
    await using reader = await connect(place.database.url)
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const READ = 'SELECT count(*) AS count FROM mixpanel.export_latest'
    await query(reader, READ)
    expect(await describeEvents(destination)).toBe(4)
    expect(await query(reader, READ)).toEqual([{ count: 0n }])
    const event = { event: 'a', event_id: '1', distinct_id: 'p', time: '2026-08-03T12:00:00Z', _day: '2026-08-03' }
    await load(destination, 'load-1', relationOf(EVENT_COLUMNS, [event]), { table: 'export' })
    await reader.query('COMMIT')
    // Nor while their transaction is open.
    await using writer = await connect(place.database.url)
    await writer.query("BEGIN; COMMENT ON COLUMN mixpanel.export.plan IS 'x'")
    await query(reader, 'SET lock_timeout = 100')
    expect(await query(reader, READ)).toEqual([{ count: 1n }])
    await writer.query('ROLLBACK')
  })

  it('give up soon if a table is locked, and leave it as it is', async () => {
    await using locking = await connect(place.database.url)
    await locking.query('BEGIN; LOCK TABLE mixpanel.export IN SHARE UPDATE EXCLUSIVE MODE')
    const failure = await expectFailure(describeEvents(destination), 'DESTINATION_FAILED')
    expect(failure.message).toMatch(/export is locked by another session/)
    await locking.query('COMMIT')
    expect(await describeEvents(destination)).toBe(4)
  })

  it('are left out where the role does not own the table', async () => {
    await place.query(`CREATE ROLE "owner_${place.database.name}"; ALTER TABLE mixpanel.export OWNER TO "owner_${place.database.name}";
      CREATE ROLE "loader_${place.database.name}" LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA mixpanel TO "loader_${place.database.name}";
      GRANT ALL ON ALL TABLES IN SCHEMA mixpanel TO "loader_${place.database.name}"`)
    await destination[Symbol.asyncDispose]()
    const url = asUser(place.database.url, `loader_${place.database.name}`, 'x')
    const loader = place.destination({ ...LOCKS, url })
    await loader.openToRead(unaborted())
    expect(await loader.comments(['export', 'export_latest'])).toEqual([])
    await loader[Symbol.asyncDispose]()
    await place.query(`DROP OWNED BY "loader_${place.database.name}"; DROP ROLE "loader_${place.database.name}";
      REASSIGN OWNED BY "owner_${place.database.name}" TO CURRENT_USER; DROP ROLE "owner_${place.database.name}"`)
  })
})

describe('comments in BigQuery', () => {
  it('are descriptions, changed by one request for each table and view', async () => {
    await using place = await fakePlace()
    const destination = place.client('a')
    await makeEvents(destination)
    const before = place.fake.requests.length
    expect(await describeEvents(destination)).toBe(4)
    const changes = place.fake.requests.slice(before).filter(({ method }) => method === 'PATCH')
    const tables = changes.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
    expect(tables.filter((name) => name !== '_mixload_lease')).toEqual(
      expect.arrayContaining(['export', 'export_latest', 'export_latest_by_time', 'identities']),
    )
    expect(tables.filter((name) => name !== '_mixload_lease')).toHaveLength(4)
    const { description, schema } = place.fake.store.table(DATASET, 'export').resource
    expect(description).toMatch(/^Rows of the raw export/)
    expect(JSON.stringify(schema)).toContain('When the event happened')
    expect(await describeEvents(destination)).toBe(0)
  })
})
