import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { dailyOf, eventsOf, type Line, personsOf, retentionOf, sessionsOf } from './truth.ts'
import { type DbtWarehouse, duckdb, type NewDbtWarehouse, postgres, type TextRow } from './warehouses.ts'

const FIRST_DAY = '2026-03-02'
const LAST_DAY = '2026-04-10'
const START = Date.parse(`${FIRST_DAY}T00:00:00Z`)
const HOUR = 3_600_000

/** The same lines each time: people who come back every few days, often within an hour. */
function firstLoad(): readonly Line[] {
  let state = 7
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const lines = Array.from({ length: 600 }, (_, at): Line => {
    const time = START + random(35) * 24 * HOUR + random(6) * HOUR + random(100) * 60_000
    return {
      event: ['View', 'Buy', 'Share'][random(3)] ?? '',
      properties: {
        time,
        distinct_id: `p${random(25)}`,
        ...(at % 20 === 0 ? {} : { $insert_id: `i${at}` }),
        mp_processing_time_ms: time + 1000 + random(5000),
        plan: at % 3 === 0 ? 'pro' : at % 3 === 1 ? 7 : true,
        amount: at % 10 === 0 ? '12.50' : at % 11 === 0 ? 'much' : at / 8,
        'Größe ~/"\'$.[0]': at,
        ...(at % 2 === 0 ? { $browser: 'Firefox', late_property: `late ${at}` } : {}),
      },
    }
  })
  return [
    ...lines,
    // As Mixpanel received them twice: the one processed last counts, wherever it stands.
    ...lines.slice(0, 30).map((line, at) => copy(line, { mp_processing_time_ms: START - 1000 + at, copied: at })),
    ...lines.slice(30, 60).map((line, at) => copy(line, { mp_processing_time_ms: START + 1e10 + at, copied: at })),
    { event: 'Nobody', properties: { time: START + HOUR, $insert_id: 'nobody' } },
    { event: 'Never', properties: { distinct_id: 'p1', $insert_id: 'never' } },
  ]
}

function copy({ event, properties }: Line, changes: Readonly<Record<string, unknown>>): Line {
  return { event, properties: { ...properties, ...changes } }
}

function moved(line: Line, person: string): Line {
  const { distinct_id, $distinct_id_before_identity: before } = line.properties
  return copy(line, { distinct_id: person, $distinct_id_before_identity: before ?? distinct_id })
}

/** What the days have when they are read again: a year-old event, people that became one, a clock of the year 2090. */
function secondLoad(first: readonly Line[]): readonly Line[] {
  const late = (time: number, id: string): Line => ({
    event: 'View',
    properties: { time, distinct_id: 'p3', $insert_id: id, mp_processing_time_ms: START + 2e10 },
  })
  return [
    ...first.map((line) => (line.properties.distinct_id === 'p5' ? moved(line, 'p6') : line)),
    late(START - 400 * 24 * HOUR, 'year-old'),
    late(START + 36 * 24 * HOUR, 'new'),
    late(Date.parse('2090-01-01T00:00:00Z'), 'future'),
  ]
}

/** After the event of 2090 there are others; a chain of merges; a row that Mixpanel had processed before. */
function thirdLoad(second: readonly Line[]): readonly Line[] {
  return [
    ...second.filter(({ properties }) => properties.distinct_id === 'p6').map((line) => moved(line, 'p7')),
    ...second.slice(100, 120).map((line, at) => copy(line, { mp_processing_time_ms: at, outdated: true })),
    {
      event: 'Buy',
      properties: { time: START + 37 * 24 * HOUR, distinct_id: 'p9', $insert_id: 'after', mp_processing_time_ms: 5 },
    },
  ]
}

const FILES = {
  'models/purchases.sql': `{{ config(materialized='incremental', unique_key='event_id',
    pre_hook="{{ mixload.forget_replaced_events() }}", post_hook="{{ mixload.forget_moved_events() }}") }}
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
  const args = ['sync', '--streams', 'export', '--destination', warehouse.url, ...days, '--max-columns', '20', ...more]
  expect(await place.run(args)).toMatchObject({ code: 0 })
}

const lines = (rows: readonly TextRow[]) => rows.map((row) => Object.values(row).join(' ')).sort()

async function expectModels(warehouse: DbtWarehouse, loads: readonly (readonly Line[])[]) {
  const events = eventsOf(loads)
  const personOf = personsOf(loads)
  const rows = async (columns: string, model: string) =>
    lines(await warehouse.query(`SELECT ${columns} FROM ${MODELS}.${model}`))
  const ms = (moment: string) => `CAST(round(extract(epoch FROM ${moment}) * 1000) AS bigint)`
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

describe.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])('the dbt package on %s', (_, newWarehouse) => {
  it('builds, and again after late, double, moved and future rows, and has what a plain model has', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const directory = await mkdtemp(join(tmpdir(), 'mixload-dbt-'))
    try {
      const project = await dbtProject(directory, warehouse, FILES)
      const first = firstLoad()
      await load(place, warehouse, first)
      await project.dbt('build')
      await expectModels(warehouse, [first])
      const second = secondLoad(first)
      await load(place, warehouse, second)
      await project.dbt('build')
      await expectModels(warehouse, [first, second])
      const third = thirdLoad(second)
      await load(place, warehouse, third)
      await project.dbt('run')
      await expectModels(warehouse, [first, second, third])
      // What was replaced is gone, and what came in its place is there.
      const replaced = second.slice(0, 200)
      await load(place, warehouse, replaced, '--write', 'replace')
      await project.dbt('run')
      await expectModels(warehouse, [replaced])
      await project.dbt('run', '--full-refresh')
      await expectModels(warehouse, [replaced])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
