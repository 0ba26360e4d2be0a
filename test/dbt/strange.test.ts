import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { laterStrangeLines, STRANGE_DAY, STRANGE_NAMES, type StrangeLine, strangeLines } from './strange.ts'
import { type DbtWarehouse, duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const FILE = 'models/mixpanel/sources.yml'
const NAMES = [...STRANGE_NAMES, 'plan', 'qty', 'flag', 'Late', 'late!', 'not there']

/** A model with every strange property, each under a name of its own. */
const MODEL = `{{ config(materialized='incremental', unique_key='event_id', on_schema_change='append_new_columns',
  pre_hook="{{ mixload.forget_replaced_events() }}", post_hook="{{ mixload.forget_moved_events() }}") }}
{{ mixload.events(properties=[
${NAMES.map((name, at) => `  {'property': ${JSON.stringify(name).replaceAll("'", "\\'")}, 'as': 'p${at}'}`).join(',\n')}
]) }}
`

async function load(place: Workplace, { url }: DbtWarehouse, lines: readonly StrangeLine[], columnsMax: number) {
  place.simulator.clearFaults()
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
  const days = ['--from', STRANGE_DAY, '--to', STRANGE_DAY, '--attribution-window', '10']
  const ran = await place.run([
    'sync',
    '--destination',
    url,
    '--schema',
    'Raw data',
    '--max-columns',
    String(columnsMax),
    ...days,
  ])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

/** Of each event with all properties, what the model has, as JSON values in texts. */
async function everything(warehouse: DbtWarehouse): Promise<readonly unknown[]> {
  const columns = NAMES.map((_, at) => `p${at}`).join(', ')
  const rows = await warehouse.query(`SELECT insert_id, ${columns} FROM ${MODELS}.odd WHERE event_name = 'Everything'`)
  return rows.map((row) => Object.values(row).map(comparable)).sort()
}

function expected(lines: readonly StrangeLine[]): readonly unknown[] {
  return lines
    .filter(({ event }) => event === 'Everything')
    .map(({ properties }) =>
      [properties.$insert_id, ...NAMES.map((name) => properties[name])].map((value) =>
        comparable(
          value === undefined || value === null
            ? null
            : typeof value === 'object'
              ? JSON.stringify(value)
              : String(value),
        ),
      ),
    )
    .sort()
}

/** Objects without regard to how they are written. */
function comparable(text: string | null): string | null {
  if (text === null || !/^[[{]/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), (_, value) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort())
        : value,
    )
  } catch {
    return text
  }
}

describe.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])('models over strange data on %s', (_, newWarehouse) => {
  it('have every value as it was sent, also when columns, companions and properties come later', {
    timeout: 300_000,
  }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const { directory, dbt } = await dbtProject(place.directory, warehouse, { 'models/odd.sql': MODEL })
    const describeTables = async () => {
      const ran = await place.run(['dbt', '--destination', warehouse.url, '--schema', 'Raw data'])
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
    }
    const first = strangeLines()
    await load(place, warehouse, first, 40)
    await describeTables()
    const variables = ['--vars', '{mixload_schema: Raw data}']
    await dbt('build', ...variables)
    expect(await everything(warehouse)).toEqual(expected(first))
    const counted = await warehouse.query(`SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ${MODELS}.events`)
    const [latest] = await warehouse.query('SELECT count(*) AS n FROM "Raw data".export_latest')
    // By Mixpanel's rule events without an id are told apart by name, time and person.
    expect(latest).toEqual({ n: `${first.length - 3}` })
    // Of two that agree in all that decides it is always the same one.
    const chosen = await warehouse.query(`
      SELECT DISTINCT event_id FROM "Raw data".export_latest WHERE event = 'No id' AND mp_insert_id IS NULL
      EXCEPT SELECT min(event_id) FROM "Raw data".export WHERE event = 'No id' AND mp_insert_id IS NULL`)
    expect(chosen).toEqual([])
    expect(counted).toEqual([{ n: `${first.length - 2}`, ids: `${first.length - 2}` }])
    expect(
      await warehouse.query(`SELECT p${NAMES.indexOf('plan')} AS plan FROM ${MODELS}.odd WHERE event_name = 'order'`),
    ).toEqual([{ plan: 'team' }])

    const path = join(directory, FILE)
    const edited = (await readFile(path, 'utf8')).replace(
      'description: Property plan',
      'description: What they pay for',
    )
    await writeFile(path, edited)
    const later = laterStrangeLines()
    // What had no column gets one, and what does not fit a companion.
    await load(place, warehouse, later, 200)
    await describeTables()
    const text = await readFile(path, 'utf8')
    expect(text).toContain('description: What they pay for')
    const columns = parse(text).sources[0].tables.find(({ name }: { name: string }) => name === 'export').columns
    expect(columns.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['qty__text', 'flag__text', '_more']),
    )
    await dbt('build', ...variables)
    expect(await everything(warehouse)).toEqual(expected([...first, ...later]))
  })

  it('are empty where a project has nothing', { timeout: 300_000 }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const { dbt } = await dbtProject(place.directory, warehouse, { 'models/odd.sql': MODEL })
    const backfill = ['backfill', '--from', STRANGE_DAY, '--to', STRANGE_DAY, '--destination', warehouse.url]
    const ran = await place.run(backfill, { MIXLOAD_STREAMS: undefined })
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    await place.run(['dbt', '--destination', warehouse.url])
    await dbt('build')
    await dbt('source', 'freshness')
    const models = [
      'events',
      'identities',
      'profiles',
      'sessions',
      'retention',
      'funnel_steps',
      'cohort_membership',
      'odd',
    ]
    const counts = models.map((model) => `(SELECT count(*) FROM ${MODELS}.${model})`).join(' + ')
    expect(await warehouse.query(`SELECT ${counts} AS n`)).toEqual([{ n: '0' }])
  })
})
