import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVENT_LINES } from '../../lib/columns/table.ts'
import { type BodyEvidence, doubtOf, failureOf } from '../../lib/scan/whole-body.ts'
import { dayAt, dayInZone } from '../../lib/time/days.ts'
import { eventClock, isDistant } from '../../lib/time/event-time.ts'
import { runs } from '../runs.ts'
import { BodyDesk, DAY, eventLine, NOON } from './body-reading.ts'

let desk: BodyDesk
beforeAll(async () => {
  desk = await BodyDesk.open()
})
afterAll(() => desk[Symbol.asyncDispose]())

const CLOCK = eventClock(DAY, DAY)
const GOOD = Array.from({ length: 5 }, (_, at) => `${eventLine(at)}\n`).join('')
const NOT_EVENTS = [
  '{"message":"backend died"}',
  '{"code":500,"message":"oops"}',
  '{"errors":["oops"]}',
  '{"fault":{"faultstring":"oops"}}',
  '{"status":"error"}',
  '{"event":"E"}',
  '{"event":null,"properties":{}}',
  '["oops"]',
  '[]',
  '{}',
  'null',
  '0',
  'true',
  '"oops"',
]
const LIST = `[${Array.from({ length: 3 }, (_, at) => eventLine(at)).join(',')}]`

describe('a response', () => {
  it.each(NOT_EVENTS)(
    'that ends in %s is not whole, with and without a newline or blank lines after it',
    async (line) => {
      for (const end of ['', '\n', '\r\n', '\n\n  \n']) {
        expect(await desk.failure(`${GOOD}${line}${end}`, 64, true)).toBe('BODY_TRUNCATED')
      }
    },
  )

  it.each([...NOT_EVENTS, LIST, `[\n${LIST.slice(1, -1)}\n]`])('that is only %.40s is unreadable', async (line) => {
    for (const end of ['', '\n']) expect(await desk.failure(`${line}${end}`, 64, true)).toBe('BODY_UNREADABLE')
    expect(await desk.failure(`${line}\n${line}\n`, 64, true)).toBe('BODY_UNREADABLE')
  })

  it('that is a JSON list of events is said to be one', async () => {
    await expect(desk.read(LIST, 64, true)).rejects.toThrow('It is a JSON list; expected is one event per line.')
    await expect(desk.read(`${LIST}\n`, 64, true)).rejects.toThrow('It is a JSON list')
  })

  it('that is a JSON list on a line that is too long is unreadable, too', async () => {
    const long = `[${eventLine(0, `,"x":"${'x'.repeat(17 << 20)}"`)}]`
    for (const end of ['', '\n']) expect(await desk.failure(`${long}${end}`, 1 << 20, true)).toBe('BODY_UNREADABLE')
  })

  it.each(NOT_EVENTS)('with %s in the middle is doubtful', async (line) => {
    const { summary } = await desk.read(`${GOOD}${line}\n${GOOD}`, 64, true)
    expect(summary).toMatchObject({ rows: 10, rejects: 1, foreign: 1 })
    expect(doubtOf(summary, true)).toBe('foreign-lines')
  })

  it.each([
    ['nested too deeply', `{"event":"e","properties":{"x":${'['.repeat(501)}${']'.repeat(501)}}}`],
    ['with the same member twice', '{"event":"e","properties":{},"properties":{}}'],
  ])('may end in an event that is rejected because it is %s, and is not doubtful', async (_, line) => {
    const { summary } = await desk.read(`${GOOD}${line}\n`, 64, true)
    expect(summary).toMatchObject({ rows: 5, rejects: 1, foreign: 0 })
    expect(doubtOf(summary, true)).toBeUndefined()
  })

  it('that is a file may end in anything that is JSON', async () => {
    for (const line of NOT_EVENTS) expect((await desk.read(`${GOOD}${line}\n`)).summary).toMatchObject({ rejects: 1 })
  })
})

describe('events of other days', () => {
  const dated = (days: number) => `${eventLine(days * 86_400_000)}\n`
  const undated = '{"event":"E","properties":{"distinct_id":"a"}}\n'

  it.each([
    ['all of them', dated(-210).repeat(5), 'BODY_UNREADABLE'],
    [
      'all of them, in seconds',
      dated(-210)
        .repeat(5)
        .replaceAll(/"time":(\d+)\d{3}/g, '"time":$1'),
      'BODY_UNREADABLE',
    ],
    ['most of them', GOOD + dated(40).repeat(6), 'BODY_UNREADABLE'],
    ['half of them', GOOD + dated(40).repeat(5), undefined],
    ['none but one', dated(365), 'BODY_UNREADABLE'],
    ['all of the day before', dated(-1).repeat(5), 'BODY_UNREADABLE'],
    ['half of the days before and after', GOOD + dated(-1).repeat(3) + dated(1).repeat(2), undefined],
    ['without a time', undated.repeat(5), undefined],
    ['most without a time', undated.repeat(5) + dated(-30), undefined],
    ['no events', '', undefined],
  ])('%s: %j', async (_, body, code) => {
    expect(await desk.failure(body, 64, true)).toBe(code)
    expect(await desk.failure(body, 64, false)).toBeUndefined()
  })

  it('are named in the failure, with the requested days', async () => {
    const message = `3 of its 3 events are outside ${DAY}`
    await expect(desk.read(dated(9).repeat(3), 64, true)).rejects.toThrow(message)
  })

  it('are those that no time zone explains', () => {
    const zones = fc.constantFrom('UTC', 'US/Pacific', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Etc/GMT+12')
    fc.assert(
      fc.property(zones, fc.integer({ min: -1000, max: 1000 }), (zone, hours) => {
        const ms = NOON + hours * 3_600_000
        const isOfDay = dayAt(ms) === DAY || dayInZone(ms, zone) === DAY
        expect(isDistant(eventClock(DAY, DAY, zone), ms)).toBe(!isOfDay)
      }),
    )
  })
})

describe('the verdict on a response', () => {
  const evidence = fc.record<BodyEvidence>({
    rows: fc.nat(10),
    foreign: fc.nat(3),
    foreignEnd: fc.option(fc.string(), { nil: undefined }),
    distant: fc.nat(10),
  })

  it('is a failure exactly if nothing is an event, the end is not one, or most are of other days', () => {
    fc.assert(
      fc.property(evidence, fc.boolean(), (of, isTimed) => {
        const isFailure =
          (of.rows === 0 && of.foreign > 0) || of.foreignEnd !== undefined || (isTimed && of.distant > of.rows / 2)
        expect(failureOf(of, EVENT_LINES, isTimed ? CLOCK : undefined) !== undefined).toBe(isFailure)
      }),
      { numRuns: runs(300) },
    )
  })

  it('is doubtful exactly if lines are not events or the end is not known', () => {
    fc.assert(
      fc.property(evidence, fc.boolean(), (of, isEndKnown) => {
        expect(doubtOf(of, isEndKnown) !== undefined).toBe(of.foreign > 0 || !isEndKnown)
      }),
    )
  })
})
