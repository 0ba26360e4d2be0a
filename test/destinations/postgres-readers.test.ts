import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXPORT_COLUMNS } from '../../lib/columns/catalogue.ts'
import type { Warehouse } from '../../lib/destination/warehouse.ts'
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
  TABLE,
  thing,
  unaborted,
  whenAsked,
} from '../conformance/rows.ts'
import { connect, query } from '../postgres/shared.ts'
import { PostgresPlace } from './postgres-place.ts'

const DAY = '2026-08-03'
const DAYS = { kind: 'replace-days', firstDay: DAY, lastDay: DAY } as const
const ALL = { kind: 'replace-table' } as const
/** Short, so that tests of waiting need not wait long. */
const LOCKS = { lockTimeoutMs: 150, lockPatienceMs: 60_000 }

describe('in Postgres', () => {
  let place: PostgresPlace
  let destination: Warehouse
  let others: (pg.Client & AsyncDisposable)[]
  beforeEach(async () => {
    others = []
    place = await PostgresPlace.create()
    destination = place.destination(LOCKS)
    await destination.open(unaborted())
  })
  afterEach(async () => {
    for (const client of others) await client[Symbol.asyncDispose]()
    await place[Symbol.asyncDispose]()
  })
  const connection = async () => {
    const client = await connect(place.database.url)
    others.push(client)
    return client
  }

  describe('rows that are removed', () => {
    const removal = { day: DAY, where: `__rows._day = DATE '${DAY}' AND __rows.name = 'old'`, rowCount: 1 }

    it('stay for a reader that began before, who delays nothing', async () => {
      await makeTable(destination)
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('old'), thing('new')]))
      const reader = await connection()
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      const count = async () => Number((await reader.query('SELECT count(*) AS n FROM mixpanel.things')).rows[0].n)
      expect(await count()).toBe(2)
      await load(destination, 'load-2', relationOf([], []), { removal })
      await destination.reclaimSpace([TABLE], unaborted())
      expect(await count()).toBe(2)
      await reader.query('COMMIT')
      expect(await count()).toBe(1)
    })

    it('keep nobody waiting for ever whose table somebody has locked', async () => {
      await makeTable(destination)
      const impatient = place.destination({ lockTimeoutMs: 50, lockPatienceMs: 200 })
      await destination[Symbol.asyncDispose]()
      await impatient.open(unaborted())
      const owner = await connection()
      await owner.query('BEGIN; LOCK TABLE mixpanel.things IN ACCESS EXCLUSIVE MODE')
      const failure = await expectFailure(impatient.reclaimSpace([TABLE], unaborted()), 'DESTINATION_UNAVAILABLE')
      expect(failure.message).toContain('cannot reclaim space')
      await owner.query('ROLLBACK')
      await impatient.reclaimSpace([TABLE], unaborted())
    })
  })

  describe('what users have built on the tables', () => {
    const event = (id: string, more: Readonly<Record<string, string>> = {}) => ({
      event: 'Order',
      event_id: id,
      distinct_id: 'ann',
      time: `${DAY}T12:00:00.000Z`,
      _day: DAY,
      mp_insert_id: id,
      ...more,
    })
    const VIEWS = ['plain', 'narrow', 'on_view', 'on_ours', 'on_both', 'materialized'] as const
    const putViews = async () => destination.putViews(await viewsOver(destination, 'export'))
    /** How many rows each shows. */
    const shown = async () => {
      const counts = VIEWS.map((view) => `(SELECT count(*) FROM analytics.${view}) AS ${view}`)
      const [found] = await place.query(`REFRESH MATERIALIZED VIEW analytics.materialized; SELECT ${counts.join(', ')}`)
      return VIEWS.map((view) => Number(found?.[view]))
    }
    beforeEach(async () => {
      await destination.addColumns('export', newColumns(EXPORT_COLUMNS))
      await putViews()
      await load(destination, 'load-1', relationOf(EVENT_COLUMNS, [event('1'), event('1'), event('2')]), {
        table: 'export',
      })
      await place.query(`
        CREATE SCHEMA analytics;
        CREATE VIEW analytics.plain AS SELECT * FROM mixpanel.export;
        CREATE VIEW analytics.narrow AS SELECT event, "time"::date AS day FROM mixpanel.export WHERE event = 'Order';
        CREATE VIEW analytics.on_view AS SELECT day, event FROM analytics.narrow;
        CREATE VIEW analytics.on_ours AS SELECT * FROM mixpanel.export_latest;
        CREATE VIEW analytics.on_both AS SELECT new.event FROM analytics.on_ours AS new JOIN analytics.plain AS old
          ON new.mp_insert_id = old.mp_insert_id;
        CREATE MATERIALIZED VIEW analytics.materialized AS SELECT * FROM mixpanel.export_latest;
        CREATE TABLE analytics.incremental AS SELECT * FROM mixpanel.export;
        GRANT SELECT ON mixpanel.export_latest TO PUBLIC`)
      expect(await shown()).toEqual([3, 3, 3, 2, 3, 2])
    })

    it('survives new columns, companions, refreshed views, replaced days and a replaced table', async () => {
      const plan = property('plan')
      const companion = {
        name: 'plan__text',
        type: 'text',
        role: 'companion',
        property: 'plan',
        owner: 'plan',
      } as const
      await destination.addColumns('export', newColumns([plan, companion]))
      await putViews()
      const rows = [event('3', { plan: 'pro', plan__text: '{}' })]
      await load(destination, 'load-2', relationOf([...EVENT_COLUMNS, plan, companion], rows), { table: 'export' })
      expect(await shown()).toEqual([4, 4, 4, 3, 4, 3])

      await load(destination, 'load-3', relationOf(EVENT_COLUMNS, [event('4')]), { table: 'export', mode: DAYS })
      expect(await shown()).toEqual([1, 1, 1, 1, 1, 1])
      await load(destination, 'load-4', relationOf(EVENT_COLUMNS, [event('5'), event('6')]), {
        table: 'export',
        mode: ALL,
      })
      expect(await shown()).toEqual([2, 2, 2, 2, 2, 2])
      // As an incremental model does: what came since, by the cursor.
      await place.query(`INSERT INTO analytics.incremental SELECT event, event_id, distinct_id, time, _day, mp_insert_id,
        mp_processing_time_ms, mp_distinct_id_before_identity, _loaded_at, _load_id FROM mixpanel.export
        WHERE _loaded_at > (SELECT max(_loaded_at) FROM analytics.incremental)`)
      expect(await place.query('SELECT count(*) AS count FROM analytics.incremental')).toEqual([{ count: 5n }])
      const [ours] = await place.query('SELECT * FROM mixpanel.export_latest')
      expect(Object.keys(ours ?? {})).toEqual((await destination.columns('export')).map(({ name }) => name))
      expect(
        await place.query(`SELECT has_table_privilege('public', 'mixpanel.export_latest', 'SELECT') AS kept`),
      ).toEqual([{ kept: true }])
    })

    it('keeps a view of mixload unchanged if its columns would change, and the failure names what depends on it', async () => {
      const view = { name: 'export_latest', query: 'SELECT 1 AS one' }
      const failure = await expectFailure(destination.putViews([view]), 'DESTINATION_FAILED')
      expect(failure.message).toContain('"mixpanel"."export_latest"')
      for (const name of ['analytics.on_ours', 'analytics.materialized']) expect(failure.message).toContain(name)
      expect(failure.cause).toBeInstanceOf(Error)
      expect(await shown()).toEqual([3, 3, 3, 2, 3, 2])
    })
  })

  describe('a reader in an open transaction', () => {
    let reader: pg.Client
    const READ = `SELECT count(*) AS count, min(_load_id) AS load FROM mixpanel.${TABLE}`
    beforeEach(async () => {
      await makeTable(destination)
      await load(destination, 'load-1', manyRows(10, DAY))
      await destination.putViews([{ name: 'all_things', query: `SELECT name FROM ${destination.pathInViews(TABLE)}` }])
      reader = await connection()
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      expect(await query(reader, READ)).toEqual([{ count: 10n, load: 'load-1' }])
      await query(reader, 'SELECT * FROM mixpanel.all_things')
    })

    it.each([{ kind: 'append' } as const, DAYS, ALL])(
      'keeps no load with $kind waiting, and its snapshot stays',
      async (mode) => {
        await load(destination, 'load-2', manyRows(20, DAY), { mode })
        await load(destination, 'load-3', relationOf([], []), { mode })
        expect(await query(reader, READ)).toEqual([{ count: 10n, load: 'load-1' }])
        await reader.query('COMMIT')
        expect(await query(reader, READ)).toEqual([
          mode.kind === 'append' ? { count: 30n, load: 'load-1' } : { count: 0n, load: null },
        ])
      },
    )

    it('keeps new columns waiting, and nobody waits behind them for long', async () => {
      let hasEnded = false
      const adding = makeTable(destination, [property('later')]).then(() => {
        hasEnded = true
      })
      const second = await connection()
      const waits: number[] = []
      // Some do wait, so the lock was really requested. None waits until it is granted, since that
      // is after all of them.
      while (waits.length <= 20 || Math.max(...waits) <= LOCKS.lockTimeoutMs / 3) {
        const began = performance.now()
        await query(second, READ)
        waits.push(performance.now() - began)
      }
      expect(hasEnded).toBe(false)
      await reader.query('COMMIT')
      await adding
      expect((await destination.columns(TABLE)).map(({ name }) => name)).toContain('later')
    })

    it('for too long makes new columns fail with a code that says to try again', async () => {
      const hasty = place.destination({ ...LOCKS, lockPatienceMs: 500 })
      await destination[Symbol.asyncDispose]()
      await hasty.open(unaborted())
      const failure = await expectFailure(makeTable(hasty, [property('later')]), 'DESTINATION_UNAVAILABLE')
      expect(failure.message).toContain(TABLE)
      expect((await hasty.columns(TABLE)).map(({ name }) => name)).not.toContain('later')
      await load(hasty, 'load-2', manyRows(1, DAY))
      await reader.query('COMMIT')
      await makeTable(hasty, [property('later')])
    })

    it('does not keep views waiting that need no change', async () => {
      const query = `SELECT name FROM ${destination.pathInViews(TABLE)}`
      const hasty = place.destination({ ...LOCKS, lockPatienceMs: 0 })
      await destination[Symbol.asyncDispose]()
      await hasty.open(unaborted())
      await hasty.putViews([{ name: 'all_things', query }])
      await expectFailure(
        hasty.putViews([{ name: 'all_things', query: `${query} WHERE false` }]),
        'DESTINATION_UNAVAILABLE',
      )
    })
  })

  it('no transaction is open except during a load', async () => {
    const open = () =>
      place.query(`SELECT state FROM pg_stat_activity
        WHERE application_name LIKE 'mixload %' AND datname = current_database() AND xact_start IS NOT NULL`)
    expect(await open()).toEqual([])
    await makeTable(destination)
    expect(await open()).toEqual([])
    let during: Promise<unknown> | undefined
    await load(
      destination,
      'load-1',
      whenAsked(manyRows(200_000, DAY), () => {
        during ??= open()
      }),
    )
    expect(await during).toHaveLength(1)
    expect(await open()).toEqual([])
    await destination.ledger(TABLE)
    await destination.columns(TABLE)
    await expectFailure(load(destination, 'load-2', { ...manyRows(5, DAY), rowCount: 4 }), 'COUNT_MISMATCH')
    expect(await open()).toEqual([])
    const sessions = await place.query(`SELECT state FROM pg_stat_activity
      WHERE application_name LIKE 'mixload ${process.pid}@%' AND datname = current_database()`)
    expect(sessions).toEqual([{ state: 'idle' }])
  })

  describe('an aborted load', () => {
    const REASON = new Error('enough')
    const backends = () =>
      place.query(`SELECT state, wait_event_type FROM pg_stat_activity
        WHERE application_name LIKE 'mixload %' AND datname = current_database() AND state <> 'idle'`)

    it('that waits for a row that somebody else holds ends at once, also on the server', async () => {
      await makeTable(destination)
      await load(destination, 'load-1', relationOf(COLUMNS, [thing('a')]))
      const writer = await connection()
      await writer.query(`BEGIN; UPDATE mixpanel.${TABLE} SET name = 'mine'`)
      const controller = new AbortController()
      const loading = load(destination, 'load-2', manyRows(5, DAY), { mode: ALL, signal: controller.signal })
      while ((await backends()).every(({ wait_event_type }) => wait_event_type !== 'Lock'));
      controller.abort(REASON)
      await expect(loading).rejects.toBe(REASON)
      await expect.poll(backends).toEqual([])
      await writer.query('COMMIT')
      expect(await place.query(`SELECT name FROM mixpanel.${TABLE}`)).toEqual([{ name: 'mine' }])
      await load(destination, 'load-2', manyRows(5, DAY), { mode: ALL })
      expect(await place.query(`SELECT count(*) AS count FROM mixpanel.${TABLE}`)).toEqual([{ count: 5n }])
    })
  })
})
