import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import type { Line } from './truth.ts'
import { type DbtWarehouse, duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const DAY = '2026-03-02'
const START = Date.parse(`${DAY}T07:00:00Z`)
const SECOND = 1000

/** A model of some events, as users write them. */
const FILES = {
  'models/opened.sql': `{{ config(materialized='incremental', unique_key='event_id',
    pre_hook="{{ mixload.forget_removed_events() }}") }}
{{ mixload.events(names=['Open', 'Paid'], properties=['n']) }}
`,
}

const line = (event: string, time: number, person: string, id: string, more: object = {}): Line => ({
  event,
  properties: { time, distinct_id: person, $insert_id: id, ...more },
})
const processed = (after: number) => ({ mp_processing_time_ms: START + after * SECOND })

/** Loads lines as a file. */
async function load(place: Workplace, warehouse: DbtWarehouse, name: string, lines: readonly Line[]) {
  const path = join(place.directory, `${name}.ndjson`)
  await writeFile(path, lines.map((each) => `${JSON.stringify(each)}\n`).join(''))
  const ran = await place.run(['load', path, '--destination', warehouse.url])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

describe.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])('models of events on %s', (_, newWarehouse) => {
  it('have each event once, by the rule of export_latest, also when copies and deletions come later', {
    timeout: 600_000,
  }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const { dbt } = await dbtProject(place.directory, warehouse, FILES)
    const rows = async (columns: string, table: string) =>
      (await warehouse.query(`SELECT ${columns} FROM ${table}`)).map((row) => Object.values(row).join(' ')).sort()
    /** What the models have; `opened` has the same rows. */
    const found = async () => {
      const events = `${MODELS}.events`
      expect(await rows('event_id, _load_id', events)).toEqual(
        await rows('event_id, _load_id', 'mixpanel.export_latest'),
      )
      const isOpened = "event_name IN ('Open', 'Paid')"
      expect(await rows('event_id, _load_id', `${MODELS}.opened`)).toEqual(
        await rows('event_id, _load_id', `${events} WHERE ${isOpened}`),
      )
      const time = warehouse.milliseconds('occurred_at')
      return rows(`event_name, insert_id, distinct_id, original_distinct_id, ${time} - ${START}`, events)
    }

    await load(place, warehouse, 'first', [
      // In whole seconds, as other tools keep exports. Two people have the same moment and id.
      line('Match', START / SECOND, 'ann', 'match-77'),
      line('Match', START / SECOND, 'bob', 'match-77'),
      line('Open', START + 5123, '$device:abc', 'p1', processed(6)),
      line('Open', START + 7000, 'cem', 'again', { ...processed(9), n: 1 }),
      line('Paid', START + 8000, 'dan', 'd2', { ...processed(8.5), n: 3 }),
      line('Old', START + 9000, 'dan', 'd1', { ...processed(9), n: 2 }),
    ])
    await dbt('build')
    const kept = ['Match match-77 bob bob 0', 'Open again cem cem 7000']
    const first = [...kept, 'Match match-77 ann ann 0', 'Open p1 $device:abc $device:abc 5123']
    expect(await found()).toEqual([...first, 'Old d1 dan dan 9000', 'Paid d2 dan dan 8000'].sort())

    await load(place, warehouse, 'second', [
      line('Match', START + 602, 'ann', 'match-77'),
      line('Open', START + 5123, 'u1', 'p1', {
        ...processed(6),
        $is_reshuffled: true,
        $preshuffle_distinct_id: '$device:abc',
      }),
      // Mixpanel processed this copy before the other.
      line('Open', START + 7000, 'cem', 'again', { ...processed(8), n: 2 }),
      line('Old', START + 9000, 'dan', 'd1', { ...processed(10), $is_deleted: true, n: 2 }),
      line('$delete', START + 8000, 'dan', 'x1', {
        ...processed(209),
        $delete_event_name: 'Paid',
        $delete_insert_id: 'd2',
        $delete_inserted_before: START / SECOND + 200,
      }),
    ])
    await dbt('build')
    const second = [...kept, 'Match match-77 ann ann 602', 'Open p1 u1 $device:abc 5123'].sort()
    expect(await found()).toEqual(second)
    const identities = await rows('distinct_id, person_id', `${MODELS}.identities`)
    expect(identities).toEqual(['$device:abc u1', 'ann ann', 'bob bob', 'cem cem', 'u1 u1'])
    expect(await rows('n', `${MODELS}.opened WHERE insert_id = 'again'`)).toEqual(['1'])

    // An event that is sent again after its deletion is there again.
    await load(place, warehouse, 'third', [line('Paid', START + 8000, 'dan', 'd2', { ...processed(300), n: 4 })])
    await dbt('build')
    expect(await found()).toEqual([...second, 'Paid d2 dan dan 8000'].sort())
  })
})

it('models of events have a property that is added later for old events, too, or ask for a full refresh', {
  timeout: 600_000,
}, async () => {
  await using place = await Workplace.create()
  await using warehouse = await duckdb(place.directory)
  const model = (
    properties: string,
    more = '',
  ) => `{{ config(materialized='incremental', unique_key='event_id'${more}) }}
{{ mixload.events(properties=[${properties}]) }}
`
  const files = {
    'models/wide.sql': model("'n'", ", on_schema_change='append_new_columns'"),
    'models/plain.sql': model("'n'"),
  }
  const { directory, dbt } = await dbtProject(place.directory, warehouse, files)
  await load(place, warehouse, 'first', [line('Open', START, 'ann', 'a', { n: 1, plan: 'pro' })])
  await dbt('run')
  await load(place, warehouse, 'second', [line('Open', START + 1000, 'ann', 'b', { n: 2, plan: 'free' })])
  await writeFile(join(directory, 'models/wide.sql'), model("'n', 'plan'", ", on_schema_change='append_new_columns'"))
  await dbt('run', '--select', 'wide')
  const rows = () => warehouse.query(`SELECT insert_id, n, plan FROM ${MODELS}.wide ORDER BY 1`)
  const expected = [
    { insert_id: 'a', n: '1', plan: 'pro' },
    { insert_id: 'b', n: '2', plan: 'free' },
  ]
  expect(await rows()).toEqual(expected)
  await load(place, warehouse, 'third', [line('Open', START + 2000, 'ann', 'c', { n: 3, plan: 'pro' })])
  await dbt('run', '--select', 'wide')
  expect(await rows()).toEqual([...expected, { insert_id: 'c', n: '3', plan: 'pro' }])
  await writeFile(join(directory, 'models/plain.sql'), model("'n', 'plan'"))
  await expect(dbt('run', '--select', 'plain')).rejects.toThrow('--full-refresh')
})

it('models of events ask for a full refresh once events have other ids than before', { timeout: 600_000 }, async () => {
  await using place = await Workplace.create()
  await using warehouse = await postgres(place.directory)
  const { dbt } = await dbtProject(place.directory, warehouse, FILES)
  const run = (...args: readonly string[]) =>
    dbt('run', '--select', 'stg_mixpanel__export', 'events', 'opened', ...args)
  await load(place, warehouse, 'first', [line('Open', START, 'ann', '1'), line('Match', START, 'ann', '2')])
  await run()
  // As an earlier version left it: other ids, rows without numbers.
  for (const table of ['mixpanel.export', `${MODELS}.events`, `${MODELS}.opened`]) {
    await warehouse.query(`UPDATE ${table} SET event_id = md5(event_id)`)
  }
  await warehouse.query('UPDATE mixpanel.export SET _mixload_row = NULL')
  await warehouse.query('UPDATE mixpanel._mixload_loads SET ledger_form = 2')
  await load(place, warehouse, 'second', [line('Match', START, 'bob', '2')])
  await expect(run()).rejects.toThrow('dbt build --full-refresh')

  await run('--full-refresh')
  const counts = () =>
    warehouse.query(`SELECT (SELECT count(*) FROM ${MODELS}.events) AS events,
      (SELECT count(*) FROM ${MODELS}.opened) AS opened`)
  expect(await counts()).toEqual([{ events: '3', opened: '1' }])
  // Also a model that has no newer event than those.
  await run()
  await load(place, warehouse, 'third', [line('Open', START + SECOND, 'bob', '3'), line('Open', START, 'ann', '1')])
  await run()
  expect(await counts()).toEqual([{ events: '4', opened: '2' }])
})
