import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EVENT_PROPERTIES, EXPORT_COLUMNS, LOCAL_TIME_COLUMN } from '../../lib/columns/catalogue.ts'
import { columnName } from '../../lib/columns/naming.ts'
import { columnsOf, LEDGER_TABLES } from '../../lib/destination/ledger.ts'
import { startSimulator } from '../../lib/simulator/index.ts'
import { CHANGE_COLUMNS } from '../../lib/transform/profile-changes.ts'
import { newDatabase } from '../postgres/shared.ts'
import { lines, requestExport } from '../simulator/requests.ts'
import { Workplace } from './run-mixload.ts'
import { namesInSql } from './sql-names.ts'
import { WAREHOUSES } from './warehouses.ts'

const DAY = '2026-08-03'
const NOON = Date.parse(`${DAY}T12:00:00Z`)
/** Mixpanel accepts 255 properties per event. */
const NAMES_PER_EVENT = 200

/** Properties that Mixpanel itself changes or adds, and those that every event of the test has. */
const OF_MIXPANEL = new Set(['time', 'distinct_id', 'mp_processing_time_ms', 'ip', 'id', 'token'])

/** BigQuery has no list of these that could be read. */
const BIGQUERY_NAMES = [
  ...['_PARTITIONTIME', '_PARTITIONDATE', '_PARTITION_ID', '_TABLE_SUFFIX', '_FILE_NAME', '_ROW_TIMESTAMP_X'],
  ...['__ROOT__X', '_COLIDENTIFIER_X', '_CHANGE_TYPE', '_CHANGE_TIMESTAMP', '_CHANGE_SEQUENCE_NUMBER', '_FIELD_X'],
]

/** Another value of the first profile's property _row. */
const CHANGED = { event: 'Order', at: 2 }

/** A table of some thousand columns takes more memory than the usual ones. */
const WIDE = { MIXLOAD_MEMORY_LIMIT: '2GB', MIXLOAD_MAX_COLUMNS: '10000' }

const OWN_COLUMNS = [...EXPORT_COLUMNS, LOCAL_TIME_COLUMN, ...CHANGE_COLUMNS, ...LEDGER_TABLES.flatMap(columnsOf)].map(
  ({ name }) => name,
)

interface SentEvent {
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** Names that engines have for columns and options of every table. */
async function systemNames(): Promise<readonly string[]> {
  await using database = await newDatabase()
  const columns = await database.query(`SELECT DISTINCT attname AS name FROM pg_attribute WHERE attnum < 0`)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const parameters = await connection.runAndReadAll(
      `SELECT DISTINCT unnest(parameters) AS name FROM duckdb_functions() WHERE function_name IN ('read_parquet', 'read_json')`,
    )
    const names = [...columns, ...parameters.getRowObjectsJS()].map(({ name }) => String(name))
    return [...names, 'rowid', 'file_index', 'hive_partition', ...BIGQUERY_NAMES]
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** One event for each few hundred names. Each value could be taken for a row. */
function eventsOf(names: readonly string[]): readonly SentEvent[] {
  const events: SentEvent[] = []
  for (let at = 0; at < names.length; at += NAMES_PER_EVENT) {
    const given = names.slice(at, at + NAMES_PER_EVENT).map((name, index) => [name, propertyValue(name, index)])
    const own = { time: NOON + at, distinct_id: 'ann', $insert_id: `names-${String(at).padStart(6, '0')}` }
    events.push({ event: 'Signed Up', properties: { ...Object.fromEntries(given), ...own } })
  }
  return events
}

function propertyValue(name: string, index: number): unknown {
  // In a text column, every value is a text.
  if (Object.hasOwn(EVENT_PROPERTIES, name)) return `text of ${name}`
  const row = { event: 'Order', distinct_id: 'eve', time: '2024-02-02T00:00:00Z', name }
  return [row, 17, `text of ${name}`, true][index % 4]
}

let place: Workplace
let names: readonly string[]

beforeEach(async () => {
  place = await Workplace.create()
  const system = await systemNames()
  const special = ['_row', ...OWN_COLUMNS, ...namesInSql(), ...system]
  const variants = special.flatMap((name) => [name, name.toUpperCase(), name.toLowerCase()])
  names = [...new Set(variants)].filter((name) => !OF_MIXPANEL.has(name.toLowerCase()))
})
afterEach(() => place[Symbol.asyncDispose]())

/** The events that `import --query` sends, in their order. */
async function imported(query: string, destination: string): Promise<readonly SentEvent[]> {
  await using target = await startSimulator({ token: 'other-token' })
  const environment = {
    ...WIDE,
    MIXLOAD_DESTINATION: destination,
    MIXPANEL_TOKEN: 'other-token',
    MIXPANEL_API_URL: target.url,
  }
  expect(await place.run(['import', '--query', query], environment)).toMatchObject({ code: 0 })
  const events = lines((await requestExport(target, DAY, DAY)).text).map((line) => JSON.parse(line) as SentEvent)
  return events.toSorted((a, b) => (String(a.properties.$insert_id) < String(b.properties.$insert_id) ? -1 : 1))
}

function schemaOf(warehouse: string, url: string): string {
  if (warehouse === 'parquet') return ''
  return warehouse === 'bigquery' ? `${new URL(url).pathname.slice(1)}.` : 'mixpanel.'
}

describe('a property called like anything in mixload’s SQL', () => {
  it.each(Object.entries(WAREHOUSES))(
    'is loaded into %s, read and sent as any other',
    { timeout: 300_000 },
    async (name, create) => {
      await using warehouse = await create(place.directory)
      const file = join(place.directory, 'events.ndjson')
      const events = eventsOf(names)
      await writeFile(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
      const to = { ...WIDE, MIXLOAD_DESTINATION: warehouse.url }
      expect(await place.run(['load', file], to)).toMatchObject({ code: 0 })
      const schema = schemaOf(name, warehouse.url)
      expect(await imported(`SELECT * FROM ${schema}export_latest`, warehouse.url)).toMatchObject(events)
      expect(await place.run(['views', '--shape', 'fivetran', '--timezone', 'UTC'], to)).toMatchObject({ code: 0 })
      const rows = await imported(
        `SELECT name AS event, ${NOON} AS time, distinct_id, insert_id AS mp_insert_id, properties AS shown FROM ${schema}event`,
        warehouse.url,
      )
      const shown = rows.map(({ properties: { shown: value } }) =>
        typeof value === 'string' ? JSON.parse(value) : value,
      )
      expect(shown).toMatchObject(events.map(({ properties }) => properties))
    },
  )

  it('is a property of a profile and of its history as any other', { timeout: 120_000 }, async () => {
    const profiles = eventsOf(names).map(({ properties }) => properties)
    for (const [at, properties] of profiles.entries()) place.simulator.profiles.set(`person-${at}`, { ...properties })
    const sync = ['sync', '--streams', 'engage', '--engage-history']
    const changes = async () => Number((await place.query('SELECT count(*) AS n FROM engage_changes'))[0]?.n)
    for (const extra of [0, 0, 1]) {
      if (extra > 0) place.simulator.profiles.set('person-0', { ...profiles[0], _row: CHANGED })
      expect(await place.run(sync, WIDE)).toMatchObject({ code: 0 })
      expect(await changes()).toBe(profiles.length + extra)
    }
    const columns = await place.query(
      "SELECT property, column_name AS name, owner_column AS owner FROM _mixload_columns WHERE table_name = 'engage_changes'",
    )
    const nameOf = new Map(
      columns.filter(({ owner }) => owner === null).map(({ property, name }) => [property, `${name}`]),
    )
    const now = await place.query('SELECT * FROM engage_history WHERE valid_to IS NULL ORDER BY distinct_id')
    for (const [at, properties] of profiles.entries()) {
      for (const [property, value] of Object.entries(properties).filter(([name]) => names.includes(name))) {
        const wanted = at === 0 && property === '_row' ? CHANGED : value
        const row = now.find(({ distinct_id: id }) => id === `person-${at}`)
        const column = nameOf.get(property) ?? ''
        const found = row?.[column] ?? row?.[`${column}__text`]
        expect([property, typeof wanted === 'object' ? JSON.parse(`${found}`) : found]).toEqual([property, wanted])
      }
    }
  })

  it('has a column that no alias of mixload hides', () => {
    const aliases = namesInSql().filter((alias) => alias.startsWith('__'))
    expect(aliases).toEqual(expect.arrayContaining(['__arrived', '__before', '__now', '__rank']))
    for (const alias of aliases) expect(columnName(alias)).not.toBe(alias)
  })
})
