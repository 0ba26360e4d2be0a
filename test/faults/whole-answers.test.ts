import { describe, expect, it } from 'vitest'
import { bodyOf, dayAt, idsOf, sliceAt } from './day-events.ts'
import { FaultServer, type ReceivedRequest, type Step, whole } from './fault-server.ts'
import { Pipeline } from './pipeline.ts'

const PER_DAY = 6
const BODY = bodyOf(dayAt(0), PER_DAY)
const FORM = { framing: 'chunked', gzip: true } as const
const LINES = BODY.split('\n').slice(0, -1)

const NOT_EVENTS = [
  '{"message":"backend died"}',
  '{"code":500,"message":"oops"}',
  '{"errors":[{"message":"oops"}]}',
  '{"fault":"oops"}',
  '{"status":"error"}',
  '["oops"]',
  'null',
  '0',
]

function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('')
}

/** A server that has these answers for the day, the last one again and again. */
function serverOf(...bodies: readonly string[]): Promise<FaultServer> {
  return FaultServer.start(({ path, before }: ReceivedRequest): readonly Step[] =>
    path.endsWith('/names') ? whole('["Bought"]', FORM) : whole(bodies[before] ?? bodies.at(-1) ?? '', FORM),
  )
}

async function load(...bodies: readonly string[]) {
  await using server = await serverOf(...bodies)
  await using pipeline = await Pipeline.create('memory')
  const summary = await pipeline.run({ url: server.url, slices: [sliceAt(0)] })
  return { summary, stored: await pipeline.stored(), events: pipeline.events }
}

describe('a last line that is not an event', () => {
  it.each(NOT_EVENTS)('%s: the day is requested again, and loaded whole', async (line) => {
    const { summary, stored } = await load(lines(...LINES.slice(0, 3), line), BODY)
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 0, requests: 2, skippedSlices: [] })
    expect(stored.rows.map((row) => row.mp_insert_id)).toEqual(idsOf(dayAt(0), PER_DAY))
  })

  it('never makes a day whole, however often it comes', async () => {
    const { summary, stored } = await load(lines(...LINES, '{"message":"backend died"}'))
    expect(summary).toMatchObject({ rows: 0, skippedSlices: [{ error: { code: 'BODY_TRUNCATED' } }] })
    expect(summary.skippedSlices[0]?.error.message).toContain('backend died')
    expect(stored.ledger).toEqual([])
  })

  it.each([...NOT_EVENTS, `[${LINES.join(',')}]`])('and the only one, %.30s, does not either', async (line) => {
    const { summary, stored } = await load(lines(line))
    expect(summary).toMatchObject({ rows: 0, skippedSlices: [{ error: { code: 'BODY_UNREADABLE' } }] })
    expect(stored.ledger).toEqual([])
  })
})

describe('a line among others that is not an event', () => {
  const odd = (line: string) => lines(...LINES.slice(0, 3), line, ...LINES.slice(3))

  it.each([...NOT_EVENTS, 'oops', '<html>'])('%s: is rejected once the same response came twice', async (line) => {
    const { summary, events } = await load(odd(line))
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 1, requests: 2, skippedSlices: [] })
    expect(events).toContainEqual({ kind: 'warning', message: expect.stringContaining('are not events') })
  })

  it('that does not come again is not rejected', async () => {
    const { summary } = await load(odd('{"message":"one shard died"}'), BODY)
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 0, requests: 2 })
  })

  it('is not accepted with a response of the same length that differs', async () => {
    const changed = odd('{"message":"a"}').replace('"p5"', '"p7"')
    const { summary } = await load(odd('{"message":"a"}'), changed, odd('{"message":"a"}'), changed, BODY)
    expect(summary).toMatchObject({ rows: PER_DAY, rejects: 0, requests: 5 })
  })

  it('and never comes the same: the day is skipped', async () => {
    let at = 0
    await using server = await FaultServer.start(({ path }) =>
      path.endsWith('/names') ? whole('["Bought"]', FORM) : whole(odd(`{"message":${at++}}`), FORM),
    )
    await using pipeline = await Pipeline.create('memory')
    const { rows, skippedSlices } = await pipeline.run({ url: server.url, slices: [sliceAt(0)] })
    expect([rows, skippedSlices]).toMatchObject([0, [{ error: { code: 'BODY_UNREADABLE' } }]])
    expect((await pipeline.stored()).ledger).toEqual([])
  })
})

describe('the events of another day', () => {
  const stale = bodyOf('2025-06-01', PER_DAY)

  it('are not those of this day: it is requested again', async () => {
    const { summary, stored } = await load(stale, BODY)
    expect(summary).toMatchObject({ rows: PER_DAY, requests: 2, outside: 0 })
    expect(stored.rows.map((row) => row.mp_insert_id)).toEqual(idsOf(dayAt(0), PER_DAY))
  })

  it('are not those of this day either if it is the day before', async () => {
    const { summary, stored } = await load(bodyOf(dayAt(-1), PER_DAY), BODY)
    expect(summary).toMatchObject({ rows: PER_DAY, requests: 2, outside: 0 })
    expect(stored.rows.map((row) => row.mp_insert_id)).toEqual(idsOf(dayAt(0), PER_DAY))
  })

  it('that come each time are not loaded, and the failure says so', async () => {
    const { summary, stored } = await load(stale)
    expect(summary).toMatchObject({ rows: 0, skippedSlices: [{ error: { code: 'BODY_UNREADABLE' } }] })
    expect(summary.skippedSlices[0]?.error.message).toContain('not that of the requested days')
    expect(stored.ledger).toEqual([])
  })

  it.each([
    [
      'of the days next to it, as time zones make them',
      lines(...LINES, ...bodyOf(dayAt(-1), 3).split('\n').slice(0, -1)),
    ],
    ['a few, misdated', lines(...LINES, ...bodyOf('2020-01-01', 3).split('\n').slice(0, -1))],
  ])('may come with it: %s', async (_, body) => {
    const { summary } = await load(body)
    expect(summary).toMatchObject({ requests: 1, skippedSlices: [] })
    expect(summary.outside).toBeGreaterThan(0)
  })
})
