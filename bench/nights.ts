/**
 * `node bench/nights.ts [--nights N] [--events N]`: loads a day each night with `sync` and its
 * default window, while late events arrive for four more nights. Prints how many rows there are for
 * each event, and the size of the warehouse compared with one that was loaded at once, for DuckDB,
 * Postgres and Parquet.
 */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { textTable } from '../cmd/text-table.ts'
import { startPostgres } from '../test/postgres/server.ts'
import { addDays, generate, MONTH } from './generate.ts'
import { measure } from './measure.ts'
import { mixloadProgram } from './mixload-program.ts'
import { query } from './query.ts'
import { startServer } from './server-process.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

const { values } = parseArgs({
  options: { nights: { type: 'string', default: '60' }, events: { type: 'string', default: '5000' } },
})
const nights = Number(values.nights)
const set = { ...MONTH, name: 'nights', days: nights, events: nights * Number(values.events) }

/** A place to load into. */
interface Place extends AsyncDisposable {
  readonly name: string
  /** As `--destination` takes it, for the nights or for one load of everything. */
  destination(of: 'nights' | 'once'): string
  rows(of: 'nights' | 'once'): Promise<number>
  bytes(of: 'nights' | 'once'): Promise<number>
}

async function bytesIn(path: string): Promise<number> {
  const found = await stat(path)
  if (!found.isDirectory()) return found.size
  const sizes = await Promise.all((await readdir(path)).map((name) => bytesIn(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function onDuckDb(directory: string): Promise<Place> {
  const path = (of: string) => join(directory, `${of}.duckdb`)
  return {
    name: 'DuckDB',
    destination: (of) => `duckdb:${path(of)}`,
    rows: async (of) => Number((await query('SELECT count(*) FROM mixpanel.export', path(of))).rows[0]?.[0]),
    bytes: (of) => bytesIn(path(of)),
    async [Symbol.asyncDispose]() {},
  }
}

async function onParquet(directory: string): Promise<Place> {
  const path = (of: string) => join(directory, of)
  const files = (of: string) => `read_parquet('${path(of)}/export/**/*.parquet', union_by_name = true)`
  return {
    name: 'Parquet',
    destination: (of) => `parquet:${path(of)}`,
    rows: async (of) => Number((await query(`SELECT count(*) FROM ${files(of)}`)).rows[0]?.[0]),
    bytes: (of) => bytesIn(path(of)),
    async [Symbol.asyncDispose]() {},
  }
}

async function onPostgres(): Promise<Place> {
  const server = await startPostgres({})
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  for (const name of ['nights', 'once']) await client.query(`CREATE DATABASE ${name}`)
  const urlOf = (of: string) => Object.assign(new URL(server.url), { pathname: `/${of}` }).href
  const ask = async (of: string, sql: string) => {
    const place = new pg.Client({ connectionString: urlOf(of) })
    await place.connect()
    try {
      return Number((await place.query<{ n: string }>(sql)).rows[0]?.n)
    } finally {
      await place.end()
    }
  }
  return {
    name: 'Postgres',
    destination: urlOf,
    rows: (of) => ask(of, 'SELECT count(*) AS n FROM mixpanel.export'),
    bytes: (of) => ask(of, "SELECT pg_total_relation_size('mixpanel.export') AS n"),
    async [Symbol.asyncDispose]() {
      await client.end()
      await server.stop()
    },
  }
}

const { directory, lastDay } = await generate(set, WORK)
const work = join(WORK, 'nights')
const nightFile = join(WORK, 'night')
const table: string[][] = []
for (const open of [onDuckDb, onParquet, onPostgres]) {
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  await using place = await open(work)
  await using server = await startServer({
    script: join(ROOT, 'bench/serve-nights.ts'),
    args: [directory, nightFile],
    cwd: WORK,
  })
  const run = async (of: 'nights' | 'once', last: string) => {
    const days = ['--streams', 'export', '--from', set.firstDay, '--to', last]
    return measure(mixloadProgram(WORK, server.url, ['sync', ...days, '--destination', place.destination(of)]))
  }
  const seconds: number[] = []
  for (let night = 0; night < nights; night++) {
    const day = addDays(set.firstDay, night)
    await writeFile(nightFile, day)
    seconds.push((await run('nights', day)).wallSeconds)
  }
  await writeFile(nightFile, addDays(lastDay, 9))
  await run('nights', lastDay)
  await run('once', lastDay)
  const rows = await place.rows('nights')
  const sizes = [await place.bytes('nights'), await place.bytes('once')] as const
  const megabytes = sizes.map((bytes) => (bytes / 1e6).toFixed(1))
  const late = seconds.toSorted((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? 0
  const ratio = (sizes[0] / sizes[1]).toFixed(2)
  table.push([place.name, (rows / set.events).toFixed(4), ...megabytes, ratio, late.toFixed(2)])
}
const headings = ['warehouse', 'rows per event', 'MB', 'MB loaded at once', 'ratio', 'seconds a night, median']
process.stdout.write(`${nights} nights of ${values.events} events\n\n${textTable(headings, table)}\n`)
