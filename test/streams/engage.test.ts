import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SimulatorOptions } from '../../lib/simulator/index.ts'
import { COHORT_MEMBERS_STREAM } from '../../lib/streams/cohort-members.ts'
import { ENGAGE_STREAM, groupStreams } from '../../lib/streams/engage.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

let project: SimulatedProject
const OPTIONS: SimulatorOptions = { engage: { pageSize: 10 } }
beforeEach(async () => {
  project = await simulatedProject(OPTIONS)
})
afterEach(async () => {
  await project[Symbol.asyncDispose]()
})

/** Makes profiles `p0` to `p<count - 1>`. */
function fill(count: number): void {
  for (let at = 0; at < count; at++)
    project.simulator.profiles.set(`p${at}`, { at, plan: at % 2 === 0 ? 'pro' : 'free' })
}

const idsOf = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`).sort()

async function loadedIds(): Promise<readonly unknown[]> {
  const rows = await project.workshop.rows('SELECT distinct_id FROM engage ORDER BY 1')
  return rows.map(({ distinct_id }) => distinct_id)
}

const pages = () => project.simulator.requests.filter(({ path }) => path.endsWith('/engage'))
const PAGE_OF_TEN = { settings: { engagePageSize: 10 } }

describe('profiles', () => {
  it('come page by page, each requested once, and each profile is a row', async () => {
    fill(95)
    const summary = await project.run(ENGAGE_STREAM, PAGE_OF_TEN)
    expect(summary).toMatchObject({ rows: 95, requests: 10, rejects: 0, newColumns: 2 })
    expect(await loadedIds()).toEqual(idsOf(95))
    const requests = pages().map(({ method, form }) => [method, form.page ?? '0'])
    expect(requests.sort()).toEqual(Array.from({ length: 10 }, (_, at) => ['POST', String(at)]))
    expect(
      new Set(
        pages()
          .slice(1)
          .map(({ form }) => form.session_id),
      ).size,
    ).toBe(1)
    expect(project.warnings()).toEqual([])
    const [record] = await project.workshop.destination.ledger('engage')
    expect(record).toMatchObject({ rowCount: 95, requestCount: 10, firstDay: null, writeMode: 'replace-table' })
    expect(record?.byteCount).toBeGreaterThan(95 * 40)
  })

  it('need no further page if the last one is full', async () => {
    fill(30)
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 30, requests: 3 })
  })

  it('replace those of the run before, whatever became of them', async () => {
    fill(12)
    await project.run(ENGAGE_STREAM, PAGE_OF_TEN)
    project.simulator.profiles.delete('p3')
    project.simulator.profiles.set('p4', { plan: 'gone' })
    await project.run(ENGAGE_STREAM, PAGE_OF_TEN)
    expect(await loadedIds()).toEqual(idsOf(12).filter((id) => id !== 'p3'))
    expect(await project.workshop.rows(`SELECT plan FROM engage WHERE distinct_id = 'p4'`)).toEqual([{ plan: 'gone' }])
  })

  it('that are all gone stay, unless that is allowed', async () => {
    fill(3)
    await project.run(ENGAGE_STREAM)
    for (const id of idsOf(3)) project.simulator.profiles.delete(id)
    const kept = await project.run(ENGAGE_STREAM)
    expect(kept).toMatchObject({ slices: 0, skippedSlices: [{ error: { code: 'ROWS_WOULD_BE_LOST' } }] })
    expect(await loadedIds()).toEqual(idsOf(3))
    const settings = { maxRemoved: '100%' }
    expect(await project.run(ENGAGE_STREAM, { settings })).toMatchObject({ rows: 0, requests: 1 })
    expect(await loadedIds()).toEqual([])
  })

  it('that come on two pages are one row', async () => {
    fill(40)
    project.simulator.fault({ kind: 'repeat', count: 4, times: Number.POSITIVE_INFINITY })
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 40, requests: 4 })
    expect(await loadedIds()).toEqual(idsOf(40))
  })

  it('are read again when the session is lost, and nothing is loaded twice', async () => {
    fill(35)
    project.simulator.fault({ kind: 'session-lost', match: { parameters: { page: '2' } } })
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 35 })
    expect(pages().filter(({ form }) => form.page === undefined).length).toBe(2)
    expect(await loadedIds()).toEqual(idsOf(35))
    expect(project.workshop.progress.filter(({ kind }) => kind === 'slice-restarted').length).toBe(1)
  })

  it('stay as they were when the session is lost each time', async () => {
    fill(35)
    await project.run(ENGAGE_STREAM, PAGE_OF_TEN)
    project.simulator.profiles.delete('p1')
    project.simulator.fault({
      kind: 'session-lost',
      times: Number.POSITIVE_INFINITY,
      match: { parameters: { page: '2' } },
    })
    await expect(project.run(ENGAGE_STREAM, PAGE_OF_TEN)).rejects.toMatchObject({ code: 'SESSION_LOST' })
    expect(await loadedIds()).toEqual(idsOf(35))
    expect((await project.workshop.destination.ledger('engage')).length).toBe(1)
  })

  it('are read again once if fewer came than Mixpanel counts, and are then accepted', async () => {
    fill(35)
    project.simulator.fault({ kind: 'vanish', count: 2, match: { parameters: { page: '1' } } })
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 33 })
    expect(pages().filter(({ form }) => form.page === undefined).length).toBe(2)
    expect(project.warnings()).toEqual([])
  })

  it('are loaded with a warning if fewer come than Mixpanel counts each time', async () => {
    fill(35)
    project.simulator.fault({
      kind: 'vanish',
      count: 1,
      times: Number.POSITIVE_INFINITY,
      match: { parameters: { page: '1' } },
    })
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 33 })
    expect(project.warnings()).toEqual([expect.stringContaining('profiles: 34 counted, 33 came')])
  })

  it('are requested again, page by page, if a body breaks off', async () => {
    fill(35)
    project.simulator.fault({ kind: 'cut-clean', atByte: 200, times: 2, match: { parameters: { page: '1' } } })
    expect(await project.run(ENGAGE_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 35, requests: 6 })
    expect(await loadedIds()).toEqual(idsOf(35))
  })

  it('leave the table as it was if a body breaks off each time', async () => {
    fill(5)
    await project.run(ENGAGE_STREAM)
    project.simulator.profiles.delete('p1')
    project.simulator.fault({ kind: 'cut-clean', atByte: 200, times: Number.POSITIVE_INFINITY })
    await expect(project.run(ENGAGE_STREAM)).rejects.toMatchObject({ code: 'BODY_TRUNCATED' })
    expect(await loadedIds()).toEqual(idsOf(5))
  })

  it('are only those of the expression in the settings, with only the properties named there', async () => {
    fill(10)
    const settings = { engageWhere: 'properties["plan"] == "pro"', engageProperties: 'plan' }
    expect(await project.run(ENGAGE_STREAM, { settings })).toMatchObject({ rows: 5, newColumns: 1 })
    expect(pages()[0]?.form).toMatchObject({ where: settings.engageWhere, output_properties: '["plan"]' })
  })

  it('keep every digit, and are distinguished from properties named like columns', async () => {
    project.simulator.profiles.set('a', '{"account":9007199254740993,"distinct_id":"b","_load_id":1,"time":2.50}')
    await project.run(ENGAGE_STREAM)
    const [row] = await project.workshop.rows('SELECT * FROM engage')
    expect(row).toMatchObject({
      distinct_id: 'a',
      account: '9007199254740993',
      distinct_id_2: 'b',
      _load_id_2: 1,
      time: 2.5,
    })
  })

  it.each([402, 403, 404] as const)('are refused as a whole by a %i, with nothing changed', async (status) => {
    project.simulator.refuse('engage', status)
    const code = { 402: 'PLAN_REFUSED', 403: 'PERMISSION_REFUSED', 404: 'NOT_FOUND' }[status]
    await expect(project.run(ENGAGE_STREAM)).rejects.toMatchObject({ code })
    expect(await project.workshop.destination.ledger('engage')).toEqual([])
  })
})

describe('profiles of groups', () => {
  it('fill a table for each group key', async () => {
    project.simulator.groupProfiles('-4711').set('Acme', { $group_key: 'company', seats: 3 })
    project.simulator.groupProfiles('8').set('8', { size: 1 })
    const streams = groupStreams({ groups: { 'Company Id': '-4711', company_id: '8' } })
    expect(streams.map(({ name }) => name)).toEqual(['group_company_id', 'group_company_id_2'])
    for (const stream of streams) await project.run(stream)
    expect(await project.workshop.rows('SELECT distinct_id, seats FROM group_company_id')).toEqual([
      { distinct_id: 'Acme', seats: 3 },
    ])
    expect(await project.workshop.rows('SELECT distinct_id FROM group_company_id_2')).toEqual([{ distinct_id: '8' }])
  })
})

describe('members of cohorts', () => {
  const members = async () =>
    (await project.workshop.rows('SELECT cohort_id, distinct_id FROM cohort_members ORDER BY 1, 2')).map(
      ({ cohort_id, distinct_id }) => `${cohort_id} ${distinct_id}`,
    )

  it('are all there, over several pages, whether or not they have a profile', async () => {
    fill(20)
    const ids = [...idsOf(20), 'q1', 'q2', 'q3']
    project.simulator.cohorts.set({ id: 7, name: 'All', members: ids })
    project.simulator.cohorts.set({ id: 8, name: 'One', members: ['p1'] })
    project.simulator.cohorts.set({ id: 9, name: 'None', members: [] })
    expect(await project.run(COHORT_MEMBERS_STREAM, PAGE_OF_TEN)).toMatchObject({
      rows: 24,
      requests: 6,
      newColumns: 0,
    })
    expect(await members()).toEqual([...ids.map((id) => `7 ${id}`), '8 p1'].sort())
    expect(project.warnings()).toEqual([])
  })

  it('are only those with a profile if the settings say so', async () => {
    fill(2)
    project.simulator.cohorts.set({ id: 7, name: 'All', members: ['p0', 'q1'] })
    await project.run(COHORT_MEMBERS_STREAM, { settings: { includeAllUsers: false } })
    expect(await members()).toEqual(['7 p0'])
    expect(project.warnings()).toEqual([])
  })

  it('whose number is not that of the list of cohorts are loaded with a warning', async () => {
    project.simulator.cohorts.set({ id: 8, name: 'Late', members: ['a', 'b'], count: 12 })
    project.simulator.cohorts.set({ id: 9, name: 'Right', members: ['a'] })
    expect(await project.run(COHORT_MEMBERS_STREAM)).toMatchObject({ rows: 3 })
    expect(project.warnings()).toEqual([expect.stringContaining('cohort 8 (Late): 12 counted, 2 came')])
  })

  it('of a cohort that has gone since the list are left out with a warning', async () => {
    project.simulator.cohorts.set({ id: 7, name: 'Stays', members: ['a'] })
    project.simulator.cohorts.set({ id: 8, name: 'Goes', members: ['b'] })
    project.simulator.onRequest(({ path }) => {
      if (path.endsWith('/engage')) project.simulator.cohorts.delete(8)
    })
    await project.run(COHORT_MEMBERS_STREAM)
    expect(await members()).toEqual(['7 a'])
    expect(project.leftOut()).toEqual([expect.stringContaining('cohort 8 (Goes)')])
  })

  it('are not emptied if every cohort is refused', async () => {
    project.simulator.cohorts.set({ id: 7, name: 'Stays', members: ['a'] })
    await project.run(COHORT_MEMBERS_STREAM)
    project.simulator.onRequest(({ path }) => {
      if (path.endsWith('/engage')) project.simulator.cohorts.delete(7)
    })
    await expect(project.run(COHORT_MEMBERS_STREAM)).rejects.toMatchObject({ code: 'REQUEST_REFUSED' })
    expect(await members()).toEqual(['7 a'])
  })

  it('stay as they were if the session of a cohort is lost each time, and the others are not read again', async () => {
    project.simulator.cohorts.set({ id: 7, name: 'First', members: ['a'] })
    await project.run(COHORT_MEMBERS_STREAM)
    project.simulator.cohorts.set({ id: 8, name: 'Second', members: idsOf(25) })
    project.simulator.fault({
      kind: 'session-lost',
      times: Number.POSITIVE_INFINITY,
      match: { parameters: { page: '1' } },
    })
    project.requested()
    const running = project.run(COHORT_MEMBERS_STREAM, PAGE_OF_TEN)
    await expect(running).rejects.toMatchObject({ code: 'SESSION_LOST' })
    const firstPages = project.simulator.requests.filter(({ form }) => form.filter_by_cohort && !form.page)
    expect(firstPages.slice(1).map(({ form }) => form.filter_by_cohort)).toEqual([
      '{"id":7}',
      ...Array.from({ length: 3 }, () => '{"id":8}'),
    ])
    expect(await members()).toEqual(['7 a'])
  })

  it('are read again for one cohort only if its session is lost', async () => {
    fill(25)
    project.simulator.cohorts.set({ id: 7, name: 'First', members: ['a'] })
    project.simulator.cohorts.set({ id: 8, name: 'Second', members: idsOf(25) })
    project.simulator.fault({ kind: 'session-lost', match: { parameters: { page: '1' } } })
    expect(await project.run(COHORT_MEMBERS_STREAM, PAGE_OF_TEN)).toMatchObject({ rows: 26 })
    const firstPages = pages().filter(({ form }) => form.page === undefined)
    expect(firstPages.map(({ form }) => form.filter_by_cohort)).toEqual(['{"id":7}', '{"id":8}', '{"id":8}'])
  })
})
