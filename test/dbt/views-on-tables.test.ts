import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { addDays } from '../../lib/time/days.ts'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { connect, newDatabase, query } from '../postgres/shared.ts'

const DAY = '2026-08-01'
const COUNTS = `SELECT (SELECT count(*) FROM ours.events) AS events, (SELECT count(*) FROM ours.latest) AS latest,
  (SELECT count(*) FROM ours.compatible) AS compatible, (SELECT count(*) FROM ours.cohorts) AS cohorts`

it('users’ views on Postgres survive new properties, conflicts, replaced days and replaced tables, while they are read', async () => {
  await using place = await Workplace.create()
  await using database = await newDatabase()
  const run = async (...args: readonly string[]) => {
    const ran = await place.run([...args, '--destination', database.url, '--streams', 'export,cohorts'])
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
  }
  place.simulator.cohorts.set({ id: 1, name: 'One', members: ['person-1'] })
  await place.simulator.ingest(eventsOf(DAY, 50, { price: 1 }))
  await run('backfill', '--from', DAY, '--to', DAY)
  expect(await place.run(['views', '--shape', 'fivetran', '--destination', database.url])).toMatchObject({ code: 0 })
  await database.query(`
    CREATE SCHEMA ours;
    CREATE VIEW ours.events AS SELECT * FROM mixpanel.export;
    CREATE VIEW ours.latest AS SELECT event, price FROM mixpanel.export_latest;
    CREATE VIEW ours.compatible AS SELECT name, time FROM mixpanel.event;
    CREATE VIEW ours.cohorts AS SELECT * FROM mixpanel.cohorts;
    CREATE VIEW ours.cohorts_latest AS SELECT * FROM mixpanel.cohorts_latest`)
  await using reader = await connect(database.url)
  const [before] = await query(reader, COUNTS)
  const seen: (typeof before)[] = []
  const loaded = new AbortController()
  const reading = (async () => {
    for (; !loaded.signal.aborted; await sleep(10)) seen.push((await query(reader, COUNTS))[0])
  })()
  const next = addDays(DAY, 1)
  await place.simulator.ingest(eventsOf(next, 20, { price: 'much', fresh: true, $browser: 'Firefox' }))
  place.simulator.cohorts.set({ id: 2, name: 'Two', members: [] })
  await run('sync', '--from', DAY, '--to', next, '--attribution-window', '0')
  // A transaction that stays open does not stop days from being replaced. (Columns can't be added
  // under one: that waits.)
  await using keeper = await connect(database.url)
  await keeper.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  const between = await query(keeper, COUNTS)
  await place.simulator.ingest(eventsOf(DAY, 7, { $insert_id: undefined, fresh: false }))
  await run('sync', '--from', DAY, '--to', next, '--attribution-window', '2', '--write', 'replace')
  expect(await query(keeper, COUNTS)).toEqual(between)
  await keeper.query('COMMIT')
  loaded.abort()
  await reading
  expect(between).toEqual([{ events: 70n, latest: 70n, compatible: 70n, cohorts: 2n }])
  expect(before).toEqual({ events: 50n, latest: 50n, compatible: 50n, cohorts: 1n })
  expect(await database.query(COUNTS)).toEqual([{ events: 77n, latest: 77n, compatible: 77n, cohorts: 2n }])
  // A reader sees a load whole or not at all: each count is one of those between two commits.
  const counts = new Set(seen.flatMap((row) => (row === undefined ? [] : [Number(row.events)])))
  expect([...counts].filter((count) => ![50, 70, 77].includes(count))).toEqual([])
  expect(seen.length).toBeGreaterThan(3)
  expect(await database.query('SELECT count(price__text) AS n FROM mixpanel.export_latest')).toEqual([{ n: 20n }])
})
