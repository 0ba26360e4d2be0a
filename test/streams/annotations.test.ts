import { describe, expect, it } from 'vitest'
import { ANNOTATIONS_STREAM, annotationRecord } from '../../lib/streams/annotations.ts'
import { failureOf } from '../conformance/failures.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

const read = (annotation: Record<string, unknown>) => annotationRecord(annotation, 'Europe/Berlin')

describe('an annotation', () => {
  it.each([
    ['2023-01-15T12:00:00+01:00', '2023-01-15T11:00:00.000Z'],
    ['2023-01-15T12:00:00-08:00', '2023-01-15T20:00:00.000Z'],
    ['2026-02-15 12:00:00', '2026-02-15T11:00:00.000Z'],
    ['2026-07-15 12:00:00', '2026-07-15T10:00:00.000Z'],
    ['2026-07-15', '2026-07-14T22:00:00.000Z'],
  ])('of %s is at %s, and the text is kept', (text, moment) => {
    expect(read({ id: 1, date: text })).toEqual({ id: 1, date: moment, date_text: text })
  })

  it.each([['some day'], [12], [null]])('of %j has no moment', (date) => {
    expect(read({ id: 1, date })).toEqual({ id: 1, date: null, date_text: date })
  })

  it('keeps unknown fields', () => {
    const annotation = { id: 1, description: 'Release', user: { id: 3 }, tags: [{ id: 7 }], colour: 'red' }
    expect(read(annotation)).toEqual({ ...annotation, date: null, date_text: null })
  })
})

const ZONE = 'Europe/Berlin'
const ROWS = 'SELECT * EXCLUDE (_loaded_at, _load_id, project_id) FROM annotations_latest ORDER BY id'

function annotate({ simulator }: SimulatedProject): void {
  const { annotations } = simulator
  annotations.set({ id: 1, date: '2026-02-15 12:00:00', description: 'Release 4.2', tags: ['release'] })
  annotations.set({ id: 2, date: '2026-02-15 12:00:00', description: 'Fair' })
  annotations.set({ id: 3, date: '2027-07-01 00:00:00', description: 'Next year' })
}

describe('annotations', () => {
  it.each(['offset', 'plain'] as const)('with dates in the form %s are loaded whole', async (annotationDates) => {
    await using project = await simulatedProject({ timezone: ZONE, annotationDates })
    annotate(project)
    const summary = await project.run(ANNOTATIONS_STREAM)
    expect(summary).toMatchObject({ requests: 1, rows: 3 })
    const { projectId } = project.simulator.credentials
    expect(project.requested()).toEqual([`GET /api/app/projects/${projectId}/annotations`])
    const text = annotationDates === 'plain' ? '2026-02-15 12:00:00' : '2026-02-15T12:00:00+01:00'
    const rows = await project.workshop.rows(ROWS)
    expect(rows).toMatchObject([
      { id: 1n, date: new Date('2026-02-15T11:00:00Z'), date_text: text, description: 'Release 4.2' },
      { id: 2n, date: new Date('2026-02-15T11:00:00Z'), date_text: text, description: 'Fair', tags: null },
      { id: 3n, date: new Date('2027-06-30T22:00:00Z') },
    ])
    expect(JSON.parse(String(rows[0]?.tags))).toMatchObject([{ name: 'release' }])
    expect(JSON.parse(String(rows[0]?.user))).toMatchObject({ id: 1 })
    project.simulator.annotations.delete(2)
    await project.run(ANNOTATIONS_STREAM)
    expect((await project.workshop.rows(ROWS)).map(({ id }) => id)).toEqual([1n, 3n])
  })

  it('come from the old endpoint, those of the future too, if there is only a project secret', async () => {
    await using project = await simulatedProject({ timezone: ZONE })
    annotate(project)
    const { apiSecret } = project.simulator.credentials
    const summary = await project.workshop.run(ANNOTATIONS_STREAM, {
      apiUrl: project.simulator.url,
      credentials: { kind: 'project-secret', secret: apiSecret },
      zone: ZONE,
      settings: { apiSecret },
    })
    expect(summary).toMatchObject({ requests: 1, rows: 3 })
    expect(project.requested()).toEqual([
      expect.stringMatching(/^GET \/api\/2\.0\/annotations\?from_date=2000-01-01&to_date=/),
    ])
    expect(await project.workshop.rows(ROWS)).toMatchObject([
      { id: 1n, date: new Date('2026-02-15T11:00:00Z'), date_text: '2026-02-15 12:00:00' },
      { id: 2n, description: 'Fair' },
      { id: 3n, date: new Date('2027-06-30T22:00:00Z') },
    ])
  })

  it('are loaded without one that has no id, which is reported', async () => {
    await using project = await simulatedProject()
    const good = '{"id":1,"date":"2026-02-15 12:00:00","description":"Release"}'
    const body = `{"status":"ok","results":[${good},{"description":"odd"},7]}`
    project.simulator.fault({ kind: 'body', body, match: { path: '/api/app/projects' } })
    expect(await project.run(ANNOTATIONS_STREAM)).toMatchObject({ rows: 1 })
    expect(project.leftOut()).toEqual([
      expect.stringMatching(/^Annotation at position 2: .*its id is missing/),
      expect.stringMatching(/^Annotation at position 3: .*it is not an object/),
    ])
  })

  it.each([400, 403])('are those of the days that Mixpanel allows if it refuses older ones with %i', async (status) => {
    await using project = await simulatedProject()
    annotate(project)
    const { apiSecret } = project.simulator.credentials
    const body = '{"error":"Date range exceeds 366 days into the past"}'
    const first = new Date(Date.now() - 365 * 86_400_000).toISOString().slice(0, 10)
    project.simulator.fault({ kind: 'status', status, body })
    await project.run(ANNOTATIONS_STREAM)
    expect(project.requested().at(-1)).toContain(`fromDate=${first}`)
    project.simulator.fault({ kind: 'status', status, body })
    await project.workshop.run(ANNOTATIONS_STREAM, {
      apiUrl: project.simulator.url,
      credentials: { kind: 'project-secret', secret: apiSecret },
      settings: { apiSecret },
    })
    expect(project.requested().at(-1)).toContain(`from_date=${first}`)
    expect(project.warnings()).toContain('annotations: Mixpanel lists those of the last 366 days only.')
  })

  it('are requested up to today if the old endpoint does not look ahead', async () => {
    await using project = await simulatedProject()
    annotate(project)
    project.simulator.fault({ kind: 'status', status: 400, body: '{"error":"to_date cannot be later than today"}' })
    const { apiSecret } = project.simulator.credentials
    await project.workshop.run(ANNOTATIONS_STREAM, {
      apiUrl: project.simulator.url,
      credentials: { kind: 'project-secret', secret: apiSecret },
      settings: { apiSecret },
    })
    expect(project.requested().at(-1)).toContain(`to_date=${new Date().toISOString().slice(0, 10)}`)
    expect((await project.workshop.rows(ROWS)).length).toBeGreaterThan(0)
  })

  it.each([
    [402, 'PLAN_REFUSED'],
    [403, 'PERMISSION_REFUSED'],
    [404, 'NOT_FOUND'],
  ] as const)('that are refused with %i fail with %s', async (status, code) => {
    await using project = await simulatedProject()
    project.simulator.refuse('annotations', status)
    expect((await failureOf(project.run(ANNOTATIONS_STREAM))).code).toBe(code)
  })
})
