import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STREAMS } from '../../lib/settings.ts'
import type { SimulatorOptions } from '../../lib/simulator/index.ts'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { ended, eventsOf, PROJECT, type Ran, Workplace } from './run-mixload.ts'
import { logged } from './stages.ts'

await farFromMidnight()

const yesterday = addDays(new Date().toISOString().slice(0, 10), -1)
const daysAgo = (count: number) => addDays(yesterday, 1 - count)
const SPAN = ['--from', daysAgo(4), '--to', daysAgo(3)]
const ALL = { MIXLOAD_STREAMS: undefined }

/** A project with something in every stream. */
async function project(options: SimulatorOptions = {}): Promise<Workplace> {
  const place = await Workplace.create(options)
  const { simulator } = place
  for (const back of [4, 3, 2, 1]) await simulator.ingest(eventsOf(daysAgo(back), 10))
  simulator.profiles.set('anna', { $email: 'anna@example.com', plan: 'pro', $transactions: [] })
  simulator.profiles.set('bo', { plan: 'free', seats: 3 })
  simulator.groupProfiles('77').set('acme', { $name: 'Acme' })
  simulator.cohorts.set({ id: 5, name: 'Active', members: ['anna', 'bo', 'no-profile'] })
  simulator.annotations.set({ date: `${daysAgo(4)} 12:00:00`, description: 'Release 4.2' })
  simulator.funnels.set({ id: 9, name: 'Signup', steps: ['Open', 'Sign up'], days: { [daysAgo(4)]: [20, 5] } })
  simulator.revenue.set(daysAgo(4), { amount: 99.5, count: 62, paid_count: 3 })
  await writeFile(join(place.directory, 'mixload.yaml'), 'groups: {company: "77"}\n')
  return place
}

const results = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const rowsOf = async (place: Workplace, table: string) =>
  Number((await place.query(`SELECT count(*) AS n FROM ${table}`))[0]?.n)
const requestCount = (place: Workplace, path: string) =>
  place.simulator.requests.filter((request) => request.path.includes(path)).length

describe('all streams', () => {
  it('are loaded by backfill, and reported one by one, events first, and in a table', async () => {
    await using place = await project()
    const ran = await place.run(['backfill', ...SPAN], ALL)
    expect(ran).toMatchObject({ code: 0 })
    expect(ran.stdout).toMatch(/^export: 20 rows in 2 slices, 2 requests/m)
    expect(ran.stdout).toMatch(/^cohorts: 1 row copied whole, 1 request/m)
    expect(ran.stdout).toMatch(/^annotations: 1 row copied whole/m)
    expect(ran.stdout).toMatch(/^funnels: 2 rows and 4 of funnel_steps in 1 slice, 2 requests/m)
    expect(ran.stdout).toMatch(/^revenue: 2 rows in 1 slice, 1 request/m)
    expect(ran.stdout).toMatch(/^engage: 2 rows copied whole, 1 request/m)
    expect(ran.stdout).toMatch(/^group_company: 1 row copied whole/m)
    expect(ran.stdout).toMatch(/^cohort_members: 3 rows copied whole, 2 requests/m)
    const table = ran.stdout.slice(ran.stdout.indexOf('\nstream ')).trim().split('\n')
    expect(table[0]).toMatch(/^stream +requests +slices +rows +late +new columns +rejects +seconds$/)
    expect(table.slice(1).map((line) => line.split(' ')[0])).toEqual([
      ...STREAMS.slice(0, 6),
      'group_company',
      'cohort_members',
    ])
    const loads = await place.query('SELECT stream, row_count FROM _mixload_loads ORDER BY loaded_at')
    expect(loads.filter(({ stream }) => stream === 'export')).toEqual([
      { stream: 'export', row_count: 10n },
      { stream: 'export', row_count: 10n },
    ])
    // They share a limit on requests, so they are loaded one after the other, beside the events.
    expect(loads.filter(({ stream }) => stream !== 'export')).toEqual([
      { stream: 'cohorts', row_count: 1n },
      { stream: 'annotations', row_count: 1n },
      { stream: 'funnel_steps', row_count: 4n },
      { stream: 'funnels', row_count: 2n },
      { stream: 'revenue', row_count: 2n },
      { stream: 'engage', row_count: 2n },
      { stream: 'group_company', row_count: 1n },
      { stream: 'cohort_members', row_count: 3n },
    ])
  })

  it('are brought up to date by sync: new days and the window of some, a fresh copy of the others', async () => {
    await using place = await project()
    await place.run(['backfill', ...SPAN], ALL)
    place.simulator.profiles.delete('bo')
    place.simulator.profiles.set('cy', { plan: 'pro' })
    place.simulator.funnels.setDay(9, daysAgo(4), [20, 11])
    const ran = await place.run(['sync', '--json'], ALL)
    expect(ran).toMatchObject({ code: 0 })
    expect(results(ran)).toMatchObject([
      { stream: 'export', outcome: 'done', days: 4, rows: 20, late: {}, late_rows: 0 },
      { stream: 'cohorts', rows: 1, requests: 1 },
      { stream: 'annotations', rows: 1 },
      { stream: 'funnels', days: 4, slices: 1, rows: 4, other_rows: { funnel_steps: 8 }, new_columns: 0 },
      { stream: 'revenue', days: 4, rows: 4 },
      { stream: 'engage', rows: 2, rejects: 0 },
      { stream: 'group_company', rows: 1 },
      { stream: 'cohort_members', rows: 3 },
    ])
    for (const result of results(ran)) expect(result).toHaveProperty('seconds', expect.any(Number))
    expect(await place.query('SELECT distinct_id FROM engage ORDER BY 1')).toEqual([
      { distinct_id: 'anna' },
      { distinct_id: 'cy' },
    ])
    const [funnel] = await place.query(`SELECT completion FROM funnels_latest WHERE date = '${daysAgo(4)}'`)
    expect(Number(funnel?.completion)).toBe(11)
  })

  it('that were not loaded before begin with the first day of the events', async () => {
    await using place = await project()
    await place.run(['backfill', ...SPAN])
    const ran = await place.run(['sync', '--streams', 'funnels,engage', '--json'])
    expect(results(ran)).toMatchObject([
      { stream: 'funnels', days: 4 },
      { stream: 'engage', rows: 2 },
    ])
    expect(requestCount(place, '/export')).toBe(2)
  })

  it('need no days if only whole tables are copied', async () => {
    await using place = await project()
    expect(await place.run(['backfill', '--streams', 'engage,cohorts'])).toMatchObject({ code: 0 })
    expect(await place.run(['sync', '--streams', 'cohort_members'])).toMatchObject({ code: 0 })
    expect([await rowsOf(place, 'engage'), await rowsOf(place, 'cohort_members')]).toEqual([2, 3])
    expect(await place.run(['sync', '--streams', 'revenue'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('revenue: the ledger has no whole day'),
    })
  })

  it('run in a fixed order, however they are listed, and an unknown name is refused', async () => {
    await using place = await project()
    const ran = await place.run(['backfill', '--streams', 'engage,cohorts,export', ...SPAN, '--json'])
    expect(results(ran).map(({ stream }) => stream)).toEqual(['export', 'cohorts', 'engage'])
    expect(await place.run(['backfill', '--streams', 'people', ...SPAN])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cohort_members'),
    })
  })

  it('count their requests in one budget', async () => {
    await using place = await project()
    await place.run(['backfill', ...SPAN], { ...ALL, MIXLOAD_QUERY_REQUESTS_PER_HOUR: '60' })
    const budgets = join(place.directory, 'state', 'budget')
    const [file] = (await readdir(budgets)).filter((name) => /^query-.*\.json$/.test(name))
    const { sent, running } = JSON.parse(await readFile(join(budgets, `${file}`), 'utf8'))
    const query = place.simulator.requests.filter(({ path }) => !/\/export$|\/me$/.test(path))
    expect(sent).toHaveLength(query.length)
    expect(query.length).toBe(9)
    expect(running).toEqual([])
  })
})

describe('a stream that fails', () => {
  it.each([
    [402, 'PLAN_REFUSED'],
    [403, 'PERMISSION_REFUSED'],
    [404, 'NOT_FOUND'],
  ] as const)('with %i is skipped, and the others run', async (status, code) => {
    await using place = await project()
    place.simulator.refuse('engage', status)
    const ran = await place.run(['backfill', ...SPAN, '--json'], ALL)
    expect(ran.code).toBe(3)
    const outcomes = Object.fromEntries(results(ran).map(({ stream, outcome }) => [stream, outcome]))
    expect(outcomes).toEqual({
      export: 'done',
      cohorts: 'done',
      annotations: 'done',
      funnels: 'done',
      revenue: 'done',
      engage: 'skipped',
      group_company: 'skipped',
      cohort_members: 'skipped',
    })
    expect(results(ran)[5]).toMatchObject({ code, requests: 1, rows: 0, message: expect.stringContaining(`${status}`) })
  })

  it('because the plan lacks it is reported in a clear line', async () => {
    await using place = await project()
    place.simulator.refuse('export', 402)
    const ran = await place.run(['backfill', '--streams', 'export,cohorts', ...SPAN])
    expect(ran.code).toBe(3)
    expect(ran.stdout).toMatch(/^export: skipped\. This project's plan does not include it: .*$/m)
    expect(ran.stdout).toMatch(/^export .* skipped$/m)
    expect(await rowsOf(place, 'cohorts')).toBe(1)
  })

  it('for another reason is reported, the others run, and the exit code is 1', async () => {
    await using place = await project()
    const match = { path: '/api/query/funnels' }
    place.simulator.fault({ kind: 'status', status: 400, body: '{"error":"out of order"}', match })
    const ran = await place.run(['backfill', ...SPAN, '--streams', 'export,funnels,engage'])
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/^funnels: failed\. .*out of order/m)
    expect(ran.stderr).toContain('out of order')
    expect([await rowsOf(place, 'export'), await rowsOf(place, 'engage')]).toEqual([20, 2])
    expect(await place.run(['sync', '--streams', 'funnels'])).toMatchObject({ code: 0 })
    expect(await rowsOf(place, 'funnels')).toBe(4)
  })

  it('because of the credentials ends the run', async () => {
    await using place = await project()
    const match = { path: '/api/query/cohorts/list' }
    place.simulator.fault({ kind: 'status', status: 401, body: '{"error":"no"}', match, times: 9 })
    const ran = await place.run(['backfill', ...SPAN], ALL)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('CREDENTIALS_REFUSED')
    expect(requestCount(place, '/engage')).toBe(0)
  })

  it('does not keep other streams from waiting for a limit of their own', async () => {
    await using place = await project()
    const match = { path: '/api/2.0/export' }
    // The events wait until everything else is loaded.
    place.simulator.fault({ kind: 'rate-limit', retryAfter: 3600, match, times: Number.POSITIVE_INFINITY })
    const child = place.start(['backfill', ...SPAN], place.environment(ALL))
    const end = ended(child)
    // The tables of all other streams.
    await logged(child, 'slice-loaded', 8)
    child.kill('SIGINT')
    expect(await end).toMatchObject({ code: 130 })
    expect(await rowsOf(place, 'engage')).toBe(2)
    expect(await rowsOf(place, 'cohort_members')).toBe(3)
  })
})

describe('--dry-run', () => {
  it.each(['backfill', 'sync'])(
    'of %s says what would be requested, sends no request and creates nothing',
    async (name) => {
      await using place = await project()
      const ran = await place.run([name, '--from', daysAgo(4), '--dry-run'], ALL)
      expect(ran).toMatchObject({ code: 0 })
      expect(ran.stdout).toContain('export: 4 days in 4 slices, 4 requests, time zone UTC')
      expect(ran.stdout).toContain(`\n  ${daysAgo(1)}\n`)
      expect(ran.stdout).toMatch(/^funnels: 4 days in 1 slice, requests not known/m)
      expect(ran.stdout).toMatch(/^engage: a whole copy, requests not known/m)
      expect(place.simulator.requests).toEqual([])
      expect(existsSync(place.database)).toBe(false)
    },
  )

  it('leaves a warehouse as it is', async () => {
    await using place = await project()
    await place.run(['backfill', ...SPAN], ALL)
    const requests = place.simulator.requests.length
    const ran = await place.run(['sync', '--late-arrivals', '--attribution-window', '1', '--dry-run', '--json'], ALL)
    expect(results(ran)).toMatchObject([
      {
        stream: 'export',
        slices: [daysAgo(3), daysAgo(2), daysAgo(1)].map((day) => ({ first_day: day, last_day: day })),
        late_arrivals: [{ first_day: daysAgo(4), last_day: daysAgo(4) }],
        requests: 4,
      },
      { stream: 'cohorts', requests: 1 },
      { stream: 'annotations', requests: 1 },
      { stream: 'funnels', days: 4, requests: 2 },
      { stream: 'revenue', requests: 1 },
      { stream: 'engage', requests: 1 },
      { stream: 'group_company', requests: 1 },
      { stream: 'cohort_members', requests: 2 },
    ])
    expect(place.simulator.requests).toHaveLength(requests)
    expect(await rowsOf(place, 'export')).toBe(20)
  })
})

describe('commands about all streams', () => {
  it('status lists each one that was loaded', async () => {
    await using place = await project()
    await place.run(['backfill', ...SPAN, '--streams', 'export,funnels,engage'])
    expect(results(await place.run(['status', '--json'], ALL))).toMatchObject([
      { stream: 'export', last_whole_day: daysAgo(3), loads: 2, rows_loaded: 20 },
      { stream: 'funnels', last_whole_day: daysAgo(3), gaps: [] },
      { stream: 'engage', rows: 2, loads: 1 },
    ])
    const { stdout } = await place.run(['status'], ALL)
    expect(stdout).toMatch(/^engage: 2 rows, copied whole 1 time, 0 lines rejected$/m)
    expect(await place.run(['status', '--streams', 'revenue'])).toMatchObject({
      stdout: expect.stringContaining('revenue: nothing loaded yet'),
    })
  })

  it('plan shows the requests of the last time, and how long both limits make the run wait', async () => {
    await using place = await project()
    const limits = { ...ALL, MIXLOAD_QUERY_REQUESTS_PER_HOUR: '12' }
    await place.run(['backfill', ...SPAN], limits)
    const ran = await place.run(['plan'], limits)
    expect(ran.stdout).toContain('cohort_members: a whole copy, 2 requests')
    expect(ran.stdout).toMatch(/^all other streams: 3 requests are left this hour; .* about 30 minutes$/m)
    expect(requestCount(place, '/query/engage')).toBe(3)
  })

  it('plan says what many profiles cost before they are loaded for the first time, and what would change it', async () => {
    await using place = await project()
    for (let count = 0; count < 61; count++) place.simulator.profiles.set(`p${count}`, { plan: 'pro' })
    const more = { ...ALL, MIXLOAD_STREAMS: 'engage', MIXLOAD_ENGAGE_PAGE_SIZE: '1' }
    const limited = { ...more, MIXLOAD_QUERY_REQUESTS_PER_HOUR: '60' }
    const ran = await place.run(['plan'], limited)
    expect(ran.stdout).toMatch(/^engage: a whole copy, 63 requests, time zone UTC$/m)
    expect(ran.stdout).toMatch(
      /^ {2}63 profiles take 63 requests, about 2 hours at 60 per hour\. .*--engage-page-size/m,
    )
    expect(JSON.parse((await place.run(['plan', '--json'], limited)).stdout)).toMatchObject({
      profiles: 63,
      requests: 63,
    })
    expect((await place.run(['plan'], { ...more, MIXLOAD_QUERY_REQUESTS_PER_HOUR: '0' })).stdout).not.toContain('hours')
  })

  it('check sends one request to each part of the API, and says which streams to leave out', async () => {
    await using place = await project()
    const ran = await place.run(['check'], ALL)
    expect(ran).toMatchObject({ code: 0 })
    expect(place.simulator.requests.map(({ path }) => path)).toEqual([
      '/api/app/me',
      '/api/2.0/export',
      '/api/query/cohorts/list',
      `/api/app/projects/${PROJECT}/annotations`,
    ])
    place.simulator.refuse('query', 402)
    const refused = await place.run(['check'], ALL)
    expect(refused.code).toBe(1)
    expect(refused.stdout).toMatch(/^NO {2}query API: This project's plan does not include it.*--streams\.$/m)
    expect(refused.stdout).toMatch(/^ok {2}export: /m)
  })
})

describe('groups', () => {
  it('must be in the settings if only that stream is named', async () => {
    await using place = await Workplace.create()
    const ran = await place.run(['sync', '--from', daysAgo(4), '--streams', 'groups'])
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/no groups are set.*mixload\.yaml/) })
  })
})

describe('two runs at once', () => {
  it('do not mix: the second one names the run that has the warehouse, and stops', async () => {
    await using place = await project()
    place.simulator.fault({ kind: 'stall', atByte: 100, ms: 60_000, match: { path: '/api/2.0/export' } })
    const first = place.start(['backfill', ...SPAN])
    const over = ended(first)
    await logged(first, 'slice-started')
    const second = await place.run(['sync', '--from', daysAgo(4)])
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('DESTINATION_BUSY') })
    expect(second.stderr).toContain(`${first.pid}`)
    first.kill('SIGINT')
    expect(await over).toMatchObject({ code: 130 })
    const third = await place.run(['sync', '--from', daysAgo(4)])
    expect(third.code, third.stderr).toBe(0)
  })
})
