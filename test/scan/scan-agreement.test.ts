import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KIND } from '../../lib/columns/value-kinds.ts'
import { LINE, LineScanner } from '../../lib/scan/line-scanner.ts'
import { runs } from '../runs.ts'
import { isEventLine, spelledLine, spelledValue } from './json-arbitraries.ts'
import { isAccepted, kindsFor, placed, scanned, tokensOf } from './scanning.ts'

const EVERY_KIND = Object.values(KIND).reduce((all, bit) => all | bit, 0)
/** Bytes that mean something in JSON, or in UTF-8. */
const TELLING = [
  ...Buffer.from('{}[]:,"\\/ \t\r0123456789-+.eEutrfalsn'),
  0x00,
  0x1f,
  0x7f,
  0xc2,
  0x85,
  0xef,
  0xbb,
  0xbf,
]

describe('the scanner on lines that are events', () => {
  it('finds each key and value at its place, in order, with its kind', () => {
    fc.assert(
      fc.property(fc.array(spelledLine, { minLength: 1, maxLength: 5 }), (lines) => {
        const scanner = new LineScanner()
        for (const line of lines) {
          const { bytes, start, end } = placed(line.text)
          expect(isAccepted(scanner.scan(bytes, start, end)), line.text).toBe(true)
          const entries = [...line.properties, ...line.extras]
          const tokens = tokensOf(scanner, bytes)
          expect(tokens.map(({ name, text }) => [name, text])).toEqual(
            entries.map(({ key, value }) => [JSON.parse(key), value.text]),
          )
          for (const [at, { kind, isExtra }] of tokens.entries()) {
            const value = entries[at]?.value ?? { text: '', lone: false, precise: false }
            expect(kind & kindsFor(value), value.text).toBe(kind)
            expect(isExtra).toBe(at >= line.properties.length)
          }
          expect(bytes.toString('utf8', scanner.identityStart, scanner.identityEnd)).toBe(line.event.text)
          expect(scanner.identityKind).toBe(line.event.lone ? KIND.loneText : KIND.text)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('calls a line plain only if nothing repeats, nothing is outside and every kind is accepted', () => {
    fc.assert(
      fc.property(spelledLine, fc.boolean(), (line, takesAll) => {
        const scanner = new LineScanner()
        scanned(scanner, line.text)
        if (takesAll) scanner.properties.accepts.fill(EVERY_KIND)
        const verdict = scanned(scanner, line.text)
        const names = line.properties.map(({ key }) => String(JSON.parse(key)))
        const insertId = line.properties[names.lastIndexOf('$insert_id')]?.value.text ?? 'null'
        const isPlain =
          (takesAll ||
            line.properties.every(
              ({ key, value }) => value.text === 'null' && String(JSON.parse(key)).isWellFormed(),
            )) &&
          new Set(names).size === names.length &&
          line.extras.length === 0 &&
          !line.event.lone &&
          !['null', '""'].includes(insertId)
        expect(verdict).toBe(isPlain ? LINE.plain : LINE.odd)
      }),
      { numRuns: runs(500) },
    )
  })

  it('notes the last time in the properties, or else the first beside them, and whether the insert id can be used', () => {
    fc.assert(
      fc.property(spelledLine, (line) => {
        const scanner = new LineScanner()
        scanned(scanner, line.text)
        const names = line.properties.map(({ key }) => String(JSON.parse(key)))
        const beside = line.extras.findIndex(({ key }) => JSON.parse(key) === 'time')
        const inProperties = names.lastIndexOf('time')
        expect(scanner.timeToken).toBe(inProperties < 0 && beside >= 0 ? names.length + beside : inProperties)
        const insertId = line.properties[names.lastIndexOf('$insert_id')]?.value.text ?? 'null'
        expect(scanner.hasInsertId).toBe(!['null', '""'].includes(insertId))
        const all = [...names, ...line.extras.map(({ key }) => String(JSON.parse(key)))]
        expect(scanner.hasDuplicate).toBe(new Set(all).size < all.length)
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('the scanner and JSON.parse agree', () => {
  it('on any value in place of the line, the event or the properties', () => {
    fc.assert(
      fc.property(spelledValue, ({ text }) => {
        const scanner = new LineScanner()
        for (const line of [text, `{"event":${text},"properties":{}}`, `{"properties":${text},"event":"e"}`]) {
          expect(isAccepted(scanned(scanner, line)), line).toBe(isEventLine(line))
        }
      }),
      { numRuns: runs(300) },
    )
  })

  it('after bytes have been changed, put in, taken out or doubled anywhere', () => {
    const change = fc.record({
      at: fc.nat(),
      length: fc.nat(3),
      by: fc.oneof(
        fc.array(fc.oneof(fc.constantFrom(...TELLING), fc.nat(255)), { maxLength: 2 }),
        fc.constant<'itself'>('itself'),
      ),
    })
    fc.assert(
      fc.property(
        spelledLine,
        fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 10 }),
        (line, all) => {
          const scanner = new LineScanner()
          for (const changes of all) {
            let bytes = Buffer.from(line.text)
            for (const { at, length, by } of changes) {
              const from = at % (bytes.length + 1)
              const old = bytes.subarray(from, from + length)
              const put = by === 'itself' ? Buffer.concat([old, old]) : Buffer.from(by)
              bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + length)])
            }
            if (!isUtf8(bytes) || bytes.includes(0x0a)) continue
            const text = bytes.toString()
            const verdict = scanned(scanner, bytes)
            expect(isAccepted(verdict), JSON.stringify(text)).toBe(isEventLine(text))
            expect(verdict === LINE.blank, JSON.stringify(text)).toBe(/^[ \t\r]*$/.test(text))
          }
        },
      ),
      { numRuns: runs(500) },
    )
  })

  it.each([
    ['a key event spelled with an escape', '{"\\u0065vent":"a","properties":{}}'],
    ['a key properties spelled with an escape', '{"event":"a","propertie\\u0073":{}}'],
  ])('on %s', (_, line) => {
    expect(isAccepted(scanned(new LineScanner(), line))).toBe(isEventLine(line))
  })

  it.each([
    '{"event":"a","event":1,"properties":{}}',
    '{"event":"a","event":"b","properties":{}}',
    '{"event":"a","properties":{},"properties":1}',
    '{"event":"a","properties":{"x":1},"properties":{}}',
  ])('but refuses a whole line in which event or properties appear twice, so that nothing is lost: %s', (line) => {
    const scanner = new LineScanner()
    expect(isAccepted(scanned(scanner, line))).toBe(false)
    expect(scanner.hasRepeatedKey).toBe(true)
  })

  it.each([
    '{"event":"a","properties":{}}}',
    '{"event":"a","properties":{},}',
    '{"event":"a","properties":{"x":01}}',
    '{"event":"a","properties":{"x":+1}}',
    '{"event":"a","properties":{"x":.5}}',
    '{"event":"a","properties":{"x":1.}}',
    '{"event":"a","properties":{"x":1e}}',
    '{"event":"a","properties":{"x":-}}',
    '{"event":"a","properties":{"x":NaN}}',
    '{"event":"a","properties":{"x":Infinity}}',
    '{"event":"a","properties":{"x":True}}',
    '{"event":"a","properties":{"x":"\t"}}',
    '{"event":"a","properties":{"x":"\\x41"}}',
    '{"event":"a","properties":{"x":"\\u00g0"}}',
    '{"event":"a","properties":{"x":[1,]}}',
    '{"event":"a","properties":{"x":[1 2]}}',
    '{"event":"a","properties":{"x":[}]}}',
    '{"event":"a","properties":{"x":{"a"}}}',
    '{"event":"a","properties":{x:1}}',
    "{'event':'a','properties':{}}",
    '\ufeff{"event":"a","properties":{}}',
    '\u00a0{"event":"a","properties":{}}',
    '{"event":"a","properties":{}} {"event":"a","properties":{}}',
    '{"event":"a"\u000b,"properties":{}}',
  ])('that %s is not an event', (line) => {
    expect(isEventLine(line)).toBe(false)
    expect(scanned(new LineScanner(), line)).toBe(LINE.unreadable)
  })
})
