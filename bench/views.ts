/**
 * `node bench/views.ts [--events N] [--rounds N]`: measures queries on `export`, on `export_latest`
 * and on a plain table of the same rows, in DuckDB and Postgres. The events are those of a month;
 * its last five days are loaded twice.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { textTable } from '../cmd/text-table.ts'
import { startPostgres } from '../test/postgres/server.ts'
import { generate, MONTH } from './generate.ts'
import { measure } from './measure.ts'
import { backfillProgram, mixloadProgram } from './mixload-program.ts'
import { startServer } from './server-process.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

const { values } = parseArgs({
  options: { events: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '5' } },
})
const rounds = Number(values.rounds)
const set = { ...MONTH, name: 'views', events: Number(values.events) }

/** What people ask. `{t}` is the table or view. */
const QUESTIONS: Readonly<Record<string, string>> = {
  'daily users, 30 days': 'SELECT _day, count(DISTINCT distinct_id) FROM {t} GROUP BY 1 ORDER BY 1',
  'one person': "SELECT event, time FROM {t} WHERE distinct_id = '{person}' ORDER BY time",
  'newest 100': 'SELECT * FROM {t} ORDER BY time DESC LIMIT 100',
  'one _day': "SELECT event, count(*) FROM {t} WHERE _day = DATE '2024-03-20' GROUP BY 1",
  'three days by time':
    "SELECT event, count(*) FROM {t} WHERE time >= TIMESTAMPTZ '2024-03-10 00:00:00Z' AND time < TIMESTAMPTZ '2024-03-13 00:00:00Z' GROUP BY 1",
  'join of two events':
    "SELECT count(DISTINCT a.distinct_id) FROM {t} a JOIN {t} b ON b.distinct_id = a.distinct_id AND b.time > a.time WHERE a.event = '{first}' AND b.event = '{second}' AND a._day BETWEEN DATE '2024-03-10' AND DATE '2024-03-12' AND b._day BETWEEN DATE '2024-03-10' AND DATE '2024-03-12'",
  'preview of 200': 'SELECT * FROM {t} LIMIT 200',
}
const TABLES = ['mixpanel.export', 'mixpanel.export_latest', 'plain']

type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** Times each question on each table alternately. Returns rows of a table of medians. */
async function time(warehouse: string, ask: Ask): Promise<readonly (readonly string[])[]> {
  await ask('CREATE TABLE plain AS SELECT * FROM mixpanel.export_latest')
  await ask('ANALYZE')
  const [busiest] = await ask('SELECT distinct_id FROM plain GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1')
  const names = await ask('SELECT event FROM plain GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2')
  const [first, second] = names.map(({ event }) => String(event))
  const found: string[][] = []
  for (const [name, question] of Object.entries(QUESTIONS)) {
    const seconds: number[][] = TABLES.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [at, table] of TABLES.entries()) {
        const sql = question
          .replaceAll('{t}', table)
          .replace('{person}', String(busiest?.distinct_id))
          .replace('{first}', String(first))
          .replace('{second}', String(second))
        const started = performance.now()
        await ask(sql)
        seconds[at]?.push((performance.now() - started) / 1000)
      }
    }
    const medians = seconds.map((all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0)
    const ratio = (medians[1] ?? 0) / (medians[2] ?? 1)
    found.push([warehouse, name, ...medians.map((median) => median.toFixed(3)), ratio.toFixed(2)])
  }
  return found
}

/** Loads a month, and its last days again. */
async function load(destination: string): Promise<void> {
  const { directory, lastDay } = await generate(set, WORK)
  await using server = await startServer({ script: join(ROOT, 'bench/serve.ts'), args: [directory], cwd: WORK })
  await measure(backfillProgram(WORK, server.url, { firstDay: set.firstDay, lastDay }, destination))
  const again = ['sync', '--streams', 'export', '--from', set.firstDay, '--to', lastDay, '--attribution-window', '5']
  await measure(mixloadProgram(WORK, server.url, [...again, '--destination', destination]))
}

async function onDuckDb() {
  const path = join(WORK, 'views.duckdb')
  for (const suffix of ['', '.wal']) await rm(path + suffix, { force: true })
  await load(`duckdb:${path}`)
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  try {
    return await time('DuckDB', async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson())
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function onPostgres() {
  const server = await startPostgres({})
  const client = new pg.Client({ connectionString: server.url })
  try {
    await load(server.url)
    await client.connect()
    return await time('Postgres', async (sql) => (await client.query(sql)).rows)
  } finally {
    await client.end()
    await server.stop()
  }
}

const rows = [...(await onDuckDb()), ...(await onPostgres())]
const headings = ['warehouse', 'question', 'export', 'export_latest', 'plain table', 'view to plain']
process.stdout.write(`${set.events} events; seconds, median of ${rounds}\n\n${textTable(headings, rows)}\n`)
