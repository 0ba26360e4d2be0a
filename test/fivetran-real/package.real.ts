import { existsSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Workplace } from '../cmd/run-mixload.ts'
import { runDbt } from '../dbt/project.ts'
import { laterStrangeLines, STRANGE_DAY, type StrangeLine, strangeLines } from '../dbt/strange.ts'
import { type DbtWarehouse, duckdb, type NewDbtWarehouse, postgres } from '../dbt/warehouses.ts'

/**
 * A directory with `mixpanel`, `fivetran_utils` and `dbt_utils` in it, as `dbt deps` lays them out.
 */
const PACKAGES = process.env.MIXLOAD_TEST_FIVETRAN ?? ''
const EVENTS = 'fivetran_mixpanel.mixpanel__event'

/** Loads these lines, and makes the view of events. */
async function load(place: Workplace, { url }: DbtWarehouse, lines: readonly StrangeLine[], columnsMax: number) {
  place.simulator.clearFaults()
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  place.simulator.fault({ kind: 'body', match: { path: '/api/2.0/export' }, body })
  const days = ['--from', STRANGE_DAY, '--to', STRANGE_DAY, '--attribution-window', '10']
  const sync = ['sync', '--destination', url, '--max-columns', String(columnsMax), ...days]
  const views = ['views', '--shape', 'fivetran', '--timezone', 'Europe/Berlin', '--destination', url]
  for (const args of [sync, views]) {
    const ran = await place.run(args)
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
  }
}

/** A project that has the package, and asks it for a property of each kind. */
async function project(directory: string, { profile }: DbtWarehouse): Promise<(...args: string[]) => Promise<string>> {
  if (!existsSync(join(PACKAGES, 'mixpanel', 'dbt_project.yml'))) {
    throw new Error(
      'MIXLOAD_TEST_FIVETRAN names no directory with fivetran/dbt_mixpanel, as mixpanel, and what it needs.',
    )
  }
  await mkdir(directory)
  await symlink(resolve(PACKAGES), join(directory, 'dbt_packages'))
  const output = { ...profile, schema: 'fivetran', threads: 2 }
  const vars = { mixpanel_schema: 'mixpanel', event_properties_to_pivot: ['plan', 'a b'] }
  const flags = { send_anonymous_usage_stats: false }
  const files = {
    'dbt_project.yml': { name: 'shop', profile: 'shop', version: '1.0.0', flags, vars },
    // As `dbt deps` would have found it; otherwise dbt asks for that.
    'packages.yml': { packages: [{ local: join(resolve(PACKAGES), 'mixpanel') }] },
    'profiles.yml': { shop: { target: 'here', outputs: { here: output } } },
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), JSON.stringify(content))
  return (...args) => runDbt(directory, ['--no-use-colors', ...args])
}

/**
 * The number of events that the package distinguishes. It leaves out those without a time, or with
 * one before 2010 or in the future.
 */
function eventsIn(lines: readonly StrangeLine[]): number {
  const ids = lines.flatMap(({ event, properties: { time, distinct_id: person, $insert_id: id } }) => {
    if (typeof time !== 'number' || time < 0 || time > Date.now()) return []
    // Without an id, export_latest has already distinguished them by their time.
    return [JSON.stringify([event, String(person ?? ''), id ?? time])]
  })
  return new Set(ids).size
}

describe.each<[string, NewDbtWarehouse]>([
  ['DuckDB', duckdb],
  ['Postgres', postgres],
])('fivetran/dbt_mixpanel on %s', (_, newWarehouse) => {
  it('builds, passes its tests and has every event, of strange data, and again after a night', async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const first = strangeLines()
    await load(place, warehouse, first, 40)
    const dbt = await project(join(place.directory, 'project'), warehouse)
    const count = async () => (await warehouse.query(`SELECT count(*) AS n FROM ${EVENTS}`))[0]?.n
    expect(await dbt('build')).toMatch(/WARN=0 ERROR=0 SKIP=0/)
    expect(await count()).toBe(String(eventsIn(first)))
    const later = laterStrangeLines()
    await load(place, warehouse, later, 200)
    expect(await dbt('build')).toMatch(/WARN=0 ERROR=0 SKIP=0/)
    expect(await count()).toBe(String(eventsIn([...first, ...later])))
    const plans = await warehouse.query(
      `SELECT DISTINCT plan FROM ${EVENTS} WHERE event_type = 'everything' AND plan IS NOT NULL`,
    )
    expect(plans.map(({ plan }) => plan)).toEqual(expect.arrayContaining(['0', '2', '4']))
    expect(await dbt('source', 'freshness')).toMatch(/PASS/)
  })
})
