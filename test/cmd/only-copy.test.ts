import { describe, expect, it } from 'vitest'
import type { FaultMatch } from '../../lib/simulator/index.ts'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { Workplace } from './run-mixload.ts'

await farFromMidnight()

const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const day = addDays(yesterday, -2)
const span = ['--from', day, '--to', day]
const replace = ['sync', '--write', 'replace', ...span]

const events = (on: string, count = 10) =>
  Array.from({ length: count }, (_, at) => ({
    event: 'Seen',
    properties: { time: Date.parse(`${on}T12:00:00Z`) + at, distinct_id: `p${at}`, $insert_id: `${on}-${at}` },
  }))

/** A warehouse with ten events of a day. */
async function loaded(on = day): Promise<Workplace> {
  const place = await Workplace.create()
  await place.simulator.ingest(events(on))
  expect(await place.run(['backfill', '--from', on, '--to', on])).toMatchObject({ code: 0 })
  return place
}

const count = async (place: Workplace, table = 'export') => {
  const [row] = await place.query(`SELECT count(*) AS n FROM mixpanel.${table}`)
  return Number(row?.n)
}

/** Makes Mixpanel's reports count none of the events of a day. */
function countsNothing({ simulator }: Workplace, on: string): void {
  const body = (path: string, answer: unknown) =>
    simulator.fault({ kind: 'body', times: Number.POSITIVE_INFINITY, match: { path }, body: JSON.stringify(answer) })
  body('/api/query/events/names', ['Seen'])
  body('/api/query/events', { data: { values: { Seen: { [on]: 0 } } } })
}

describe('rows that Mixpanel no longer returns', () => {
  it.each([
    ['nothing', '', 0],
    [
      'far less',
      events(day, 4)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
      4,
    ],
  ])('stay when a day answers with %s', async (_, body, found) => {
    await using place = await loaded()
    place.simulator.fault({ kind: 'body', times: Number.POSITIVE_INFINITY, match: { path: '/api/2.0/export' }, body })
    const ran = await place.run(replace)
    expect(ran).toMatchObject({ code: 3 })
    expect(ran.stdout).toContain(`Mixpanel returned ${found} rows, but the warehouse has 10. The old rows stay.`)
    expect(ran.stdout).toContain('--max-removed 100%')
    expect(await count(place)).toBe(10)
    expect(await place.run([...replace, '--max-removed', '100%'])).toMatchObject({ code: 0 })
    expect(await count(place)).toBe(found)
  })

  it('go when fewer are gone than may be', async () => {
    await using place = await loaded()
    const body = events(day, 6).map((event) => `${JSON.stringify(event)}\n`)
    place.simulator.fault({
      kind: 'body',
      times: Number.POSITIVE_INFINITY,
      match: { path: '/api/2.0/export' },
      body: body.join(''),
    })
    expect(await place.run(replace)).toMatchObject({ code: 0 })
    expect(await count(place)).toBe(6)
  })

  it('stay when verify --repair reads a day again that is empty now', async () => {
    await using place = await loaded()
    place.simulator.fault({
      kind: 'body',
      times: Number.POSITIVE_INFINITY,
      match: { path: '/api/2.0/export' },
      body: '',
    })
    countsNothing(place, day)
    const ran = await place.run(['verify', '--repair', ...span])
    expect(ran, ran.stdout).toMatchObject({ code: 3, stdout: expect.stringContaining('The old rows stay.') })
    expect(await count(place)).toBe(10)
  })

  it('are left alone by verify where Mixpanel deletes events by their age', async () => {
    const old = addDays(yesterday, -800)
    await using place = await loaded(old)
    countsNothing(place, old)
    const ran = await place.run(['verify', '--repair', '--from', old, '--to', old])
    expect(ran, ran.stdout).toMatchObject({ code: 0 })
    expect(ran.stdout).toContain(`Not compared: 1 day from ${old} to ${old}, whose events Mixpanel has deleted.`)
    expect(await count(place)).toBe(10)
  })

  it.each([
    [
      'engage',
      '/api/query/engage',
      '{"page":0,"page_size":1000,"session_id":"s","status":"ok","total":0,"results":[]}',
    ],
    ['cohorts', '/api/query/cohorts/list', '[]'],
    ['annotations', '/api/app/projects/1000/annotations', '{"status":"ok","results":[]}'],
  ])('stay in %s', async (stream, path, body) => {
    await using place = await Workplace.create()
    const { simulator } = place
    simulator.fault({ kind: 'body', times: Number.POSITIVE_INFINITY, match: { path }, body: FULL[stream] ?? '' })
    const load = ['sync', '--streams', stream, '--from', day, ...(stream === 'engage' ? ['--engage-history'] : [])]
    const first = await place.run(load)
    expect(first, first.stdout).toMatchObject({ code: 0 })
    const before = await count(place, stream)
    expect(before).toBeGreaterThan(0)
    simulator.clearFaults()
    simulator.fault({ kind: 'body', times: Number.POSITIVE_INFINITY, match: { path }, body })
    const ran = await place.run(load)
    expect(ran, ran.stdout).toMatchObject({ code: 3, stdout: expect.stringContaining('The old rows stay.') })
    expect(await count(place, stream)).toBe(before)
    if (stream !== 'engage') return
    expect(await place.query("SELECT * FROM mixpanel.engage_changes WHERE _change = 'gone'")).toEqual([])
  })
})

const FULL: Readonly<Record<string, string>> = {
  engage: JSON.stringify({
    page: 0,
    page_size: 1000,
    session_id: 's',
    status: 'ok',
    total: 2,
    results: ['ann', 'bob'].map((id) => ({ $distinct_id: id, $properties: { plan: id } })),
  }),
  cohorts: JSON.stringify([
    { id: 1, name: 'a', count: 1, description: '', created: '2026-01-01 00:00:00', is_visible: 1, project_id: 1000 },
  ]),
  annotations: JSON.stringify({
    status: 'ok',
    results: [{ id: 1, date: '2026-01-01 00:00:00', description: 'x', project_id: 1000 }],
  }),
}

describe('profiles that Mixpanel counts and does not return', () => {
  it('stay, and are not gone in the history', async () => {
    await using place = await Workplace.create()
    const { simulator } = place
    for (const id of ['ann', 'bob', 'cem', 'dora']) simulator.profiles.set(id, { plan: 'pro' })
    const load = ['sync', '--streams', 'engage', '--engage-history']
    expect(await place.run(load)).toMatchObject({ code: 0 })
    const results = ['ann', 'bob', 'cem'].map((id) => ({ $distinct_id: id, $properties: { plan: 'pro' } }))
    const page = { page: 0, page_size: 1000, session_id: 's', status: 'ok', total: 4, results }
    const answer = (match: FaultMatch, body: object) =>
      simulator.fault({ kind: 'body', times: Number.POSITIVE_INFINITY, match, body: JSON.stringify(body) })
    const path = '/api/query/engage'
    answer({ path, parameters: { page: '1' } }, { ...page, page: 1, results: [] })
    answer({ path }, page)
    const ran = await place.run(load)
    expect(ran, ran.stdout).toMatchObject({ code: 3 })
    expect(ran.stdout).toContain('3 rows, 1 fewer than it counts, but the warehouse has 4. The old rows stay.')
    expect(await count(place, 'engage')).toBe(4)
    expect(await place.query("SELECT * FROM mixpanel.engage_changes WHERE _change = 'gone'")).toEqual([])
  })
})

describe('a warehouse', () => {
  it('takes one project for each schema, and names both', async () => {
    await using place = await loaded()
    const requests = place.simulator.requests.length
    for (const command of [replace, ['sync', ...span], ['verify', ...span], ['plan', ...span]]) {
      const ran = await place.run(command, { MIXPANEL_PROJECT_ID: '2000' })
      expect(ran, ran.stderr).toMatchObject({ code: 2 })
      expect(ran.stderr).toMatch(/has the data of project 1000 \(a server on this machine\).*name project 2000/)
    }
    expect(place.simulator.requests).toHaveLength(requests)
    expect(await count(place)).toBe(10)
    const status = await place.run(['status'])
    expect(status.stdout).toContain('project: 1000 (local)')
  })

  it('recognizes the project by its secret where no id is set, and does not store the secret', async () => {
    await using place = await Workplace.create()
    await place.simulator.ingest(events(day))
    const { apiSecret } = place.simulator.credentials
    const none = ['MIXPANEL_PROJECT_ID', 'MIXPANEL_SERVICE_ACCOUNT', 'MIXPANEL_SERVICE_ACCOUNT_SECRET']
    const bySecret = (secret: string) => ({
      ...Object.fromEntries(none.map((name) => [name, ''])),
      MIXPANEL_API_SECRET: secret,
    })
    const load = ['backfill', '--from', day, '--to', day]
    expect(await place.run(load, bySecret(apiSecret))).toMatchObject({ code: 0 })
    expect(await place.run(load, bySecret(apiSecret))).toMatchObject({ code: 0 })
    const requests = place.simulator.requests.length
    const ran = await place.run(load, bySecret('of-another-project'))
    expect(ran, ran.stderr).toMatchObject({ code: 2, stderr: expect.stringContaining('set MIXPANEL_PROJECT_ID') })
    expect(place.simulator.requests).toHaveLength(requests)
    const [row] = await place.query('SELECT source FROM _mixload_loads')
    expect(row?.source).toMatch(/"secret":"[0-9a-f]{32}\.[0-9a-f]{32}"/)
    expect(row?.source).not.toContain(apiSecret)
  })

  it('does not mix events of two clocks, and takes the days that are loaded again', async () => {
    await using place = await loaded()
    const legacy = ['--legacy-time', '--timezone', 'US/Pacific']
    // Also without --from, where the ledger has no whole day of this clock.
    for (const days of [span, []]) {
      const refused = await place.run(['sync', ...days, ...legacy])
      expect(refused, refused.stderr).toMatchObject({ code: 2, stderr: expect.stringContaining('with another clock') })
    }
    const ran = await place.run(['sync', ...span, ...legacy])
    expect(ran, ran.stderr).toMatchObject({ code: 2, stderr: expect.stringContaining('--write replace') })
    expect(await count(place)).toBe(10)
    const again = await place.run(['backfill', '--write', 'replace', ...span, ...legacy])
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(await place.run(['sync', ...span, ...legacy])).toMatchObject({ code: 0 })
    expect(await place.run(['sync', ...span])).toMatchObject({ code: 2 })
    expect(await count(place, 'export_latest')).toBe(10)
  })

  it('does not call profiles gone that another filter leaves out', async () => {
    await using place = await Workplace.create()
    place.simulator.fault({
      kind: 'body',
      times: Number.POSITIVE_INFINITY,
      match: { path: '/api/query/engage' },
      body: FULL.engage ?? '',
    })
    const load = ['sync', '--streams', 'engage', '--engage-history']
    expect(await place.run(load)).toMatchObject({ code: 0 })
    const ran = await place.run([...load, '--engage-where', 'properties["plan"] == "pro"'])
    expect(ran, ran.stderr).toMatchObject({ code: 2, stderr: expect.stringContaining('would count as new or gone') })
    const others = await place.run([...load, '--exclude-properties', 'plan'])
    expect(others, others.stderr).toMatchObject({ code: 0, stderr: expect.stringContaining('choose other properties') })
  })
})
