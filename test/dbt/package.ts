import { expect } from 'vitest'
import { Workplace } from '../cmd/run-mixload.ts'
import { FIRST_DAY, firstLoad, HOUR, LAST_DAY, secondLoad, thirdLoad } from './loads.ts'
import { dbtProject, MODELS } from './project.ts'
import { dailyOf, eventsOf, type Line, personsOf, retentionOf, sessionsOf } from './truth.ts'
import type { DbtWarehouse, NewDbtWarehouse, TextRow } from './warehouses.ts'

const FILES = {
  'models/purchases.sql': `{{ config(materialized='incremental', unique_key='event_id',
    pre_hook="{{ mixload.forget_removed_events() }}") }}
{{ mixload.events(names=['Buy', 'It''s'], properties=[
  'plan', {'property': 'amount', 'type': 'double'}, {'property': 'Größe ~/"\\'$.[0]', 'as': 'size', 'type': 'bigint'},
  '$browser', 'late_property', {'property': 'copied', 'type': 'bigint'}, 'outdated', 'unknown'
]) }}
`,
}

/** Loads these lines, in one request for all days, as the export has them now. */
async function load(place: Workplace, warehouse: DbtWarehouse, lines: readonly Line[], ...more: readonly string[]) {
  place.simulator.clearFaults()
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
  const days = ['--from', FIRST_DAY, '--to', LAST_DAY, '--slice-days', '100', '--attribution-window', '100']
  // Columns for a few properties only, so that the rest is in the json column.
  const limits = ['--max-columns', '20', '--max-removed', '100%']
  const args = ['sync', '--streams', 'export', '--destination', warehouse.url, ...days, ...limits, ...more]
  expect(await place.run(args)).toMatchObject({ code: 0 })
}

const lines = (rows: readonly TextRow[]) => rows.map((row) => Object.values(row).join(' ')).sort()

async function expectModels(warehouse: DbtWarehouse, loads: readonly (readonly Line[])[]) {
  const events = eventsOf(loads)
  const personOf = personsOf(loads)
  const rows = async (columns: string, model: string) =>
    lines(await warehouse.query(`SELECT ${columns} FROM ${MODELS}.${model}`))
  const ms = warehouse.milliseconds
  const found = await warehouse.query(
    `SELECT event_name, ${ms('occurred_at')} AS time, insert_id, distinct_id, is_from_future FROM ${MODELS}.events`,
  )
  expect(found.map((row) => JSON.stringify(Object.values(row))).sort()).toEqual(
    events
      .map(({ event, properties: { time, $insert_id, distinct_id } }) => {
        const isFuture = time !== undefined && time > Date.now() + 24 * HOUR
        return JSON.stringify([event, time?.toString() ?? null, $insert_id ?? null, distinct_id ?? null, `${isFuture}`])
      })
      .sort(),
  )
  expect(await rows('date_day, active_users, new_users, event_count', 'daily_active_users')).toEqual(
    dailyOf(events, personOf),
  )
  expect(await rows('period, cohort_start, periods_since, cohort_size, retained_users', 'retention')).toEqual(
    [...retentionOf(events, personOf)].sort(),
  )
  const span = `${ms('started_at')} AS started, ${ms('ended_at')} AS ended`
  expect(await rows(`person_id, session_number, ${span}, event_count`, 'sessions')).toEqual(
    [...sessionsOf(events, personOf)].sort(),
  )
  const ids = loads
    .flat()
    .flatMap(({ properties: { distinct_id, $distinct_id_before_identity: before } }) =>
      [distinct_id, before].filter((id) => id !== undefined),
    )
  expect(await rows('distinct_id, person_id', 'identities')).toEqual(
    [...new Set(ids)].map((id) => `${id} ${personOf(id)}`).sort(),
  )
  const bought = await warehouse.query(
    `SELECT ${ms('occurred_at')} AS time, plan, amount, size, mp_browser, late_property, copied, outdated, unknown
     FROM ${MODELS}.purchases`,
  )
  const numeric = (value: unknown) => (/^[\d.]+$/.test(String(value)) ? Number(value) : null)
  expect(
    bought.map((row) => JSON.stringify({ ...row, amount: row.amount == null ? null : Number(row.amount) })).sort(),
  ).toEqual(
    events
      .filter(({ event }) => event === 'Buy')
      .map(({ properties }) =>
        JSON.stringify({
          time: String(properties.time),
          plan: text(properties.plan),
          amount: numeric(properties.amount),
          size: text(properties['Größe ~/"\'$.[0]']),
          mp_browser: text(properties.$browser),
          late_property: text(properties.late_property),
          copied: text(properties.copied),
          outdated: text(properties.outdated),
          unknown: null,
        }),
      )
      .sort(),
  )
}

const text = (value: unknown) => (value === undefined ? null : String(value))

/**
 * Loads, builds, and again after late, double, moved, future and replaced rows; each time
 * everything is as in a plain model.
 */
export async function expectPackage(newWarehouse: NewDbtWarehouse, nights: 'all' | 'few' = 'all'): Promise<void> {
  await using place = await Workplace.create()
  await using warehouse = await newWarehouse(place.directory)
  const project = await dbtProject(place.directory, warehouse, FILES)
  const first = firstLoad()
  await load(place, warehouse, first)
  await project.dbt('build')
  await expectModels(warehouse, [first])
  const second = secondLoad(first)
  await load(place, warehouse, second)
  await project.dbt(nights === 'all' ? 'build' : 'run')
  await expectModels(warehouse, [first, second])
  if (nights === 'all') {
    const third = thirdLoad(second)
    await load(place, warehouse, third)
    await project.dbt('run')
    await expectModels(warehouse, [first, second, third])
  }
  // What was replaced is gone, and what came in its place is there.
  const replaced = second.slice(0, 200)
  await load(place, warehouse, replaced, '--write', 'replace')
  await project.dbt('run')
  await expectModels(warehouse, [replaced])
}
