import { expect, it } from 'vitest'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const DAY = '2026-08-03'
const NOON = Date.parse(`${DAY}T12:00:00Z`)

const MODEL = `select mp_insert_id as insert_id, {{ mixload.properties('export', [
  {'property': 'plan', 'any_case': true},
  {'property': ['Plan', 'plan'], 'as': 'first_of_two'},
  {'property': 'SIZE', 'as': 'size', 'type': 'double', 'any_case': true},
  {'property': '$mp_unknown (x)'}
]) }}
from {{ source('mixpanel', 'export') }}`

/** Where comments are, as `object` (table or table.column) and `comment`. */
const COMMENTS: Readonly<Record<string, string>> = {
  DuckDB: `SELECT table_name || '.' || column_name AS object, comment FROM duckdb_columns() WHERE schema_name = '${MODELS}'
    UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE schema_name = '${MODELS}'
    UNION ALL SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = '${MODELS}'`,
  Postgres: `SELECT relname || coalesce('.' || attname, '') AS object, description AS comment
    FROM pg_description JOIN pg_class ON pg_class.oid = objoid
    LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND attnum > 0
    WHERE relnamespace = '${MODELS}'::regnamespace`,
}

it.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])(
  'macros find properties in any case, and models are described in the warehouse, on %s',
  { timeout: 300_000 },
  async (name, newWarehouse) => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const lines = [
      { plan: 'a', size: 1 },
      { Plan: 'b', Size: '2' },
      { PLAN: 'c', SIZE: 'three' },
      { plan: 'd', Plan: 'e' },
    ].map((properties, at) => ({
      event: 'E',
      properties: { time: NOON + at, distinct_id: 'p', $insert_id: `i${at}`, ...properties },
    }))
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
    const args = ['backfill', '--streams', 'export', '--from', DAY, '--to', DAY, '--destination', warehouse.url]
    expect(await place.run(args)).toMatchObject({ code: 0 })
    const project = await dbtProject(place.directory, warehouse, { 'models/variants.sql': MODEL })
    await project.dbt('build', '--select', 'variants', 'events', 'stg_mixpanel__export')
    await project.dbt('build', '--select', 'variants', 'events', 'stg_mixpanel__export')
    const rows = await warehouse.query(
      `SELECT plan, first_of_two, size, mp_unknown_x FROM ${MODELS}.variants ORDER BY insert_id`,
    )
    expect(rows.map((row) => Object.values(row))).toEqual(
      [
        ['a', 'a', '1', null],
        ['b', 'b', '2', null],
        ['c', null, null, null],
        ['d', 'e', null, null],
      ].map(([plan, two, size, none]) => [
        plan,
        two,
        size === null ? null : expect.stringMatching(new RegExp(`^${size}(\\.0)?$`)),
        none,
      ]),
    )
    const found = new Map((await warehouse.query(COMMENTS[name] ?? '')).map(({ object, comment }) => [object, comment]))
    expect(found.get('events')).toMatch(/^One row per event/)
    expect(found.get('events.event_name')).toBe('Name of the event, as sent')
    expect(found.get('stg_mixpanel__export.event_name')).toMatch(/event/)
  },
)
