import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LINE_BYTES_MAX } from '../../lib/scan/body-reader.ts'
import { runs } from '../runs.ts'
import { BodyDesk, DAY, eventLine, NOON } from './body-reading.ts'
import { spelledLine } from './json-arbitraries.ts'

let desk: BodyDesk
beforeAll(async () => {
  desk = await BodyDesk.open()
})
afterAll(() => desk[Symbol.asyncDispose]())

const body = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

describe('how a body is cut into lines', () => {
  it('lines that the engine can read go to the spool byte for byte', async () => {
    const lines = [eventLine(1), eventLine(2, ',"plan":"é\u{1f600}"'), eventLine(3, ' , "n" : 1.5')]
    const { events, rejects, summary } = await desk.read(body(...lines))
    expect(events).toBe(body(...lines))
    expect(rejects).toEqual([])
    expect(summary).toMatchObject({ rows: 3, rejects: 0, damaged: 0, undated: 0, outside: 0 })
    expect(summary.bytes).toBe(Buffer.byteLength(body(...lines)))
    expect(summary.longestLine).toBe(Math.max(...lines.map((line) => Buffer.byteLength(line))))
  })

  it('only the byte 0x0A ends a line, not the other line ends of Unicode', async () => {
    const line = eventLine(1, ',"note":"a\u2028b\u2029c\u0085d"')
    const { events, summary } = await desk.read(body(line, eventLine(2)))
    expect(events).toBe(body(line, eventLine(2)))
    expect(summary.rows).toBe(2)
  })

  it('a carriage return before the newline does no harm', async () => {
    const { events, summary, rejects } = await desk.read(`${eventLine(1)}\r\n\r\n${eventLine(2)}\r\n`)
    expect(rejects).toEqual([])
    expect(summary.rows).toBe(2)
    const kept = events.split('\n').filter((line) => line !== '')
    expect(kept.map((line) => JSON.parse(line))).toEqual([eventLine(1), eventLine(2)].map((line) => JSON.parse(line)))
  })

  it('blank lines are ignored', async () => {
    const { events, summary } = await desk.read(`\n \t\n${eventLine(1)}\n\n\r\n${eventLine(2)}\n\n`)
    expect(events).toBe(body(eventLine(1), eventLine(2)))
    expect(summary).toMatchObject({ rows: 2, rejects: 0, damaged: 0 })
  })

  it('an empty body, or one of blank lines only, is a day without events', async () => {
    for (const nothing of ['', '\n', ' \n\r\n', '  ']) {
      const { events, rejects, summary } = await desk.read(nothing)
      expect([events, rejects, summary.rows, summary.rejects]).toEqual(['', [], 0, 0])
    }
  })

  it('the last line may lack its newline', async () => {
    const { events, summary } = await desk.read(`${eventLine(1)}\n${eventLine(2)}`)
    expect(events).toBe(body(eventLine(1), eventLine(2)))
    expect(summary.rows).toBe(2)
  })

  it('a byte order mark at the beginning is removed from the first line, wherever blocks end', async () => {
    for (const blockBytes of [65_536, 3, 2, 1]) {
      const { events, rejects } = await desk.read(`\ufeff${body(eventLine(1), eventLine(2))}`, blockBytes)
      expect([events, rejects], `in blocks of ${blockBytes}`).toEqual([body(eventLine(1), eventLine(2)), []])
    }
  })

  it('a byte order mark anywhere else damages its line', async () => {
    const { rejects, summary } = await desk.read(body(eventLine(1), `\ufeff${eventLine(2)}`))
    expect(summary).toMatchObject({ rows: 1, rejects: 1, damaged: 1 })
    expect(rejects[0]?.reason).toBe('not JSON from byte 0 of the line')
  })

  it('the size of the blocks makes no difference', async () => {
    const oddLine = spelledLine.map(({ text }) => Buffer.from(text))
    const otherLine = fc
      .constantFrom(
        eventLine(1),
        eventLine(2, ',"Plan":1,"plan":2'),
        '',
        '\r',
        '[]',
        '{"event":1}',
        '{"event":tru}',
        '{"a":',
      )
      .map((text) => Buffer.from(text))
    const bytes = fc.constantFrom(Buffer.from([0xff]), Buffer.from('{"event":"\xe9"}', 'latin1'))
    const last = Buffer.from(eventLine(9))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(oddLine, otherLine, bytes), { maxLength: 6 }),
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        async (lines, blockBytes, hasNewline) => {
          const all = Buffer.concat(
            [...lines, last].flatMap((line, at) =>
              at < lines.length || hasNewline ? [line, Buffer.from('\n')] : [line],
            ),
          )
          expect(await desk.read(all, blockBytes)).toEqual(await desk.read(all, all.length))
        },
      ),
      { numRuns: runs(60) },
    )
  })

  it.each([
    ['in small blocks', 1 << 20, 4 << 20],
    ['only just, in small blocks', 1 << 20, 1],
    ['in one block', 64 << 20, 4 << 20],
  ])(
    'a line that is too long, %s, is rejected with its beginning, and its neighbours are kept',
    async (_, blockBytes, more) => {
      const long = eventLine(2, `,"note":"${'x'.repeat(LINE_BYTES_MAX + more)}"`)
      const { events, rejects, summary } = await desk.read(body(eventLine(1), long, eventLine(3)), blockBytes)
      expect(summary).toMatchObject({ rows: 2, rejects: 1, damaged: 0 })
      expect(events).toBe(body(eventLine(1), eventLine(3)))
      expect(rejects).toEqual([
        { reason: `longer than ${LINE_BYTES_MAX} bytes; only its beginning is given`, line: long.slice(0, 1000) },
      ])
    },
  )

  it('a line of just under the most bytes is kept', async () => {
    const line = eventLine(2, `,"note":"${'x'.repeat(LINE_BYTES_MAX - 1000)}"`)
    const { summary } = await desk.read(body(line, eventLine(3)), 1 << 20)
    expect(summary).toMatchObject({ rows: 2, rejects: 0, longestLine: line.length })
  })
})

describe('what is noted of the events of a body', () => {
  const dated = (time: string) => `{"event":"e","properties":{"$insert_id":"1"${time === '' ? '' : `,"time":${time}`}}}`

  it('events whose time is missing or not a number are undated', async () => {
    const undated = ['', 'null', '"soon"', 'true', '{}', '[1]', '9007199254740993', '1e400', '"\\ud800"']
    const { summary } = await desk.read(body(...undated.map(dated), dated(String(NOON))))
    expect(summary).toMatchObject({ rows: undated.length + 1, undated: undated.length, outside: 0 })
  })

  it('events dated outside the requested days are counted, those at their edges are not', async () => {
    const start = Date.parse(`${DAY}T00:00:00Z`)
    const inside = [start, start + 0.5, start + 86_399_999, NOON / 1000, start / 1000 + 86_399.999]
    const outside = [start - 1, start + 86_400_000, 0, -1, NOON * 1000, start / 1000 - 1]
    const { summary } = await desk.read(body(...[...inside, ...outside].map((time) => dated(String(time)))))
    expect(summary).toMatchObject({ rows: 11, undated: 0, outside: outside.length })
  })

  it('each name of an event is noted once, in its own characters', async () => {
    const named = (name: string) => `{"event":${name},"properties":{}}`
    const { eventNames } = await desk.read(body(named('"a"'), named('"\\u0061"'), named('"é\\n"'), named('""')))
    expect([...eventNames].sort()).toEqual(['', 'a', 'é\n'])
  })
})
