import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parse } from 'yaml'
import { Workplace } from '../cmd/run-mixload.ts'
import { dbtProject, MODELS } from './project.ts'
import { laterStrangeLines, STRANGE_DAY, STRANGE_NAMES, type StrangeLine, strangeLines } from './strange.ts'
import type { DbtWarehouse, NewDbtWarehouse } from './warehouses.ts'

const FILE = 'models/mixpanel/sources.yml'
const MORE_NAMES = ['plan', 'qty', 'flag', 'Late', 'late!', 'not there']

/** Where the data goes, and what of it can be asked for there. */
export interface StrangePlace {
  readonly newWarehouse: NewDbtWarehouse
  /** The schema of the tables, and it as SQL has it. */
  readonly schema: string
  readonly quoted: string
  /**
   * Names of properties that cannot be asked for while they have no column; none where left out.
   */
  readonly except?: RegExp
}

const namesAt = ({ except }: StrangePlace) => [
  ...STRANGE_NAMES.filter((name) => except === undefined || !except.test(name)),
  ...MORE_NAMES,
]

/** A model with every strange property, each under a name of its own. */
const modelOf = (
  names: readonly string[],
) => `{{ config(materialized='incremental', unique_key='event_id', on_schema_change='append_new_columns',
  pre_hook="{{ mixload.forget_removed_events() }}") }}
{{ mixload.events(properties=[
${names.map((name, at) => `  {'property': ${JSON.stringify(name).replaceAll("'", "\\'")}, 'as': 'p${at}'}`).join(',\n')}
]) }}
`

async function load(
  place: Workplace,
  { url }: DbtWarehouse,
  schema: string,
  lines: readonly StrangeLine[],
  columnsMax: number,
) {
  place.simulator.clearFaults()
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
  const days = ['--from', STRANGE_DAY, '--to', STRANGE_DAY, '--attribution-window', '10']
  const sync = ['sync', '--destination', url, '--schema', schema, '--max-columns', String(columnsMax)]
  const ran = await place.run([...sync, ...days])
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
}

/** Of each event with all properties, what the model has, as JSON values in texts. */
async function everything(warehouse: DbtWarehouse, names: readonly string[]): Promise<readonly unknown[]> {
  const columns = names.map((_, at) => `p${at}`).join(', ')
  const rows = await warehouse.query(`SELECT insert_id, ${columns} FROM ${MODELS}.odd WHERE event_name = 'Everything'`)
  return rows.map((row) => Object.values(row).map(comparable)).sort()
}

function expected(lines: readonly StrangeLine[], names: readonly string[]): readonly unknown[] {
  return lines
    .filter(({ event }) => event === 'Everything')
    .map(({ properties }) =>
      [properties.$insert_id, ...names.map((name) => properties[name])].map((value) =>
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

/**
 * Models have every value as it was sent, also when columns, companions and properties come later.
 */
export async function expectStrangeModels(strange: StrangePlace): Promise<void> {
  const { newWarehouse, schema, quoted } = strange
  await using place = await Workplace.create()
  await using warehouse = await newWarehouse(place.directory)
  const names = namesAt(strange)
  const { directory, dbt } = await dbtProject(place.directory, warehouse, { 'models/odd.sql': modelOf(names) })
  const describeTables = async () => {
    const ran = await place.run(['dbt', '--destination', warehouse.url, '--schema', schema])
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
  }
  const first = strangeLines()
  await load(place, warehouse, schema, first, 40)
  await describeTables()
  const variables = ['--vars', `{mixload_schema: ${schema}}`]
  await dbt('build', ...variables)
  expect(await everything(warehouse, names)).toEqual(expected(first, names))
  const counted = await warehouse.query(`SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM ${MODELS}.events`)
  const [latest] = await warehouse.query(`SELECT count(*) AS n FROM ${quoted}.export_latest`)
  expect(latest).toEqual({ n: `${first.length - 2}` })
  expect(counted).toEqual([{ n: `${first.length - 2}`, ids: `${first.length - 2}` }])
  expect(
    await warehouse.query(`SELECT p${names.indexOf('plan')} AS plan FROM ${MODELS}.odd WHERE event_name = 'order'`),
  ).toEqual([{ plan: 'team' }])

  const path = join(directory, FILE)
  const edited = (await readFile(path, 'utf8')).replace('description: Property plan', 'description: What they pay for')
  await writeFile(path, edited)
  const later = laterStrangeLines()
  // What had no column gets one, and what does not fit a companion.
  await load(place, warehouse, schema, later, 200)
  await describeTables()
  const text = await readFile(path, 'utf8')
  expect(text).toContain('description: What they pay for')
  const columns = parse(text).sources[0].tables.find(({ name }: { name: string }) => name === 'export').columns
  expect(columns.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['qty__text', 'flag__text', '_more']),
  )
  await dbt('build', ...variables)
  expect(await everything(warehouse, names)).toEqual(expected([...first, ...later], names))
  // The property `city` has a column of this name, and every model of events has one.
  await writeFile(join(directory, 'models', 'twice.sql'), "{{ mixload.events(properties=['city']) }}")
  await expect(dbt('compile', '--select', 'twice', ...variables)).rejects.toThrow('two columns city. Name the one')
}

/** Models are empty, and nothing fails, where a project has nothing. */
export async function expectEmptyModels(strange: StrangePlace): Promise<void> {
  await using place = await Workplace.create()
  await using warehouse = await strange.newWarehouse(place.directory)
  const { dbt } = await dbtProject(place.directory, warehouse, { 'models/odd.sql': modelOf(namesAt(strange)) })
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
}
