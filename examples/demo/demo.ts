/**
 * `node examples/demo/demo.ts`: shows mixload without a Mixpanel account. It starts a local
 * Mixpanel with two weeks of data of a fictional shop, loads them into a new DuckDB file in
 * .tmp/demo, and runs queries on it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { plainEnvironment } from '../../bench/environment.ts'
import { query } from '../../bench/query.ts'
import { startServer } from '../../bench/server-process.ts'
import { textTable } from '../../cmd/text-table.ts'
import { shopPeople } from './demo-people.ts'
import { DEMO_QUERIES } from './demo-queries.ts'
import { DEMO_DAYS, shopLines } from './demo-shop.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MIXLOAD = join(ROOT, 'dist/cmd/mixload.js')
const WORK = join(ROOT, '.tmp/demo')
const DATA = join(WORK, 'shop.ndjson')
/**
 * Not named mixpanel, like its schema: DuckDB uses the name of the file as the first part of table
 * names.
 */
const DATABASE = join(WORK, 'shop.duckdb')
const DAY_MS = 86_400_000

/** The credentials of the simulator, which are valid for nothing else. */
const CREDENTIALS = {
  MIXPANEL_PROJECT_ID: '1000',
  MIXPANEL_SERVICE_ACCOUNT: 'simulator.mp-service-account',
  MIXPANEL_SERVICE_ACCOUNT_SECRET: 'simulator',
}

const firstDay = new Date(Date.now() - DEMO_DAYS * DAY_MS).toISOString().slice(0, 10)

say('mixload copies the events of a Mixpanel project into a database. This demo uses a fictional shop and a local')
say('simulator of Mixpanel, so nothing leaves this machine.')

const lines = shopLines(firstDay)
await mkdir(WORK, { recursive: true })
await writeFile(DATA, `${lines.join('\n')}\n`)
const files = ['--data', DATA]
for (const [kind, records] of Object.entries(shopPeople(lines, firstDay))) {
  const file = join(WORK, `${kind}.ndjson`)
  await writeFile(file, `${records.join('\n')}\n`)
  files.push(`--${kind}`, file)
}
for (const suffix of ['', '.wal']) await rm(DATABASE + suffix, { force: true })

heading(`A local Mixpanel with ${lines.length.toLocaleString('en')} events of the ${DEMO_DAYS} days since ${firstDay}`)
say(`$ mixload simulate ${files.map((word) => (word.startsWith('--') ? word : relativePath(word))).join(' ')}`)
{
  await using simulator = await startServer({
    script: MIXLOAD,
    args: ['simulate', ...files, '--port', '0', '--requests-per-hour', '0', '--requests-per-second', '0', '--json'],
    cwd: WORK,
  })
  say(`It listens at ${simulator.url}`)
  const environment = {
    ...CREDENTIALS,
    MIXPANEL_API_URL: simulator.url,
    MIXLOAD_DESTINATION: `duckdb:${DATABASE}`,
    MIXLOAD_REQUESTS_PER_HOUR: '0',
    MIXLOAD_REQUESTS_PER_SECOND: '0',
    MIXLOAD_STATE_DIR: join(WORK, 'state'),
    MIXLOAD_SPOOL_DIR: join(WORK, 'spool'),
  }

  heading('Is everything ready?')
  await mixload(['check'], environment)

  heading('Load every day')
  await mixload(['backfill', '--from', firstDay], environment)

  heading('What the database has now')
  await mixload(['status'], environment)
}

for (const { title, sql } of DEMO_QUERIES) {
  heading(title)
  const { names, rows } = await query(sql, DATABASE)
  say(`${indented(sql)}\n`)
  say(indented(textTable(names, rows)))
}

heading('Next steps')
say(`Explore the data:  duckdb ${relativePath(DATABASE)} "FROM mixpanel.export_latest LIMIT 10"`)
say('Your own project:  set MIXPANEL_PROJECT_ID, MIXPANEL_SERVICE_ACCOUNT and MIXPANEL_SERVICE_ACCOUNT_SECRET,')
say('                   then run  mixload check  and  mixload backfill --from 2024-01-01')
say('Every night:       mixload sync')

/** Runs a command and shows its output. The log is shown only if the command fails. */
async function mixload(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  say(`$ mixload ${args.join(' ')}`)
  const child = spawn(process.execPath, [MIXLOAD, ...args], {
    cwd: WORK,
    env: { ...plainEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  say(indented(output.trimEnd()))
  if (code !== 0) throw new Error(`mixload ${args[0]} ended with ${code}:\n${log}`)
}

function heading(title: string): void {
  say(`\n── ${title}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function indented(block: string): string {
  return block.replaceAll(/^(?=.)/gm, '  ')
}

function relativePath(path: string): string {
  return relative(process.cwd(), path)
}
