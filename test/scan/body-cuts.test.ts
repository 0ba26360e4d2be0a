import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LINE_BYTES_MAX } from '../../lib/scan/body-reader.ts'
import { runs } from '../runs.ts'
import { BodyDesk, eventLine } from './body-reading.ts'
import { spelledLine } from './json-arbitraries.ts'

let desk: BodyDesk
beforeAll(async () => {
  desk = await BodyDesk.open()
})
afterAll(() => desk[Symbol.asyncDispose]())

const GOOD = `${eventLine(1)}\n`

describe('a body that was cut', () => {
  it('is refused wherever the cut is, unless a line ends there, and then has exactly the lines so far', async () => {
    const lines = [
      eventLine(1, ',"note":"é\u2028\u{1f600}","list":[1,{"a":null}]'),
      '{"properties":{"plan":"x","$insert_id":"2","Plan":-1.5e3},"event":"\\ud83d\\ude00"}\r',
      '',
      eventLine(3, ',"big":123456789012345678901234567890,"t":true'),
    ]
    const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const ends = new Map([[0, 0]])
    let at = 0
    for (const [index, line] of lines.entries()) {
      const events = lines.slice(0, index + 1).filter((line) => line !== '').length
      for (let end = at + Buffer.byteLength(line.trimEnd()); end <= at + Buffer.byteLength(line) + 1; end++)
        ends.set(end, events)
      at += Buffer.byteLength(line) + 1
    }
    const full = (await desk.read(whole)).events
    for (let length = 0; length <= whole.length; length++) {
      const cut = whole.subarray(0, length)
      const events = ends.get(length)
      if (events === undefined) expect(await desk.failure(cut), `${length}`).toBe('BODY_TRUNCATED')
      else {
        const read = await desk.read(cut)
        expect([read.summary.rows, read.rejects], `${length}`).toEqual([events, []])
        expect(full.startsWith(read.events.trimEnd()), `${length}`).toBe(true)
      }
    }
  })

  it('is refused within any line, with or without a newline after the cut', async () => {
    await fc.assert(
      fc.asyncProperty(spelledLine, fc.nat(), fc.constantFrom('', '\n', '\n\n'), async ({ text }, at, end) => {
        const bytes = Buffer.from(text.trimStart())
        const cut = bytes.subarray(0, 1 + (at % (bytes.length - 1)))
        // With a newline after it, half a character makes the line one that is not UTF-8, which has
        // a place of its own.
        fc.pre(end === '' || Buffer.from(cut.toString()).equals(cut))
        expect(await desk.failure(Buffer.concat([Buffer.from(GOOD), cut, Buffer.from(end)]))).toBe('BODY_TRUNCATED')
      }),
      { numRuns: runs(80) },
    )
  })

  it('is refused within a line that is too long to be looked at', async () => {
    const long = eventLine(2, `,"note":"${'x'.repeat(LINE_BYTES_MAX + 10)}`)
    expect(await desk.failure(`${GOOD}${long}`, 1 << 20)).toBe('BODY_TRUNCATED')
  })

  it.each([
    'terminated early',
    'export terminated early',
    ' Export Terminated Early.',
    '"terminated early"',
    '{"error":',
    '{"error":"x"}',
    '{ "error" : "Timeout Error." }',
    '{"er',
    '{"request":"/api/2.0/export?from_date=2026-08-03","error":"Timeout Error."}',
    '{"request":"/api/2.0/exp',
    '{"status":"error","error":"backend"}',
    '{"error":{"code":5}}',
  ])('is refused when it ends in %s', async (ending) => {
    for (const before of ['', GOOD, `${GOOD}${eventLine(2)}\n\n`]) {
      for (const after of ['', '\n', '\n\n']) {
        expect(await desk.failure(`${before}${ending}${after}`), JSON.stringify(after)).toBe('BODY_TRUNCATED')
      }
    }
  })

  it('is refused when the announcement is in the middle', async () => {
    expect(await desk.failure(`${GOOD}export terminated early\n${GOOD}`)).toBe('BODY_TRUNCATED')
  })

  it.each(['', '\n'])('is refused when the announcement follows on the last event, with %j after it', async (after) => {
    expect(await desk.failure(`${GOOD}${eventLine(2)}export terminated early${after}`)).toBe('BODY_TRUNCATED')
    expect(await desk.failure(`${GOOD}{"event":"e","properties":{"time":12terminated early${after}`)).toBe(
      'BODY_TRUNCATED',
    )
  })

  it('is whole if it is an event that has such a text', async () => {
    const lines = [
      '{"event":"terminated early","properties":{"error":"export terminated early"}}',
      '{"error":"x","event":"e","properties":{}}',
    ]
    const { summary } = await desk.read(lines.map((line) => `${line}\n`).join(''))
    expect(summary).toMatchObject({ rows: 2, rejects: 0 })
  })

  it('is refused although a blank line follows the cut one', async () => {
    expect(await desk.failure(`${GOOD}{"event":"Ord\n \n`)).toBe('BODY_TRUNCATED')
  })

  it('says how far it got', async () => {
    await expect(desk.read(`${GOOD}${eventLine(2)}\n{"event":`)).rejects.toThrow(/after 2 events/)
    await expect(desk.read(`${GOOD}export terminated early\n`)).rejects.toThrow(/export terminated early/)
  })
})
