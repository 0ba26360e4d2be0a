import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { packagePath } from '../../lib/core/package-root.ts'
import { FaultServer, refusal } from '../faults/fault-server.ts'
import { ended, eventsOf, type Ran, Workplace } from './run-mixload.ts'

const DAY = '2026-03-01'
const SPAN = ['--timezone', 'UTC', '--from', DAY, '--to', DAY]
/** Sets a title, clears the screen in two ways, turns letters around, and adds two false lines. */
const EVIL = 'Evil\u001b]0;title\u0007\u001b[2J\u009b2J\u202e\rFalse line\nFalse line'

/** Every command, with what makes it print names from outside. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  init: ['--config', `missing${EVIL}/mixload.yaml`],
  backfill: SPAN,
  sync: [...SPAN, '--late-arrivals'],
  load: ['good.ndjson', `bad${EVIL}.ndjson`],
  plan: [...SPAN, '--schema', EVIL],
  check: [],
  status: ['--schema', EVIL],
  verify: SPAN,
  report: ['funnel', '--step', EVIL, '--step', EVIL],
  views: [],
  tidy: ['--destination', `duckdb:${EVIL}.duckdb`],
  dbt: ['--file', `${EVIL}.yml`, '--lexicon'],
  track: [EVIL],
  engage: [EVIL, '$set', '--property', `${EVIL}=pro`],
  alias: [EVIL, 'old'],
  import: [`good.ndjson`, `bad${EVIL}.ndjson`],
  simulate: ['--data', `missing${EVIL}.ndjson`, '--port', '0'],
}

let place: Workplace
let refusing: FaultServer
beforeAll(async () => {
  place = await Workplace.create({ token: 'abc' })
  const events = eventsOf(DAY, 6, { [EVIL]: 1 }).map((event) => ({ ...event, event: EVIL }))
  await place.simulator.ingest(events)
  await writeFile(join(place.directory, 'good.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  await writeFile(join(place.directory, `bad${EVIL}.ndjson`), '{}')
  await mkdir(join(place.directory, 'node_modules'))
  refusing = await FaultServer.start(() => refusal('400 Bad', JSON.stringify({ error: EVIL, status: 'error' })))
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await refusing[Symbol.asyncDispose]()
})

/** Runs a command whose standard error is a terminal, as it sees it. */
async function onTerminal(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const isTerminal = '--import=data:text/javascript,process.stderr.isTTY=true'
  const environment = place.environment({ MIXPANEL_TOKEN: 'abc', NODE_OPTIONS: isTerminal, ...more })
  return ended(place.start(args, environment))
}

/** What is printed without what draws the display. */
const DISPLAY = new RegExp(`${String.fromCharCode(27)}\\[(?:\\d*[ABGK]|\\?(?:25|2026)[hl])`, 'g')
const withoutDisplay = (text: string) => text.replaceAll(DISPLAY, '')

function assertHarmless(text: string): void {
  const found = withoutDisplay(text).match(/[^\P{Cc}\n]|\p{Bidi_Control}|^False line/mu)
  expect(found?.[0], JSON.stringify(text)).toBeUndefined()
}

it.each(Object.entries(COMMANDS))('%s prints nothing from outside that a terminal obeys', async (command, args) => {
  const shown: string[] = []
  const isSending = ['track', 'engage', 'alias', 'import', 'simulate'].includes(command)
  // What a server says is shown, too.
  const urls = isSending || command === 'load' ? [refusing.url] : [place.simulator.url, refusing.url]
  for (const [at, url] of urls.entries()) {
    const { stdout, stderr } = await onTerminal([command, ...args, ...(at === 1 ? ['--json'] : [])], {
      MIXPANEL_API_URL: url,
    })
    assertHarmless(stdout)
    assertHarmless(stderr)
    shown.push(stdout, stderr)
  }
  expect(shown.join('')).toMatch(/Evil|export/)
})

it('every command is among those that are watched', async () => {
  const { stdout } = await place.run(['--help'])
  expect([...stdout.matchAll(/^ {2}mixload (\w+)/gm)].map(([, name]) => name)).toEqual(Object.keys(COMMANDS))
})

it('a wrong command line is shown without what a terminal obeys', async () => {
  for (const args of [[EVIL], ['status', `--${EVIL}`], ['status', '--streams', EVIL], ['verify', '--config', EVIL]]) {
    const { code, stdout, stderr } = await onTerminal(args)
    expect(code).toBe(2)
    assertHarmless(stdout)
    assertHarmless(stderr)
    expect(stderr).toContain('Evil\\u001b')
  }
})

it('the log of events stays JSON', async () => {
  const { stderr } = await place.run(['load', `bad${EVIL}.ndjson`])
  const entries = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(entries.find(({ file }) => file !== undefined).file).toContain(EVIL)
})

it('a reader that goes away, as head does, ends nothing and shows nothing', async () => {
  for (const command of ['status', 'check', '--help']) {
    const script = `"${process.execPath}" "${packagePath('dist', 'cmd', 'mixload.js')}" ${command} | true; echo "\${PIPESTATUS[0]}"`
    const child = spawn('bash', ['-c', script], { cwd: place.directory, env: place.environment() })
    expect(await ended(child)).toMatchObject({ stderr: '', stdout: '0\n' })
  }
})

it('results that cannot be written are a failure', async () => {
  const script = `"${process.execPath}" "${packagePath('dist', 'cmd', 'mixload.js')}" status > /dev/full`
  const child = spawn('bash', ['-c', script], { cwd: place.directory, env: place.environment() })
  expect(await ended(child)).toMatchObject({ code: 1, stderr: expect.stringContaining('Cannot write the results: ') })
})
