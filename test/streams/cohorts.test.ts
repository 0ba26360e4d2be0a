import { describe, expect, it } from 'vitest'
import { COHORT_MEMBERS_STREAM } from '../../lib/streams/cohort-members.ts'
import { COHORTS_STREAM } from '../../lib/streams/cohorts.ts'
import { failureOf } from '../conformance/failures.ts'
import { simulatedProject } from './simulated.ts'

const PATH = '/api/query/cohorts/list'

describe('cohorts', () => {
  it('are all loaded by one request, and deleted ones disappear', async () => {
    await using project = await simulatedProject({ projectId: '4711' })
    const { cohorts } = project.simulator
    cohorts.set({
      id: 7,
      name: 'Pros',
      members: ['ann', 'bob'],
      description: 'They pay',
      created: '2021-09-14 15:57:43',
    })
    cohorts.set({ id: 8, name: 'Firms', data_group_id: '-9007199254740993', is_visible: 0, count: 12 })
    const summary = await project.run(COHORTS_STREAM)
    expect(summary).toMatchObject({ stream: 'cohorts', requests: 1, rows: 2, rejects: 0 })
    expect(project.requested()).toEqual([`POST ${PATH}`])
    const rows = () => project.workshop.rows('SELECT * EXCLUDE (_loaded_at, _load_id) FROM cohorts_latest ORDER BY id')
    const pros = {
      id: 7n,
      name: 'Pros',
      description: 'They pay',
      count: 2n,
      is_visible: 1n,
      created: '2021-09-14 15:57:43',
      project_id: 4711n,
      data_group_id: null,
    }
    expect(await rows()).toMatchObject([
      pros,
      { id: 8n, name: 'Firms', count: 12n, is_visible: 0n, data_group_id: '-9007199254740993' },
    ])
    cohorts.delete(8)
    await project.run(COHORTS_STREAM)
    expect(await rows()).toEqual([pros])
  })

  it('get columns for unknown fields, and keep the digits of long ids', async () => {
    await using project = await simulatedProject()
    const body =
      '[{"id":9007199254740993,"name":"Big","owner":{"id":3},"locked":true,"data_group_id":12345678901234567890}]'
    project.simulator.fault({ kind: 'body', body, match: { path: PATH } })
    await project.run(COHORTS_STREAM)
    const [row] = await project.workshop.rows('SELECT * FROM cohorts')
    expect(row).toMatchObject({
      id: 9007199254740993n,
      name: 'Big',
      owner: '{"id":3}',
      locked: true,
      data_group_id: '12345678901234567890',
    })
  })

  it('are loaded without those that have no id, which are reported, and so are their members', async () => {
    await using project = await simulatedProject()
    const body = '[{"id":3,"name":"Good","count":0},{"name":"Odd"},{"id":"x"},{"id":null},null,{"id":"4","count":0}]'
    for (const stream of [COHORTS_STREAM, COHORT_MEMBERS_STREAM]) {
      project.workshop.progress.length = 0
      project.simulator.fault({ kind: 'body', body, match: { path: PATH } })
      project.simulator.cohorts.set({ id: 3, name: 'Good' })
      project.simulator.cohorts.set({ id: 4, name: 'Four' })
      await project.run(stream)
      expect(project.leftOut()).toEqual([
        expect.stringMatching(/^Cohort at position 2 \(Odd\): The list of cohorts .*: its id is missing/),
        expect.stringMatching(/^Cohort at position 3: .*: its id is "x"/),
        expect.stringMatching(/^Cohort at position 4: .*: its id is null/),
        expect.stringMatching(/^Cohort at position 5: .*: it is not an object/),
      ])
    }
    expect(await project.workshop.rows('SELECT id FROM cohorts ORDER BY 1')).toEqual([{ id: 3n }, { id: 4n }])
  })

  it('that all have no id leave the table as it was', async () => {
    await using project = await simulatedProject()
    project.simulator.cohorts.set({ id: 7, name: 'Pros' })
    await project.run(COHORTS_STREAM)
    project.simulator.fault({
      kind: 'body',
      body: '[{"name":"a"},{}]',
      times: Number.POSITIVE_INFINITY,
      match: { path: PATH },
    })
    expect((await failureOf(project.run(COHORTS_STREAM))).code).toBe('BODY_UNREADABLE')
    expect(await project.workshop.rows('SELECT id FROM cohorts')).toEqual([{ id: 7n }])
  })

  it('may be none', async () => {
    await using project = await simulatedProject()
    expect(await project.run(COHORTS_STREAM)).toMatchObject({ rows: 0 })
    expect(await project.workshop.rows('SELECT * FROM cohorts_latest')).toEqual([])
  })

  it.each([
    [402, 'PLAN_REFUSED'],
    [403, 'PERMISSION_REFUSED'],
  ] as const)('that are refused with %i fail with %s and leave the table as it was', async (status, code) => {
    await using project = await simulatedProject()
    project.simulator.cohorts.set({ id: 7, name: 'Pros' })
    await project.run(COHORTS_STREAM)
    project.simulator.refuse('cohorts', status)
    expect((await failureOf(project.run(COHORTS_STREAM))).code).toBe(code)
    expect(await project.workshop.rows('SELECT id FROM cohorts')).toEqual([{ id: 7n }])
  })

  it('whose list has another form fail after a retry', async () => {
    await using project = await simulatedProject()
    project.simulator.fault({
      kind: 'body',
      body: '{"cohorts":[]}',
      times: Number.POSITIVE_INFINITY,
      match: { path: PATH },
    })
    expect((await failureOf(project.run(COHORTS_STREAM))).code).toBe('BODY_UNREADABLE')
    expect(project.requested()).toHaveLength(3)
  })
})
