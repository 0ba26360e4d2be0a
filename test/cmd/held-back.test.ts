import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addDays } from '../../lib/time/days.ts'
import { farFromMidnight } from '../far-from-midnight.ts'
import { eventsOf, type Ran, Workplace } from './run-mixload.ts'

await farFromMidnight()

const ALWAYS = Number.POSITIVE_INFINITY
const daysAgo = (count: number) => addDays(new Date().toISOString().slice(0, 10), -count)
const DAYS = [9, 8, 7].map(daysAgo) as [string, string, string]
const [FIRST, SHORT, LAST] = DAYS

const linesOf = (events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('')

/** A warehouse with ten events on each of three days. */
async function loaded(): Promise<Workplace> {
  const place = await Workplace.create()
  for (const day of DAYS) await place.simulator.ingest(eventsOf(day, 10))
  expect(await place.run(['backfill', '--from', FIRST, '--to', LAST])).toMatchObject({ code: 0 })
  return place
}

/** What the raw export returns of these days. */
function answer(place: Workplace, fromDate: string, toDate: string, events: readonly object[]): void {
  place.simulator.fault({
    kind: 'body',
    times: ALWAYS,
    match: { path: '/api/2.0/export', fromDate, toDate },
    body: linesOf(events),
  })
}

const perDay = (place: Workplace) =>
  place.query('SELECT CAST(_day AS VARCHAR) AS day, count(*)::INT AS n FROM export GROUP BY 1 ORDER BY 1')

const exportsOf = (place: Workplace, since: number) =>
  place.simulator.requests
    .slice(since)
    .filter(({ path }) => path.startsWith('/api/2.0/export'))
    .map(({ query }) => [query.from_date, query.to_date])

const replace = (...more: readonly string[]) => ['sync', '--write', 'replace', '--to', daysAgo(2), ...more]

describe('a day that would lose too many rows', () => {
  it('counts events from files and from Mixpanel together, and those that came both ways once', async () => {
    await using place = await loaded()
    const file = join(place.directory, 'events.ndjson')
    const ofFile = linesOf(eventsOf(SHORT, 30)).replaceAll('"$insert_id":"', '$&file-')
    await writeFile(file, ofFile + linesOf(eventsOf(SHORT, 10)))
    expect(await place.run(['load', file])).toMatchObject({ code: 0 })
    const ran = await place.run([
      'sync',
      '--write',
      'replace',
      '--from',
      SHORT,
      '--to',
      SHORT,
      '--attribution-window',
      '1',
    ])
    expect(ran, ran.stdout).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('Mixpanel returned 10 rows, but the warehouse has 40'),
    })
    expect(await perDay(place)).toContainEqual({ day: SHORT, n: 50 })
  })

  it('is held back alone, shown by status, and tried again until it is replaced', async () => {
    await using place = await loaded()
    const grown = (day: string) => eventsOf(day, 12)
    answer(place, FIRST, LAST, [...grown(FIRST), ...eventsOf(SHORT, 3), ...grown(LAST)])
    answer(place, FIRST, FIRST, grown(FIRST))
    answer(place, LAST, LAST, grown(LAST))
    answer(place, SHORT, SHORT, eventsOf(SHORT, 3))

    const wide = ['--slice-days', '3', '--attribution-window', '3', '--from', FIRST, '--to', LAST]
    const ran = await place.run(['sync', '--write', 'replace', ...wide])
    expect(ran, ran.stdout).toMatchObject({ code: 3 })
    expect(ran.stdout).toContain(
      `${SHORT} skipped: export of ${SHORT}: Mixpanel returned 3 rows, but the warehouse has 10`,
    )
    expect(await perDay(place)).toEqual([
      { day: FIRST, n: 12 },
      { day: SHORT, n: 10 },
      { day: LAST, n: 12 },
    ])

    const shown = await place.run(['status'])
    expect(shown.stdout).toContain(`held back: export of ${SHORT}: Mixpanel returned 3 rows, the warehouse has 10`)
    expect(shown.stdout).toContain('mixload sync --streams export --write replace tries again; with --max-removed 100%')
    const [status] = json(await place.run(['status', '--json']))
    expect(status).toMatchObject({
      loads: 5,
      rows_loaded: 54,
      held_back: [{ first_day: SHORT, last_day: SHORT, table: 'export', before: 10, after: 3 }],
    })

    // The next nights have a window that does not reach it.
    const near = ['--attribution-window', '1']
    for (let night = 0; night < 2; night++) {
      const since = place.simulator.requests.length
      expect((await place.run(replace(...near))).code).toBe(3)
      expect(exportsOf(place, since)).toContainEqual([SHORT, SHORT])
      expect(exportsOf(place, since)).not.toContainEqual([FIRST, FIRST])
    }
    // The note is not repeated.
    const notes = 'SELECT * FROM _mixload_loads WHERE selection LIKE \'{"held_back"%\''
    expect(await place.query(notes)).toHaveLength(1)
    const plan = await place.run(['plan', '--write', 'replace', ...near, '--to', daysAgo(2)])
    expect(plan.stdout).toContain(SHORT)
    // Without --write replace there is nothing to replace.
    const since = place.simulator.requests.length
    expect(await place.run(['sync', ...near, '--to', daysAgo(2)])).toMatchObject({ code: 0 })
    expect(exportsOf(place, since)).not.toContainEqual([SHORT, SHORT])

    expect(await place.run(replace(...near, '--max-removed', '100%'))).toMatchObject({ code: 0 })
    expect(await perDay(place)).toContainEqual({ day: SHORT, n: 3 })
    expect((await place.run(['status'])).stdout).not.toContain('held back')
  })

  it('is recognized if half of its events come, each twice', async () => {
    await using place = await loaded()
    const half = eventsOf(SHORT, 10).slice(0, 4)
    answer(place, SHORT, SHORT, [...half, ...half, ...half])
    const ran = await place.run(['sync', '--write', 'replace', '--from', SHORT, '--to', SHORT])
    expect(ran, ran.stdout).toMatchObject({ code: 3 })
    expect(ran.stdout).toContain('Mixpanel returned 4 rows, but the warehouse has 10')
    expect(await perDay(place)).toContainEqual({ day: SHORT, n: 10 })
  })

  it('is replaced if an event was processed twice, which is not the same line twice', async () => {
    await using place = await loaded()
    const again = eventsOf(SHORT, 10).slice(0, 4)
    answer(place, SHORT, SHORT, [...again, ...again.map((event) => processedLater(event))])
    expect(await place.run(['sync', '--write', 'replace', '--from', SHORT, '--to', SHORT])).toMatchObject({ code: 0 })
    expect(await perDay(place)).toContainEqual({ day: SHORT, n: 8 })
  })
})

function processedLater(event: object): object {
  const { properties } = event as { readonly properties: { readonly mp_processing_time_ms: number } }
  return { ...event, properties: { ...properties, mp_processing_time_ms: properties.mp_processing_time_ms + 60_000 } }
}

function json(ran: Ran): readonly Record<string, unknown>[] {
  return ran.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Makes Mixpanel refuse what has this parameter. */
function refuse(place: Workplace, path: string, parameters: Readonly<Record<string, string>>): void {
  const error = JSON.stringify({ error: 'invalid' })
  place.simulator.fault({ kind: 'body', times: ALWAYS, match: { path, parameters }, body: error, status: 400 })
}

describe('what the warehouse has of an item that cannot be read', () => {
  it('stays when the funnels of its days are replaced', async () => {
    await using place = await Workplace.create()
    const days = (count: number) => Object.fromEntries(DAYS.map((day) => [day, [count, 1] as const]))
    for (const id of [1, 2]) place.simulator.funnels.set({ id, name: `F${id}`, steps: ['A', 'B'], days: days(10) })
    const sync = ['sync', '--streams', 'funnels', '--write', 'replace', '--from', FIRST, '--to', LAST]
    expect(await place.run(sync)).toMatchObject({ code: 0 })
    place.simulator.funnels.set({ id: 2, name: 'F2', steps: ['A', 'B'], days: days(20) })
    refuse(place, '/api/query/funnels', { funnel_id: '1' })
    const ran = await place.run(sync)
    expect(ran, ran.stdout).toMatchObject({ code: 3, stdout: expect.stringContaining('Funnel 1 (F1) skipped') })
    const latest = `SELECT funnel_id::INT AS id, starting_amount::INT AS n, count(*)::INT AS days
      FROM funnels_latest GROUP BY ALL ORDER BY 1`
    expect(await place.query(latest)).toEqual([
      { id: 1, n: 10, days: 3 },
      { id: 2, n: 20, days: 3 },
    ])
    expect(await place.query('SELECT count(*)::INT AS n FROM funnel_steps_latest')).toEqual([{ n: 12 }])
    place.simulator.clearFaults()
    expect(await place.run(sync)).toMatchObject({ code: 0 })
    expect(await place.query('SELECT count(*)::INT AS n FROM funnels')).toEqual([{ n: 6 }])
  })

  it('stays when the members of all cohorts are replaced', async () => {
    await using place = await Workplace.create()
    const { cohorts } = place.simulator
    const members = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}${at}`)
    cohorts.set({ id: 1, name: 'Big', members: members('big', 90) })
    cohorts.set({ id: 2, name: 'Small', members: members('small', 5) })
    cohorts.set({ id: 3, name: 'Gone', members: members('gone', 5) })
    const sync = ['sync', '--streams', 'cohort_members']
    expect(await place.run(sync)).toMatchObject({ code: 0 })
    cohorts.delete(3)
    cohorts.set({ id: 2, name: 'Small', members: members('new', 7) })
    refuse(place, '/api/query/engage', { filter_by_cohort: '{"id":1}' })
    const ran = await place.run(sync)
    expect(ran, ran.stdout).toMatchObject({ code: 3, stdout: expect.stringContaining('cohort 1 (Big) skipped') })
    const counts = `SELECT cohort_id::INT AS id, count(*)::INT AS n, count(DISTINCT _load_id)::INT AS loads
      FROM cohort_members_latest GROUP BY 1 ORDER BY 1`
    expect(await place.query(counts)).toEqual([
      { id: 1, n: 90, loads: 1 },
      { id: 2, n: 7, loads: 1 },
    ])
    // It may go on purpose.
    expect(await place.run([...sync, '--max-removed', '100%'])).toMatchObject({ code: 3 })
    expect(await place.query(counts)).toEqual([{ id: 2, n: 7, loads: 1 }])
  })

  it('stays in a list whose item has lost its id, and goes when the list can be read', async () => {
    await using place = await Workplace.create()
    const path = '/api/query/cohorts/list'
    const cohort = (id: unknown, more: object = {}) => ({ id, name: `C${id}`, count: 7, is_visible: 1, ...more })
    const list = (...cohorts: readonly object[]) => {
      place.simulator.clearFaults()
      place.simulator.fault({ kind: 'body', times: ALWAYS, match: { path }, body: JSON.stringify(cohorts) })
    }
    const sync = ['sync', '--streams', 'cohorts']
    list(cohort(1), cohort(2, { owner: { id: 5, since: 1.5 }, 'Größe "x"': 'ä\n' }), cohort(3))
    expect(await place.run(sync)).toMatchObject({ code: 0 })
    const rows = () => place.query('SELECT * EXCLUDE (_loaded_at, _load_id) FROM cohorts_latest ORDER BY id')
    const before = await rows()
    list(cohort(1, { name: 'renamed' }), cohort(null), cohort(3))
    const ran = await place.run(sync)
    expect(ran, ran.stdout).toMatchObject({ code: 3 })
    expect(await rows()).toEqual([{ ...before[0], name: 'renamed' }, before[1], before[2]])
    list(cohort(1), cohort(3))
    expect(await place.run(sync)).toMatchObject({ code: 0 })
    expect(await rows()).toHaveLength(2)
  })
})
