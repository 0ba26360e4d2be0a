import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resolveSettings } from '../../lib/settings.ts'
import { parseAnswer } from '../../lib/streams/answer.ts'
import { funnelRecords, funnelsStream } from '../../lib/streams/funnels.ts'
import { addDays, isDay } from '../../lib/time/days.ts'
import { failureOf } from '../conformance/failures.ts'
import { simulatedProject } from './simulated.ts'

const FUNNEL = { funnel_id: 7509, name: 'Signup funnel' }
const SLICE = { firstDay: '2026-08-01', lastDay: '2026-08-10' }
const records = (answer: unknown, slice = SLICE) => funnelRecords(FUNNEL, answer, slice, 'The funnel')

const step = fc.record({ count: fc.nat(), avg_time: fc.option(fc.double({ noNaN: true })), event: fc.string() })
const entry = fc.record({
  steps: fc.array(step, { maxLength: 4 }),
  analysis: fc.record({ completion: fc.nat(), starting_amount: fc.nat(), steps: fc.nat(), worst: fc.nat() }),
})
const day = fc.integer({ min: -20, max: 20 }).map((offset) => addDays('2026-08-05', offset))
const data = fc.dictionary(fc.oneof(day, fc.constantFrom('$overall', 'meta', '__proto__')), entry)

/** Whether there are days, but none near the requested ones. */
function areOfAnotherRequest(given: object): boolean {
  const days = Object.keys(given).filter(isDay)
  return days.length > 0 && days.every((name) => name < '2026-07-30' || name > '2026-08-12')
}

describe('the answer of a funnel', () => {
  it('has a record for each requested day, in order, and for no other', () => {
    fc.assert(
      fc.property(data, (given) => {
        fc.pre(!areOfAnotherRequest(given))
        const { days } = records({ meta: {}, data: given })
        const wanted = Object.keys(given).filter((key) => /^2026-08-(?:0\d|10)$/.test(key) && key >= '2026-08-01')
        expect(days.map(({ date }) => date)).toEqual(wanted.sort())
        for (const record of days) {
          expect(record).toMatchObject({ ...FUNNEL, _day: record.date, steps: given[String(record.date)]?.steps })
        }
      }),
    )
  })

  it('may have a million steps', () => {
    const entry = { steps: Array(1_000_000).fill({ count: 1 }), analysis: {} }
    expect(records({ data: { '2026-08-01': entry } }).steps.at(-1)).toMatchObject({ step: 999_999, count: 1 })
  })

  it('has a record for each step of these days, numbered from 0', () => {
    fc.assert(
      fc.property(data, (given) => {
        fc.pre(!areOfAnotherRequest(given))
        const { days, steps } = records({ data: given })
        const wanted = days.flatMap(({ date }) =>
          (given[String(date)]?.steps ?? []).map((step, index) => ({
            ...step,
            funnel_id: FUNNEL.funnel_id,
            date,
            _day: date,
            step: index,
          })),
        )
        expect(steps).toEqual(wanted)
      }),
    )
  })

  it('returns the analysis as members of the day, including unknown members', () => {
    const analysis = { completion: 201, starting_amount: 320, steps: 2, worst: 1, median_time: 4.5 }
    const { days } = records({ data: { '2026-08-01': { steps: [], analysis, session_event: 'x' } } })
    expect(days).toEqual([
      {
        ...FUNNEL,
        date: '2026-08-01',
        _day: '2026-08-01',
        steps: [],
        completion: 201,
        starting_amount: 320,
        step_count: 2,
        worst: 1,
        analysis_median_time: 4.5,
        session_event: 'x',
      },
    ])
  })

  it('may lack steps and analysis', () => {
    const { days, steps } = records({ data: { '2026-08-01': {}, '2026-08-02': { steps: null, analysis: 3 } } })
    expect(days).toHaveLength(2)
    expect(days[1]).toMatchObject({ date: '2026-08-02', steps: null, analysis: 3 })
    expect(steps).toEqual([])
  })

  it('keeps digits that a JavaScript number cannot hold', () => {
    const text = '{"data":{"2026-08-01":{"steps":[{"count":12345678901234567890}],"analysis":{"completion":201.0}}}}'
    const { days, steps } = records(parseAnswer(Buffer.from(text), 'The funnel'))
    expect(JSON.stringify(steps)).toContain('"count":12345678901234567890')
    expect(JSON.stringify(days)).toContain('"completion":201,')
  })

  it.each([
    [{}],
    [[]],
    [null],
    [{ data: [] }],
    [{ data: null }],
    [{ status: 'error', data: {} }],
    [{ data: { '2026-08-01T00:00:00': {} } }],
    [{ data: { '20260801': {} } }],
    [{ data: { '2026-02-30': {} } }],
    [{ data: { '2026-01-01': {}, '2026-01-02': {} } }],
    [{ data: { '2026-08-01': [] } }],
    [{ data: { '2026-08-01': {}, '2026-08-02': null } }],
  ])('is refused if it is %j', async (answer) => {
    const failure = await failureOf(Promise.resolve().then(() => records(answer)))
    expect(failure.code).toBe('BODY_UNREADABLE')
  })
})

describe('the days of funnels', () => {
  it('that sync reads again fit, with the newest day, into one slice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), (funnelWindow) => {
        const settings = resolveSettings({ funnelWindow }, {}, {})
        expect(funnelsStream().daysReadAgain?.(settings)).toBe(funnelWindow)
        expect(funnelsStream().sliceDaysMax?.(settings)).toBeGreaterThan(funnelWindow)
      }),
    )
  })
})

const SIGNUP = { id: 7509, name: 'Signup', steps: ['App Open', { event: '$custom_event:12', custom_event_id: 12 }] }
const AUGUST = { firstDay: '2026-08-01', lastDay: '2026-08-03' }

describe('funnels', () => {
  it('are loaded by one request for their list and one for each, with one row per funnel and day', async () => {
    await using project = await simulatedProject()
    const { funnels } = project.simulator
    funnels.set({ ...SIGNUP, overall: true })
    funnels.setDay(7509, '2026-08-01', [320, 201])
    funnels.setDay(7509, '2026-08-02', [9, { count: 4, avg_time: 12.5, selector: { a: [1.1] }, step_label: 'Done' }])
    funnels.set({ id: 9070, name: 'Checkout', steps: ['Cart', 'Pay', 'Paid'] })
    const summary = await project.run(funnelsStream(), { slices: [AUGUST] })
    expect(summary).toMatchObject({ stream: 'funnels', requests: 3, slices: 1, rows: 6, rejects: 0 })
    expect(project.requested()).toEqual([
      'GET /api/query/funnels/list',
      'GET /api/query/funnels?funnel_id=7509&from_date=2026-08-01&to_date=2026-08-03&unit=day',
      'GET /api/query/funnels?funnel_id=9070&from_date=2026-08-01&to_date=2026-08-03&unit=day',
    ])
    const days = await project.workshop.rows(
      'SELECT * REPLACE (CAST(date AS VARCHAR) AS date, CAST(_day AS VARCHAR) AS _day) FROM funnels ORDER BY ALL',
    )
    expect(days.slice(0, 2)).toMatchObject([
      {
        funnel_id: 7509n,
        name: 'Signup',
        date: '2026-08-01',
        _day: '2026-08-01',
        completion: 201n,
        starting_amount: 320n,
        step_count: 2n,
        worst: 1n,
      },
      { funnel_id: 7509n, date: '2026-08-02', completion: 4n, starting_amount: 9n },
    ])
    expect(JSON.parse(String(days[0]?.steps))).toMatchObject([{ count: 320 }, { count: 201, custom_event_id: 12 }])
    const steps = await project.workshop.rows(
      'SELECT * EXCLUDE (_day, _loaded_at, _load_id) REPLACE (CAST(date AS VARCHAR) AS date) FROM funnel_steps ORDER BY funnel_id, date, step',
    )
    expect(steps).toHaveLength(3 * 2 + 3 * 3)
    expect(steps.slice(0, 4)).toEqual([
      {
        funnel_id: 7509n,
        date: '2026-08-01',
        step: 0n,
        event: 'App Open',
        goal: 'App Open',
        step_label: null,
        count: 320n,
        avg_time: null,
        avg_time_from_start: null,
        step_conv_ratio: 1,
        overall_conv_ratio: 1,
        custom_event_id: null,
        selector: null,
      },
      expect.objectContaining({
        step: 1n,
        event: '$custom_event:12',
        count: 201n,
        avg_time: 60,
        step_conv_ratio: 0.628125,
        custom_event_id: 12n,
      }),
      expect.objectContaining({ date: '2026-08-02', step: 0n, count: 9n }),
      expect.objectContaining({ step: 1n, count: 4n, avg_time: 12.5, step_label: 'Done', selector: '{"a":[1.1]}' }),
    ])
  })

  it.each(['append', 'replace'] as const)(
    'whose numbers change late show the new ones, with --write %s',
    async (write) => {
      await using project = await simulatedProject()
      const { funnels } = project.simulator
      funnels.set({ ...SIGNUP, steps: ['App Open', 'Signed Up', 'Paid'] })
      funnels.setDay(7509, '2026-08-01', [320, 201, 5])
      const more = { slices: [AUGUST], settings: { write } }
      await project.run(funnelsStream(), more)
      funnels.set({ ...SIGNUP, steps: ['App Open', 'Signed Up'] })
      funnels.setDay(7509, '2026-08-01', [320, 215])
      await project.run(funnelsStream(), more)
      const latest = await project.workshop.rows('SELECT completion FROM funnels_latest ORDER BY date')
      expect(latest).toEqual([{ completion: 215n }, { completion: 0n }, { completion: 0n }])
      const steps = await project.workshop.rows(
        'SELECT step, count FROM funnel_steps_latest ORDER BY date, step LIMIT 3',
      )
      expect(steps).toEqual([
        { step: 0n, count: 320n },
        { step: 1n, count: 215n },
        { step: 0n, count: 0n },
      ])
      const [all] = await project.workshop.rows('SELECT count(*) AS n FROM funnels')
      expect(all).toEqual({ n: write === 'append' ? 6n : 3n })
    },
  )

  it('are requested in ever shorter spans if Mixpanel takes too long', async () => {
    await using project = await simulatedProject()
    project.simulator.funnels.set(SIGNUP)
    project.simulator.fault({
      kind: 'timeout',
      times: Number.POSITIVE_INFINITY,
      match: { exactPath: '/api/query/funnels', minDays: 2 },
    })
    const summary = await project.run(funnelsStream(), { slices: [AUGUST] })
    expect(summary).toMatchObject({ slices: 1, rows: 3 })
    const spans = project
      .requested()
      .flatMap((text) => /from_date=.*-(\d\d)&to_date=.*-(\d\d)/.exec(text)?.slice(1).join('-') ?? [])
    expect(spans).toEqual(['01-03', '01-03', '01-01', '02-03', '02-03', '02-02', '03-03'])
  })

  it('are requested up to the project’s today', async () => {
    await using project = await simulatedProject({ today: '2026-08-02' })
    project.simulator.funnels.set(SIGNUP)
    expect(await project.run(funnelsStream(), { slices: [AUGUST] })).toMatchObject({ rows: 2, requests: 3 })
    const september = { firstDay: '2026-09-01', lastDay: '2026-09-02' }
    expect(await project.run(funnelsStream(), { slices: [september] })).toMatchObject({ rows: 0 })
  })

  it('are loaded without one that is refused, which is reported', async () => {
    await using project = await simulatedProject()
    project.simulator.funnels.set(SIGNUP)
    project.simulator.funnels.set({ ...SIGNUP, id: 9070, name: 'Broken' })
    const match = { exactPath: '/api/query/funnels', parameters: { funnel_id: '9070' } }
    project.simulator.fault({
      kind: 'status',
      status: 400,
      body: '{"error":"no such event"}',
      times: Number.POSITIVE_INFINITY,
      match,
    })
    expect(await project.run(funnelsStream(), { slices: [AUGUST] })).toMatchObject({ rows: 3 })
    expect(project.leftOut()).toEqual([expect.stringMatching(/^Funnel 9070 \(Broken\): .*no such event/)])
    project.simulator.funnels.delete(7509)
    expect((await failureOf(project.run(funnelsStream(), { slices: [AUGUST] }))).code).toBe('REQUEST_REFUSED')
  })

  it.each([
    ['{"meta":{},"data":[]}', 'has an unexpected form'],
    ['{"meta":{},"data":{"2026-08-01T00:00:00":{}}}', 'it has the day "2026-08-01T00:00:00"'],
    ['{"meta":{},"data":{"2026-08-02":[]}}', 'its day 2026-08-02 is not an object'],
  ])('are loaded without one whose answer is %s, which is reported', async (body, why) => {
    await using project = await simulatedProject()
    project.simulator.funnels.set(SIGNUP)
    project.simulator.funnels.set({ ...SIGNUP, id: 9070, name: 'Odd' })
    const match = { exactPath: '/api/query/funnels', parameters: { funnel_id: '9070' } }
    project.simulator.fault({ kind: 'body', body, times: Number.POSITIVE_INFINITY, match })
    expect(await project.run(funnelsStream(), { slices: [AUGUST] })).toMatchObject({ rows: 3 })
    expect(project.leftOut()).toEqual([expect.stringMatching(/^Funnel 9070 \(Odd\): /)])
    expect(project.leftOut()[0]).toContain(why)
  })

  it('fail as a whole if an answer is not JSON, which is not a matter of one funnel', async () => {
    await using project = await simulatedProject()
    project.simulator.funnels.set(SIGNUP)
    project.simulator.funnels.set({ ...SIGNUP, id: 9070, name: 'Odd' })
    const match = { exactPath: '/api/query/funnels', parameters: { funnel_id: '9070' } }
    project.simulator.fault({ kind: 'body', body: '<html>', times: Number.POSITIVE_INFINITY, match })
    expect((await failureOf(project.run(funnelsStream(), { slices: [AUGUST] }))).code).toBe('BODY_UNREADABLE')
  })

  it('are loaded without one that the list has without an id', async () => {
    await using project = await simulatedProject()
    project.simulator.funnels.set(SIGNUP)
    const body = '[{"funnel_id":7509,"name":"Signup"},{"name":"Odd"},"x"]'
    project.simulator.fault({ kind: 'body', body, match: { path: '/api/query/funnels/list' } })
    expect(await project.run(funnelsStream(), { slices: [AUGUST] })).toMatchObject({ rows: 3 })
    expect(project.leftOut()).toEqual([
      expect.stringMatching(/^Funnel at position 2 \(Odd\): .*its funnel_id is missing/),
      expect.stringMatching(/^Funnel at position 3: .*it is not an object/),
    ])
  })

  it('may be none', async () => {
    await using project = await simulatedProject()
    expect(await project.run(funnelsStream(), { slices: [AUGUST] })).toMatchObject({ requests: 1, rows: 0 })
    for (const view of ['funnels_latest', 'funnel_steps_latest']) {
      expect(await project.workshop.rows(`SELECT * FROM ${view}`)).toEqual([])
    }
  })

  it('that are not on the plan fail with PLAN_REFUSED', async () => {
    await using project = await simulatedProject({ plan: { funnels: 402 } })
    expect((await failureOf(project.run(funnelsStream(), { slices: [AUGUST] }))).code).toBe('PLAN_REFUSED')
  })
})
