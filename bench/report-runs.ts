import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Runs } from './figures.ts'
import { type DataSet, generate, MONTH } from './generate.ts'
import { runInterleaved } from './interleaved.ts'
import { measure } from './measure.ts'
import { backfillProgram } from './mixload-program.ts'
import { startServer } from './server-process.ts'
import { tableSize } from './table-size.ts'
import type { Subject } from './targets/target.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WORK = join(ROOT, '.tmp/bench')

/** Reports on a month of five million events. */
export const REPORTS: { readonly name: string; readonly month: DataSet } = {
  name: 'reports',
  month: { ...MONTH, name: 'reports', events: 5_000_000 },
}

/** Reads what every report of people reads: who has done what, each event once. */
const PEOPLE = `
const { DuckDBInstance } = await import('@duckdb/node-api')
const instance = await DuckDBInstance.create(process.argv[1], { access_mode: 'READ_ONLY' })
const connection = await instance.connect()
await connection.run("SET search_path = 'mixpanel'")
await connection.run(\`
  SELECT event, count(DISTINCT coalesce(resolved_id, distinct_id))
  FROM export_latest LEFT JOIN identities ON original_id = distinct_id
  GROUP BY event\`)`

/** Measures funnels of three steps, compared with counting the people of each event. */
export async function runReports(rounds: number, log: (text: string) => void): Promise<readonly Runs[]> {
  const { name, month } = REPORTS
  const database = join(WORK, name, 'warehouse.duckdb')
  log(`${name}: ${month.events.toLocaleString('en')} events`)
  await rm(join(WORK, name), { recursive: true, force: true })
  await mkdir(join(WORK, name), { recursive: true })
  const { directory, lastDay } = await generate(month, WORK)
  {
    await using server = await startServer({ script: join(ROOT, 'bench/serve.ts'), args: [directory], cwd: WORK })
    const days = { firstDay: month.firstDay, lastDay }
    await measure(backfillProgram(WORK, server.url, days, `duckdb:${database}`))
  }
  const subject = (title: string, args: readonly string[]): Subject => ({
    name: title,
    prepare: async () => {},
    program: { command: process.execPath, args, cwd: ROOT },
    size: () => tableSize(database, 'mixpanel.export'),
  })
  const steps = ['Page Viewed', 'Product Viewed', 'Order Completed'].flatMap((step) => ['--step', step])
  const days = ['--from', month.firstDay, '--to', lastDay, '--destination', `duckdb:${database}`]
  const funnel = (count: string) =>
    subject(`funnel of ${count}`, [
      ...[join(ROOT, 'dist/cmd/mixload.js'), 'report', 'funnel', '--count', count],
      ...steps,
      ...days,
    ])
  const people = subject('A: people of each event', ['--input-type=module', '--eval', PEOPLE, database])
  return runInterleaved(name, [...['uniques', 'totals', 'sessions'].map(funnel), people], month.events, rounds, log)
}
