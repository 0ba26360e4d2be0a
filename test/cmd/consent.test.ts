import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { onPseudoTerminal, type Typing } from './pseudo-terminal.ts'
import { ACCOUNT, PROJECT, Workplace } from './run-mixload.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const WITH_TOKEN = { MIXPANEL_TOKEN: TOKEN }
const NOON = Date.parse('2026-08-03T12:00:00Z')
const QUESTION = '[y/N] '

let place: Workplace
let host: string
beforeEach(async () => {
  place = await Workplace.create({ token: TOKEN })
  host = new URL(place.simulator.url).host
})
afterEach(() => place[Symbol.asyncDispose]())

const event = (n: number, more: object = {}) => ({
  event: 'Order',
  properties: { time: NOON + n, distinct_id: 'ann', $insert_id: `id-${n}`, ...more },
})

async function file(name: string, events: readonly object[]): Promise<string> {
  await writeFile(join(place.directory, name), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return name
}

function onTerminal(
  args: readonly string[],
  typings: readonly Typing[],
  more: Readonly<Record<string, string | undefined>> = WITH_TOKEN,
) {
  return onPseudoTerminal(args, { directory: place.directory, environment: place.environment(more) }, typings)
}

/** What the simulator has. */
const sent = () => ({ events: place.simulator.eventCount(), profiles: place.simulator.profiles.size })
const NOTHING = { events: 0, profiles: 0 }

describe('credentials that load', () => {
  it('send nothing without --yes where nobody is asked', async () => {
    const ran = await place.run(['import', await file('a.ndjson', [event(1)])])
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain(`project ${PROJECT} at ${host}`)
    expect(ran.stderr).toContain('add --yes')
    expect(ran.stderr).toContain('mixload load')
    expect(place.simulator.requests).toEqual([])
  })

  it('send with --yes, and name the project first', async () => {
    const ran = await place.run(['import', '--yes', await file('a.ndjson', [event(1)])])
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 accepted/) })
    expect(JSON.parse(ran.stderr)).toMatchObject({
      kind: 'sending-started',
      msg: `Sending the events of a.ndjson to project ${PROJECT} at ${host}.`,
    })
    expect(sent().events).toBe(1)
  })
})

describe('flags without effect', () => {
  it.each([
    ['--destination', 'duckdb:x.duckdb', 'mixload load'],
    ['--schema', 'other', '--query'],
    ['--memory-limit', '1GB', '--query'],
    ['--project-id', '7', 'the project token decides'],
  ])('%s is refused by an import of a file', async (flag, value, message) => {
    const ran = await place.run(['import', await file('a.ndjson', [event(1)]), flag, value, '--yes'], WITH_TOKEN)
    expect(ran).toMatchObject({ code: 2 })
    expect(ran.stderr).toContain(`${flag} has no effect here`)
    expect(ran.stderr).toContain(message)
    expect(place.simulator.requests).toEqual([])
    expect(existsSync(join(place.directory, 'x.duckdb'))).toBe(false)
  })

  it.each([
    [['import', '--query', 'SELECT 1', '--format', 'csv'], '--format has no effect'],
    [['import', '--query', 'SELECT 1', '--state-dir', 's'], '--state-dir has no effect'],
    [['engage', 'ann', '$delete', '--property', 'a=1'], 'takes no --property'],
  ])('%j is refused', async (args, message) => {
    const ran = await place.run(args, WITH_TOKEN)
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(message) })
    expect(place.simulator.requests).toEqual([])
  })

  it('settings of the environment are not flags: commands share them', async () => {
    const environment = { ...WITH_TOKEN, MIXLOAD_SCHEMA: 'other', MIXPANEL_PROJECT_ID: '7' }
    expect(await place.run(['import', await file('a.ndjson', [event(1)])], environment)).toMatchObject({ code: 0 })
  })
})

describe('--dry-run', () => {
  it('checks all events of a file, says what would be sent and where, and leaves nothing behind', async () => {
    const events = [event(1), event(2, { time: 'soon' }), { event: '' }, event(3, { time: NOON * 1000 })]
    const ran = await place.run(['import', await file('a.ndjson', events), '--dry-run'], WITH_TOKEN)
    expect(ran.code).toBe(3)
    expect(ran.stdout).toContain(
      `Would send 2 events (2 more are not valid) to the project of the project token …cdef at ${host}. Nothing was sent.`,
    )
    expect(ran.stdout).toContain('Times that are too large for milliseconds, such as microseconds: 1.')
    expect(ran.stderr).toMatch(/a\.ndjson: line 2 would be rejected: .*time/)
    expect(place.simulator.requests).toEqual([])
    expect(await readdir(place.directory)).toEqual(['a.ndjson'])
  })

  it('does not count what an interrupted import has sent, and prints JSON', async () => {
    const name = await file('a.ndjson', [event(1)])
    const ran = await place.run(['import', name, '--dry-run', '--json'], WITH_TOKEN)
    expect(JSON.parse(ran.stdout)).toEqual({
      dry_run: true,
      to: `the project of the project token …cdef at ${host}`,
      events: 1,
      rejected: 0,
      skipped: 0,
      doubtful_times: {},
    })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
  })

  it('reads the rows of a query', async () => {
    await place.simulator.ingest([event(1), event(2)])
    await place.run(['backfill', '--from', '2026-08-03', '--to', '2026-08-03'])
    const before = place.simulator.requests.length
    const query = 'SELECT * FROM mixpanel.export_latest'
    const ran = await place.run(['import', '--query', query, '--dry-run'])
    expect(ran.stdout).toBe(`Would send 2 events to project ${PROJECT} at ${host}. Nothing was sent.\n`)
    expect(place.simulator.requests).toHaveLength(before)
  })

  it.each([
    [['track', 'Signed up'], '1 event, "Signed up", to'],
    [['engage', 'ann', '$set', '--property', 'a=1'], '1 change of a profile, $set of ann, to'],
    [
      ['engage', 'acme', '$set', '--group', 'company', '--property', 'a=1'],
      '1 change of a group profile, $set of acme',
    ],
    [['alias', 'new', 'old'], '1 alias, new for old, to'],
  ])('of %j sends nothing', async (args, message) => {
    const ran = await place.run([...args, '--dry-run', '--spool', 'kept'], WITH_TOKEN)
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout).toContain(`Would send ${message}`)
    expect(place.simulator.requests).toEqual([])
    expect(existsSync(join(place.directory, 'kept'))).toBe(false)
  })

  it('reports what is wrong with a record', async () => {
    const ran = await place.run(['track', 'a', '--ip', 'home', '--dry-run'], WITH_TOKEN)
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('ip ') })
  })
})

describe('on a terminal', () => {
  const answer = (typed: string): Typing => [QUESTION, typed]

  it('an import asks, with the number of events and the project', async () => {
    const name = await file('a.ndjson', [event(1), event(2), { event: '' }])
    const ran = await onTerminal(['import', name], [answer('y\n')], {})
    expect(ran.screen).toContain(
      `Send 2 events (1 more are not valid) of a.ndjson to project ${PROJECT} at ${host}? What is sent cannot be unsent. [y/N] `,
    )
    expect(ran).toMatchObject({ code: 3, screen: expect.stringContaining('2 accepted, 1 rejected') })
    expect(sent().events).toBe(2)
    expect(ran.screen).not.toContain(ACCOUNT.secret)
  })

  it.each(['n\n', '\n', 'Yess\n', '\u0004'])('the answer %j sends nothing', async (typed) => {
    const ran = await onTerminal(['import', await file('a.ndjson', [event(1)])], [answer(typed)])
    expect(ran).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was sent.') })
    expect(place.simulator.requests).toEqual([])
  })

  it('^C instead of an answer sends nothing', async () => {
    const ran = await onTerminal(['track', 'a'], [answer('\u0003')])
    expect(ran).toMatchObject({ code: 130 })
    expect(place.simulator.requests).toEqual([])
  })

  it.each([
    [['track', 'a'], 'Send 1 event, "a", to'],
    [['engage', 'ann', '$set', '--property', 'a=1'], 'Send 1 change of a profile, $set of ann, to'],
    [['alias', 'new', 'old'], 'Send 1 alias, new for old, to'],
  ])('%j asks', async (args, question) => {
    const ran = await onTerminal(args, [answer('YES\n')])
    expect(ran).toMatchObject({ code: 0, screen: expect.stringContaining(question) })
    expect(ran.screen).not.toContain(TOKEN)
    expect(sent()).not.toEqual(NOTHING)
  })

  it('a wrong record is refused before the question', async () => {
    const ran = await onTerminal(['track', 'a', '--ip', 'home'], [])
    expect(ran).toMatchObject({ code: 2, screen: expect.not.stringContaining(QUESTION) })
  })

  it('--yes asks nothing', async () => {
    const ran = await onTerminal(['import', await file('a.ndjson', [event(1)]), '--yes'], [], {})
    expect(ran).toMatchObject({ code: 0, screen: expect.not.stringContaining(QUESTION) })
    expect(ran.screen).toContain(`Sending the events of a.ndjson to project ${PROJECT} at ${host}.`)
    expect(sent().events).toBe(1)
  })

  it('asks nothing if there is nothing to send', async () => {
    const ran = await onTerminal(['import', await file('a.ndjson', [{ event: '' }])], [])
    expect(ran).toMatchObject({ code: 3, screen: expect.not.stringContaining(QUESTION) })
    expect(place.simulator.requests).toEqual([])
  })
})
