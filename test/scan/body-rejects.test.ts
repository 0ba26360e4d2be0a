import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { announcesFailure } from '../../lib/scan/failure-line.ts'
import { BodyDesk, eventLine } from './body-reading.ts'

let desk: BodyDesk
beforeAll(async () => {
  desk = await BodyDesk.open()
})
afterAll(() => desk[Symbol.asyncDispose]())

const FIRST = `${eventLine(1)}\n`
const LAST = `${eventLine(9)}\n`

describe('a line that is not an event', () => {
  it.each([
    ['[]', 'not a JSON object'],
    ['[{"event":"e","properties":{}}]', 'not a JSON object'],
    ['17', 'not a JSON object'],
    ['"event"', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{}', 'not an event: it has no "event"'],
    ['{"properties":{}}', 'not an event: it has no "event"'],
    ['{"status":"ok","results":[]}', 'not an event: it has no "event"'],
    ['{"event":1,"properties":{}}', 'not an event: its "event" is not a text'],
    ['{"event":null,"properties":{}}', 'not an event: its "event" is not a text'],
    ['{"event":"e"}', 'not an event: it has no "properties"'],
    ['{"event":"e","properties":[]}', 'not an event: its "properties" is not an object'],
    ['{"event":"e","properties":null}', 'not an event: its "properties" is not an object'],
    ['{"event":"e","properties":"{}"}', 'not an event: its "properties" is not an object'],
    [`{"event":"e","properties":{"x":${'['.repeat(501)}${']'.repeat(501)}}}`, /^nested deeper than 500 levels$/],
    [
      `{"event":"e","properties":{${Array.from({ length: 65_537 }, (_, at) => `"p${at}":1`).join()}}}`,
      /^more than 65536 properties$/,
    ],
  ])('%.60s is rejected with its reason, and does not count as damaged', async (line, reason) => {
    const { events, rejects, summary } = await desk.read(`${FIRST}${line}\n${LAST}`)
    expect(events).toBe(FIRST + LAST)
    expect(rejects).toEqual([{ reason: typeof reason === 'string' ? reason : expect.stringMatching(reason), line }])
    expect(summary).toMatchObject({ rows: 2, rejects: 1, damaged: 0 })
  })

  it.each([
    ['{"event":"e","properties":{"x":tru}}', 31],
    ['{"event":"e","properties":{"x":1,}}', 33],
    ['{"event":"e","properties":{}}}', 29],
    ['<html>', 0],
    ['  oops', 2],
    ['{"event":"é","properties":{"é":"\\q"}}', 34],
  ])('%s is damaged, and said to be so from byte %i', async (line, byte) => {
    const { events, rejects, summary } = await desk.read(`${FIRST}${line}\n${LAST}`)
    expect(events).toBe(FIRST + LAST)
    expect(rejects).toEqual([{ reason: `not JSON from byte ${byte} of the line`, line }])
    expect(summary).toMatchObject({ rows: 2, rejects: 1, damaged: 1 })
  })

  it('both halves of an event that was broken over two lines are rejected', async () => {
    const { rejects, summary } = await desk.read(`${FIRST}{"event":"e","pro\nperties":{}}\n${LAST}`)
    expect(rejects.map(({ line }) => line)).toEqual(['{"event":"e","pro', 'perties":{}}'])
    expect(summary).toMatchObject({ rows: 2, rejects: 2, damaged: 2 })
  })

  it('a line that is not UTF-8 is rejected in base64, and the lines around it are kept', async () => {
    const bad = Buffer.from('{"event":"caf\xe9","properties":{}}', 'latin1')
    const body = Buffer.concat([Buffer.from(FIRST), bad, Buffer.from(`\n${LAST}`)])
    const { events, rejects, summary } = await desk.read(body)
    expect(events).toBe(FIRST + LAST)
    expect(rejects.map(({ reason }) => reason)).toEqual([expect.stringContaining('not valid UTF-8')])
    expect(Buffer.from(rejects[0]?.line ?? '', 'base64').equals(bad)).toBe(true)
    expect(summary).toMatchObject({ rows: 2, rejects: 1 })
  })

  it.each([
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a character', [0xf0, 0x9f]],
    ['a byte that is in no character', [0xff]],
  ])('a line with %s is not UTF-8', async (_, bytes) => {
    const line = Buffer.concat([Buffer.from('{"event":"'), Buffer.from(bytes), Buffer.from('","properties":{}}')])
    const { rejects } = await desk.read(Buffer.concat([Buffer.from(FIRST), line, Buffer.from('\n')]))
    expect(rejects).toHaveLength(1)
    expect(rejects[0]?.line).toBe(line.toString('base64'))
  })

  it('the longest reject is measured as it is written', async () => {
    const { rejects, summary } = await desk.read(`${FIRST}[]\n["a longer one"]\n`)
    const lengths = rejects.map((reject) => Buffer.byteLength(JSON.stringify(reject)) + 1)
    expect(summary.longestReject).toBe(Math.max(...lengths))
  })
})

describe('a body that is not an export', () => {
  it.each(['<html>\n<body>502 Bad Gateway</body>\n</html>\n', 'oops\n', '\n\nupstream connect error\n'])(
    '%j is unreadable',
    async (body) => {
      expect(await desk.failure(body)).toBe('BODY_UNREADABLE')
    },
  )

  it('is unreadable also without a newline at its end', async () => {
    expect(await desk.failure('<html>\n<body>502 Bad Gateway</body>\n</html>')).toBe('BODY_UNREADABLE')
  })

  it('is readable as soon as one of its lines is an event', async () => {
    const { summary } = await desk.read(`<html>\n${FIRST}`)
    expect(summary).toMatchObject({ rows: 1, rejects: 1, damaged: 1 })
  })
})

describe('a line that announces failure', () => {
  it.each([
    'terminated early',
    '  terminated early at shard 3',
    '"export terminated early"',
    'EXPORT TERMINATED EARLY',
    '{"error":',
    '{"error": "Timeout Error."}',
    '{"request": "/api", "error": "x"}',
    '{"status": "error", "error": "x"}',
    '{"status": "err',
  ])('%s does', (line) => {
    expect(announcesFailure(line)).toBe(true)
  })

  it.each([
    '',
    '{',
    'early termination',
    'the export was not terminated early',
    '{"status":"ok"}',
    '{"request":"/api"}',
    '{"errors":[]}',
    '["error"]',
    '{"event":"terminated early","properties":{}}',
  ])('%j does not', (line) => {
    expect(announcesFailure(line)).toBe(false)
  })
})
