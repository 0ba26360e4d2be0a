import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
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
import { asUser, query, withClient } from '../postgres/shared.ts'
import { PostgresPlace } from './postgres-place.ts'

const DAY = '2026-08-03'

describe('rights in Postgres', () => {
  let place: PostgresPlace
  let loader: string
  let reader: string
  beforeEach(async () => {
    place = await PostgresPlace.create()
    ;[loader, reader] = ['loader', 'reader'].map((role) => `${role}_${crypto.randomUUID()}`) as [string, string]
    await place.query(`
      CREATE ROLE "${loader}" LOGIN PASSWORD 'hush-hush'; CREATE ROLE "${reader}" LOGIN PASSWORD 'hush-hush';
      REVOKE ALL ON DATABASE "${place.database.name}" FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
      GRANT CONNECT ON DATABASE "${place.database.name}" TO "${loader}", "${reader}"`)
  })
  afterEach(async () => {
    for (const role of [reader, loader]) await place.query(`DROP OWNED BY "${role}" CASCADE; DROP ROLE "${role}"`)
    await place[Symbol.asyncDispose]()
  })
  const urlOf = (role: string) => asUser(place.database.url, role, 'hush-hush')
  const as = (role: string): Warehouse => place.destination({ url: urlOf(role) })
  const grantAsDocumented = () =>
    place.query(`CREATE SCHEMA mixpanel; GRANT USAGE, CREATE ON SCHEMA mixpanel TO "${loader}"`)

  /** All that a run does. */
  async function runEverything(destination: Warehouse): Promise<void> {
    await destination.open(unaborted())
    await makeTable(destination)
    const view = { name: 'all_things', query: `SELECT name FROM ${destination.pathInViews(TABLE)}` }
    await destination.putViews([view])
    await load(destination, 'load-1', manyRows(10, DAY), { rejects: rejectsOf('x') })
    await destination.addColumns(TABLE, newColumns([property('later')]))
    await destination.putViews([{ ...view, query: `SELECT name, later FROM ${destination.pathInViews(TABLE)}` }])
    await load(destination, 'load-2', manyRows(5, DAY), {
      mode: { kind: 'replace-days', firstDay: DAY, lastDay: DAY },
    })
    await load(destination, 'load-3', relationOf(COLUMNS, [thing('a')]), { mode: { kind: 'replace-table' } })
    expect(await destination.ledger(TABLE)).toHaveLength(3)
    await destination.open(unaborted())
    await destination[Symbol.asyncDispose]()
  }

  it('to use a schema and create in it are enough for a whole run', async () => {
    await grantAsDocumented()
    await runEverything(as(loader))
    await as(loader).open(unaborted())
  })

  it('to create in the database are enough if the schema does not exist', async () => {
    await place.query(`GRANT CREATE ON DATABASE "${place.database.name}" TO "${loader}"`)
    await runEverything(as(loader))
  })

  it('that are missing are named', async () => {
    const none = await expectFailure(as(loader).open(unaborted()), 'DESTINATION_FAILED')
    expect(none.message).toContain('CREATE SCHEMA IF NOT EXISTS "mixpanel"')
    expect(none.cause).toBeInstanceOf(Error)
    await place.query('CREATE SCHEMA mixpanel')
    const onlySchema = await expectFailure(as(loader).open(unaborted()), 'DESTINATION_FAILED')
    expect(onlySchema.message).toContain('GRANT USAGE, CREATE ON SCHEMA "mixpanel"')
    const [statements = ''] = /CREATE SCHEMA .*;/.exec(onlySchema.message) ?? []
    await place.query(statements)
    await runEverything(as(loader))
    const toRead = as(reader)
    await toRead.openToRead(unaborted())
    const noRead = await expectFailure(toRead.ledger(TABLE), 'DESTINATION_FAILED')
    expect(noRead.message).toContain('GRANT USAGE ON SCHEMA "mixpanel"')
  })

  it('on a table that is somebody else’s are named', async () => {
    await grantAsDocumented()
    await place.query(`CREATE TABLE mixpanel.${TABLE} (_day date)`)
    const destination = as(loader)
    await destination.open(unaborted())
    const failure = await expectFailure(makeTable(destination), 'DESTINATION_FAILED')
    expect(failure.message).toContain('The tables in it must be owned by')
    expect(await destination.columns(TABLE)).toEqual([])
  })

  it('of a role that only reads survive all that a run does, also for new tables and views', async () => {
    await grantAsDocumented()
    await place.query(`GRANT USAGE ON SCHEMA mixpanel TO "${reader}"; GRANT SELECT ON ALL TABLES IN SCHEMA mixpanel TO "${reader}";
      ALTER DEFAULT PRIVILEGES FOR ROLE "${loader}" IN SCHEMA mixpanel GRANT SELECT ON TABLES TO "${reader}"`)
    await runEverything(as(loader))
    const rows = await withClient(urlOf(reader), (client) =>
      query(client, 'SELECT name, later FROM mixpanel.all_things'),
    )
    expect(rows).toEqual([{ name: 'a', later: null }])
    const status = as(reader)
    await status.openToRead(unaborted())
    expect(await status.ledger(TABLE)).toHaveLength(3)
    expect(await status.columns(TABLE)).toHaveLength(6)
    await expectFailure(status.putViews([]), 'DESTINATION_FAILED')
  })

  it('to write that a role or a server lacks are reported', async () => {
    await grantAsDocumented()
    await place.query(`ALTER ROLE "${loader}" SET default_transaction_read_only = on`)
    const failure = await expectFailure(as(loader).open(unaborted()), 'DESTINATION_FAILED')
    expect(failure.message).toContain('default_transaction_read_only')
  })

  it('are enough, whatever settings the role and the database have for people', async () => {
    await grantAsDocumented()
    await place.query(`
      CREATE SCHEMA decoy; GRANT ALL ON SCHEMA decoy TO "${loader}";
      CREATE FUNCTION decoy.max(timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE ''decoy''; END';
      CREATE DOMAIN decoy.text AS varchar(1);
      ALTER ROLE "${loader}" SET search_path = decoy, pg_catalog;
      ALTER ROLE "${loader}" SET statement_timeout = '500ms';
      ALTER ROLE "${loader}" SET lock_timeout = '500ms';
      ALTER ROLE "${loader}" SET idle_in_transaction_session_timeout = '500ms';
      ALTER ROLE "${loader}" SET idle_session_timeout = '500ms';
      ALTER ROLE "${loader}" SET transaction_timeout = '500ms';
      ALTER ROLE "${loader}" SET DateStyle = 'German, DMY';
      ALTER ROLE "${loader}" SET TimeZone = 'Asia/Kathmandu';
      ALTER ROLE "${loader}" SET standard_conforming_strings = off;
      ALTER ROLE "${loader}" SET default_transaction_isolation = 'serializable';
      ALTER ROLE "${loader}" SET client_encoding = 'LATIN1';
      ALTER ROLE "${loader}" SET extra_float_digits = -15`)
    const destination = as(loader)
    await destination.open(unaborted())
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await makeTable(destination)
    const first = await load(destination, 'load-1', relationOf(COLUMNS, [thing('größe 😀 \\', '0001-02-03', 0.1)]))
    const second = await load(destination, 'load-2', manyRows(1_000_000, DAY))
    expect(await destination.ledger(TABLE)).toEqual([first, second])
    expect(
      await place.query(`SELECT _day, name, amount, _loaded_at FROM mixpanel.${TABLE} WHERE _load_id = 'load-1'`),
    ).toEqual([{ _day: '0001-02-03', name: 'größe 😀 \\', amount: 0.1, _loaded_at: first.loadedAt.toISOString() }])
  })
})
