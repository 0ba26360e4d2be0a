import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { DATA_TYPES } from '../../lib/dbt/data-types.ts'
import { eventsOf, Workplace } from '../cmd/run-mixload.ts'
import { dbtProject } from './project.ts'
import { duckdb, type NewDbtWarehouse, postgres } from './warehouses.ts'

const FILE = 'models/mixpanel/sources.yml'
const DAY = '2026-08-01'

interface Column {
  readonly name: string
  readonly data_type?: string
  readonly description?: string
  readonly config?: { readonly meta: { readonly property: string } }
}

function tablesOf(text: string): ReadonlyMap<string, readonly Column[]> {
  const tables = parse(text).sources[0].tables as { name: string; columns?: Column[] }[]
  return new Map(tables.map(({ name, columns = [] }) => [name, columns]))
}

describe.each<[string, NewDbtWarehouse]>([
  ['duckdb', duckdb],
  ['postgres', postgres],
])('mixload dbt, %s', (dialect, newWarehouse) => {
  it('describes the tables so that dbt accepts them, tests them and finds them fresh, and adds new ones', {
    timeout: 600_000,
  }, async () => {
    await using place = await Workplace.create()
    await using warehouse = await newWarehouse(place.directory)
    const run = async (...args: readonly string[]) => {
      const ran = await place.run([...args, '--destination', warehouse.url])
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
      return ran.stdout
    }
    const { directory, dbt } = await dbtProject(place.directory, warehouse)
    await place.simulator.ingest(eventsOf(DAY, 20, { $browser: 'Firefox', '{{ odd }} {% x': 1, 'a: "b" #c': null }))
    // A day without events is also loaded, so it does not raise an alarm.
    const streams = ['--streams', 'export,cohorts,annotations,funnels']
    await run('backfill', '--from', DAY, '--to', '2026-08-02', ...streams)
    expect(await run('dbt')).toMatch(/added .*export/)
    const path = join(directory, FILE)
    const first = await readFile(path, 'utf8')
    const described = [...tablesOf(first)].flatMap(([table, columns]) =>
      columns
        .filter(({ data_type: type }) => type !== undefined)
        .map(({ name, data_type: type }) => `${table}.${name} ${type}`),
    )
    const found = await warehouse.query(
      `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'mixpanel'`,
    )
    const isTable = new Set(described.map((line) => line.split('.')[0]))
    const views = [...tablesOf(first)].filter(([, columns]) =>
      columns.every(({ data_type: type }) => type === undefined),
    )
    expect(described.sort()).toEqual(
      found
        .map((row) => `${row.table_name}.${row.column_name} ${row.data_type?.toLowerCase()}`)
        .filter((line) => isTable.has(line.split('.')[0]))
        .sort(),
    )
    expect(views.map(([name]) => name)).toEqual(expect.arrayContaining(['export_latest', 'identities']))
    expect(Object.keys(DATA_TYPES)).toContain(dialect)
    expect(tablesOf(first).get('export')).toContainEqual({
      name: 'mp_browser',
      description: 'Browser',
      data_type: DATA_TYPES[dialect]?.text,
      config: { meta: { property: '$browser', role: 'property' } },
    })
    expect(tablesOf(first).get('export')).toContainEqual({
      name: '_mixload_row',
      description: 'Random number of the row: see _mixload_superseded',
      data_type: 'bigint',
    })
    expect(
      tablesOf(first)
        .get('_mixload_superseded')
        ?.map(({ name }) => name),
    ).toEqual(['row_id', 'day', 'row_hash'])
    expect(tablesOf(first).get('export_latest')).toEqual([{ name: 'event_id', data_tests: ['unique', 'not_null'] }])
    await dbt('build')
    await dbt('source', 'freshness')
    expect(await run('dbt')).toContain('nothing new')
    expect(await readFile(path, 'utf8')).toBe(first)

    const edited = first
      .replace('description: Browser', 'description: As they call it')
      .replace('loader: mixload', 'loader: mixload # ours')
    await writeFile(path, edited)
    await place.simulator.ingest(eventsOf('2026-08-03', 5, { new_one: 'x' }))
    await run('sync', '--from', DAY, '--to', '2026-08-03', '--streams', 'export')
    expect(await run('dbt')).toContain('added export.new_one')
    const second = await readFile(path, 'utf8')
    const lines = second.split('\n')
    const lost = edited.split('\n').filter((line) => !lines.includes(line))
    expect(lost.filter((line) => !/^ {10}export: /.test(line))).toEqual([])
    expect(second).toContain('description: As they call it')
    await dbt('parse')
  })
})

describe('mixload dbt', () => {
  it('describes properties in the words of the Lexicon, where it may read it, and leaves the user’s own', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(eventsOf(DAY, 3, { plan: 'pro', price: 1, $browser: 'Firefox', own: 1 }))
    place.simulator.profiles.set('ada', { plan: 'pro' })
    await place.run(['backfill', '--from', DAY, '--to', DAY, '--streams', 'export,engage'])
    const file = join(place.directory, 'sources.yml')
    const dbt = async (...args: readonly string[]) => {
      const ran = await place.run(['dbt', '--file', file, ...args])
      const tables = ran.code === 0 ? tablesOf(await readFile(file, 'utf8')) : new Map<string, readonly Column[]>()
      const descriptionOf = (table: string, column: string) =>
        tables.get(table)?.find(({ name }) => name === column)?.description
      return { ...ran, descriptionOf }
    }
    expect((await dbt()).descriptionOf('export', 'plan')).toBe('Property plan')
    await writeFile(file, (await readFile(file, 'utf8')).replace('Property own', 'Our own'))
    const properties = {
      plan: { type: 'string', description: ' What they pay for {{ now }} ' },
      price: { type: 'number', metadata: { 'com.mixpanel': { displayName: 'Price in EUR' } } },
      $browser: { type: 'string', description: 'The browser, says Ada' },
      own: { description: 'Not this' },
    }
    place.simulator.lexicon.push(
      { entityType: 'event', name: 'Order Completed', schemaJson: { description: 'Bought', properties } },
      { entityType: 'profile', name: '$user', schemaJson: { properties: { plan: { description: 'Their plan' } } } },
    )
    place.simulator.refuse('lexicon', 403)
    const refused = await dbt('--lexicon')
    expect(refused).toMatchObject({ code: 0, stderr: expect.stringContaining('The Lexicon is left out') })
    expect(refused.stdout).toContain('nothing new')
    place.simulator.refuse('lexicon', undefined)
    const { stdout, descriptionOf } = await dbt('--lexicon')
    expect(stdout).toMatch(/: described .*export\.plan/)
    expect(descriptionOf('export', 'plan')).toContain('What they pay for')
    expect(descriptionOf('export', 'price')).toBe('Price in EUR')
    expect(descriptionOf('export', 'mp_browser')).toBe('The browser, says Ada')
    expect(descriptionOf('export', 'own')).toBe('Our own')
    expect(descriptionOf('engage', 'plan')).toBe('Their plan')
    expect((await dbt('--lexicon')).stdout).toContain('nothing new')
    const without = await place.run(['dbt', '--file', file, '--lexicon'], { MIXPANEL_SERVICE_ACCOUNT: undefined })
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('--lexicon') })
  })

  it('needs a dbt project, and tables to describe', async () => {
    await using place = await Workplace.create()
    expect(await place.run(['dbt'])).toMatchObject({ code: 2, stderr: expect.stringContaining('dbt_project.yml') })
    const file = join(place.directory, 'other', 'sources.yml')
    expect(await place.run(['dbt', '--file', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('mixload backfill'),
    })
  })

  it('names tables by their path, in the given file and source', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(eventsOf(DAY, 3))
    await place.run(['backfill', '--from', DAY, '--to', DAY, '--streams', 'export', '--schema', 'Raw data'])
    await mkdir(join(place.directory, 'x'), { recursive: true })
    const file = join(place.directory, 'x', 'y.yml')
    const ran = await place.run(['dbt', '--file', file, '--source', 'events', '--schema', 'Raw data', '--json'])
    expect(JSON.parse(ran.stdout)).toMatchObject({ file, added: expect.arrayContaining(['export']) })
    const [source] = parse(await readFile(file, 'utf8')).sources
    expect(source).toMatchObject({ name: 'events', schema: 'Raw data' })
    expect(source.tables[0].config.loaded_at_query).toContain('"Raw data"."_mixload_loads"')
    await rm(file)
  })
})
