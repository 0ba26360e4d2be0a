import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ended, eventsOf, type Ran, Workplace } from '../cmd/run-mixload.ts'
import { type Database, newDatabase } from '../postgres/shared.ts'
import { FaultServer, refusal, whole } from './fault-server.ts'
import { ACCOUNT, SECRETS, secretsBelow, secretsIn } from './secrets.ts'

const DAY = '2026-03-01'
const SPAN = ['--timezone', 'UTC', '--from', DAY, '--to', DAY]

/** Every command, with what makes it do something. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  init: ['--from', DAY, '--config', 'init/mixload.yaml', '--force'],
  backfill: SPAN,
  sync: [...SPAN, '--late-arrivals'],
  load: ['events.ndjson'],
  plan: SPAN,
  check: [],
  status: [],
  verify: SPAN,
  report: ['funnel', '--step', 'Order Completed', '--step', 'Page Viewed'],
  views: [],
  tidy: [],
  dbt: ['--lexicon'],
  track: ['Bought', '--distinct-id', 'p', '--spool', 'queue'],
  engage: ['p', '$set', '--property', 'plan=pro', '--spool', 'queue'],
  alias: ['new', 'old', '--spool', 'queue'],
  import: ['--yes', 'events.ndjson'],
  simulate: ['--data', 'events.ndjson', '--port', '0'],
}

let place: Workplace
let database: Database
let role: string
let echo: FaultServer
beforeAll(async () => {
  place = await Workplace.create({
    serviceAccount: { user: ACCOUNT, secret: SECRETS.account },
    token: SECRETS.token,
  })
  await place.simulator.ingest(eventsOf(DAY, 100))
  mkdirSync(join(place.directory, 'init'))
  writeFileSync(join(place.directory, 'events.ndjson'), `${JSON.stringify(eventsOf(DAY, 1)[0])}\n`)
  database = await newDatabase()
  role = `secretive_${crypto.randomUUID().slice(0, 8)}`
  await database.query(
    `CREATE ROLE ${role} LOGIN PASSWORD '${SECRETS.postgres}'; GRANT CREATE ON DATABASE "${database.name}" TO ${role}`,
  )
  // Repeats what it was sent, like the error page of a helpful proxy.
  echo = await FaultServer.start(({ headers, path, before }) => {
    const got = JSON.stringify(headers)
    const says = `I got ${path} with ${got}, or ${encodeURIComponent(got)}`
    return before % 2 === 0
      ? whole(`{"event":"E"}\n${says}`, { framing: 'length', gzip: false })
      : refusal('400 Bad', JSON.stringify({ error: says }))
  })
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await database.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
  await database[Symbol.asyncDispose]()
  await echo[Symbol.asyncDispose]()
})

function postgresUrl(password: string): string {
  const url = new URL(database.url)
  return `postgres://${role}:${encodeURIComponent(password)}@${url.host}/${database.name}`
}

type Environment = Readonly<Record<string, string | undefined>>

/** What a user gives, what is wrong with it, and whom it concerns. */
interface Situation {
  readonly environment: () => Environment
  readonly concerns: readonly (keyof typeof COMMANDS)[]
}

const REQUESTING = ['init', 'backfill', 'check', 'dbt', 'track', 'import', 'verify']
const LOADING = ['init', 'sync', 'load', 'check', 'status']

const mixpanel = (environment: () => Environment): Situation => ({ environment, concerns: REQUESTING })
const destination = (url: () => string): Situation => ({
  environment: () => ({ MIXLOAD_DESTINATION: url() }),
  concerns: LOADING,
})

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'all is well': { environment: () => ({}), concerns: Object.keys(COMMANDS) },
  'the account is refused': mixpanel(() => ({ MIXPANEL_SERVICE_ACCOUNT: 'stranger', MIXPANEL_TOKEN: SECRETS.wrong })),
  'a project secret is refused': mixpanel(() => ({
    MIXPANEL_SERVICE_ACCOUNT: undefined,
    MIXPANEL_SERVICE_ACCOUNT_SECRET: undefined,
    MIXPANEL_API_SECRET: SECRETS.project,
    MIXPANEL_TOKEN: undefined,
  })),
  'a response repeats what was sent': mixpanel(() => ({ MIXPANEL_API_URL: echo.url })),
  'Mixpanel’s URL has a password and nobody answers': {
    environment: () => ({ MIXPANEL_API_URL: `http://u:${encodeURIComponent(SECRETS.wrong)}@127.0.0.1:1` }),
    concerns: ['backfill', 'check', 'import'],
  },
  'Mixpanel’s URL has a password and is not valid': mixpanel(() => ({
    MIXPANEL_API_URL: `ftp://u:${encodeURIComponent(SECRETS.wrong)}@host`,
  })),
  'the settings file is not valid YAML': {
    environment: () => {
      writeFileSync(join(place.directory, 'mixload.yaml'), `serviceAccountSecret: "${SECRETS.project}\ntoken: 1`)
      return {}
    },
    concerns: ['backfill', 'track'],
  },
  'Postgres refuses the password': destination(() => postgresUrl(SECRETS.wrong)),
  'the destination is of an unknown kind': destination(() => postgresUrl(SECRETS.wrong).replace('postgres:', 'pg:')),
  'the URL of Postgres has one slash': destination(() => postgresUrl(SECRETS.wrong).replace('://', ':/')),
  'the URL of Postgres has three slashes': destination(() => postgresUrl(SECRETS.wrong).replace('://', ':///')),
  'the path of DuckDB has a token': destination(
    () => `duckdb:md:d?motherduck_token=${encodeURIComponent(SECRETS.wrong)}`,
  ),
  'the port of Postgres is not a number': destination(() => postgresUrl(SECRETS.wrong).replace(/:\d+\//, ':port/')),
  'the password in Postgres’s URL is not encoded': destination(() => `postgres://u:${SECRETS.wrong}@127.0.0.1:1/d`),
  'BigQuery’s key is damaged': destination(() => `bigquery://p/d?key_file=${join(place.directory, 'key.json')}`),
}

/**
 * Runs a command until it ends, or for a while after it has printed something, and gathers what
 * others can see of it meanwhile.
 */
async function observed(
  command: keyof typeof COMMANDS,
  isJson: boolean,
  environment: Environment,
): Promise<Ran & { readonly seen: string }> {
  const args = [command, ...(COMMANDS[command] ?? []), ...(isJson ? ['--json'] : [])]
  const child = place.start(
    args,
    place.environment({
      MIXPANEL_TOKEN: SECRETS.token,
      MIXPANEL_SERVICE_ACCOUNT_SECRET: SECRETS.account,
      MIXLOAD_DESTINATION: postgresUrl(SECRETS.postgres),
      MIXLOAD_STREAMS: undefined,
      ...environment,
    }),
  )
  const end = ended(child)
  let printedAt: number | undefined
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', () => (printedAt ??= performance.now()))
  const isEnough = () => printedAt !== undefined && performance.now() - printedAt > WATCHED_MS
  let seen = ''
  while (!isEnough() && child.exitCode === null && child.signalCode === null) {
    for (const file of ['cmdline', 'comm']) {
      try {
        seen += readFileSync(`/proc/${child.pid}/${file}`, 'latin1')
      } catch {
        // It has ended, or this system has none.
      }
    }
    await sleep(20)
  }
  child.kill('SIGKILL')
  return { ...(await end), seen }
}

/** Commands that go on, or try again, are ended so long after they have printed something. */
const WATCHED_MS = 2500

it.each(Object.entries(SITUATIONS))(
  'if %s, no command shows a secret or leaves one in files, the warehouse or the process list',
  async (_, { environment, concerns }) => {
    const key = JSON.stringify({ type: 'service_account', client_email: 'a@b', private_key: SECRETS.key })
    writeFileSync(join(place.directory, 'key.json'), key)
    const found: string[] = []
    for (const [at, command] of concerns.entries()) {
      // Each in one of its two ways; where all is well, in both.
      for (const isJson of concerns.length === Object.keys(COMMANDS).length ? [false, true] : [at % 2 === 1]) {
        const { stdout, stderr, seen } = await observed(command, isJson, environment())
        expect(stdout + stderr, command).not.toBe('')
        for (const text of [stdout, stderr, seen])
          found.push(...secretsIn(text).map((secret) => `${command}: ${secret}`))
      }
    }
    found.push(...secretsBelow(place.directory, (path) => /key\.json$|mixload\.yaml$|\.env$/.test(path)))
    rmSync(join(place.directory, 'mixload.yaml'), { force: true })
    found.push(...secretsIn(JSON.stringify(await everythingIn(database))))
    expect(found).toEqual([])
  },
)

it('every command is among those that are watched for secrets', async () => {
  const { stdout } = await place.run(['--help'])
  const known = [...stdout.matchAll(/^ {2}mixload (\w+)/gm)].map(([, name]) => name)
  expect(known).toEqual(Object.keys(COMMANDS))
})

/** All rows and views of a database, and what its server knows of the sessions there. */
async function everythingIn({ query }: Database): Promise<readonly unknown[]> {
  const tables = await query(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'mixpanel'",
  )
  const rows = await Promise.all(tables.map(({ name }) => query(`SELECT _row::text AS text FROM ${name} AS _row`)))
  const views = await query("SELECT definition FROM pg_views WHERE schemaname = 'mixpanel'")
  return [rows, views, await query('SELECT query, application_name FROM pg_stat_activity')]
}
