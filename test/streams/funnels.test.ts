import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resolveSettings } from '../../lib/settings.ts'
import { parseAnswer } from '../../lib/streams/answer.ts'
import { FUNNELS_STREAM, funnelRecords } from '../../lib/streams/funnels.ts'
import { addDays } from '../../lib/time/days.ts'
import { failureOf } from '../conformance/failures.ts'

const FUNNEL = { funnel_id: 7509, name: 'Signup funnel' }
const SLICE = { firstDay: '2026-08-01', lastDay: '2026-08-10' }
const records = (answer: unknown, slice = SLICE) => funnelRecords(FUNNEL, answer, slice, 'The funnel')

const step = fc.record({ count: fc.nat(), avg_time: fc.option(fc.double({ noNaN: true })), event: fc.string() })
const entry = fc.record({
  steps: fc.array(step, { maxLength: 4 }),
  analysis: fc.record({ completion: fc.nat(), starting_amount: fc.nat(), steps: fc.nat(), worst: fc.nat() }),
})
const day = fc.integer({ min: -20, max: 20 }).map((offset) => addDays('2026-08-05', offset))
const data = fc.dictionary(fc.oneof(day, fc.constantFrom('$overall', '2026-02-30', 'meta', '__proto__')), entry)

describe('the answer of a funnel', () => {
  it('has a record for each day that was asked for, in order, and for no other', () => {
    fc.assert(
      fc.property(data, (given) => {
        const { days } = records({ meta: {}, data: given })
        const wanted = Object.keys(given).filter((key) => /^2026-08-(?:0\d|10)$/.test(key) && key >= '2026-08-01')
        expect(days.map(({ date }) => date)).toEqual(wanted.sort())
        for (const record of days) {
          expect(record).toMatchObject({ ...FUNNEL, _day: record.date, steps: given[String(record.date)]?.steps })
        }
      }),
    )
  })

  it('has a record for each step of these days, numbered from 0', () => {
    fc.assert(
      fc.property(data, (given) => {
        const { days, steps } = records({ data: given })
        const wanted = days.flatMap(({ date }) =>
          (given[String(date)]?.steps ?? []).map((one, index) => ({
            ...one,
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

  it('gives what was analysed as members of the day, also what is not known', () => {
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

  it('keeps digits that are no number of JavaScript', () => {
    const text = '{"data":{"2026-08-01":{"steps":[{"count":12345678901234567890}],"analysis":{"completion":201.0}}}}'
    const { days, steps } = records(parseAnswer(Buffer.from(text), 'The funnel'))
    expect(JSON.stringify(steps)).toContain('"count":12345678901234567890')
    expect(JSON.stringify(days)).toContain('"completion":201,')
  })

  it.each([[{}], [[]], [null], [{ data: [] }], [{ data: null }]])('is not read where it is %j', async (answer) => {
    const failure = await failureOf(Promise.resolve().then(() => records(answer)))
    expect(failure.code).toBe('BODY_UNREADABLE')
  })
})

describe('the days of funnels', () => {
  it('that sync reads again fit, with the newest day, into one slice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), (funnelWindow) => {
        const settings = resolveSettings({ funnelWindow }, {}, {})
        expect(FUNNELS_STREAM.daysReadAgain?.(settings)).toBe(funnelWindow)
        expect(FUNNELS_STREAM.sliceDaysMax?.(settings)).toBeGreaterThan(funnelWindow)
      }),
    )
  })
})
