import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchOf, isObject, listOf, numberOf, parseAnswer, withIntegers } from '../../lib/streams/answer.ts'
import { canonical, parseExact } from '../conformance/exact-json.ts'
import { failureOf } from '../conformance/failures.ts'

const digits = fc.stringMatching(/^[1-9][0-9]{0,40}$/)
const literal = fc.oneof(
  digits,
  digits.map((text) => `-${text}`),
  fc.tuple(digits, fc.stringMatching(/^[0-9]{1,30}$/)).map(([whole, fraction]) => `${whole}.${fraction}`),
  fc.constantFrom('0', '-0.5', '1.0', '1e400', '9007199254740993', '0.1', '201.0'),
)
const parse = (text: string) => parseAnswer(Buffer.from(text), 'The answer')

describe('an answer', () => {
  it('keeps every digit of its numbers, however deep they lie', () => {
    fc.assert(
      fc.property(fc.array(literal), (literals) => {
        const text = `{"a":[{"b":[${literals.join(',')}]}]}`
        expect(canonical(parseExact(JSON.stringify(parse(text))))).toBe(canonical(parseExact(text)))
      }),
    )
  })

  it('keeps everything else as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(!isObject(value) || !('error' in value))
        const text = JSON.stringify(value)
        expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  it('knows objects from lists and from numbers kept as written', () => {
    const { object, list, long, none } = parse('{"object":{},"list":[],"long":12345678901234567890,"none":null}') as {
      readonly [name: string]: unknown
    }
    expect([object, list, long, none].map(isObject)).toEqual([true, false, false, false])
    expect(numberOf(long)).toBe(Number('12345678901234567890'))
  })

  it('may have whole numbers as texts', () => {
    const record = { id: '9223372036854775807', count: 5, name: '12', created: '2021', of: '1.5' }
    const found = withIntegers(record, ['id', 'count', 'of', 'missing'])
    expect(JSON.stringify(found)).toBe('{"id":9223372036854775807,"count":5,"name":"12","created":"2021","of":"1.5"}')
    expect(JSON.stringify(withIntegers({ id: '-007' }, ['id']))).toBe('{"id":-7}')
  })

  it('that is not JSON is unreadable', async () => {
    const failure = await failureOf(Promise.resolve().then(() => parse('<html>')))
    expect(failure).toMatchObject({ code: 'BODY_UNREADABLE', message: expect.stringContaining('<html>') })
  })

  it('may say that there is no error', () => {
    expect(parse('{"annotations":[],"error":false}')).toEqual({ annotations: [], error: false })
  })
})

describe('the list in an answer', () => {
  it('is the answer, or the member that has it', () => {
    expect(listOf(parse('[{"id":1}]'), 'results', 'The list')).toEqual([{ id: 1 }])
    expect(listOf(parse('{"results":[{"id":1}]}'), 'results', 'The list')).toEqual([{ id: 1 }])
  })

  it.each(['{}', '3', 'null', '{"results":{}}', '{"status":"error","results":[]}'])(
    'cannot be found in %s',
    async (text) => {
      const failure = await failureOf(Promise.resolve().then(() => listOf(parse(text), 'results', 'The list')))
      expect(failure).toMatchObject({ code: 'BODY_UNREADABLE', message: expect.stringMatching(/^The list\b/) })
    },
  )
})

describe('a batch', () => {
  it('has a complete line for each record', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (records) => {
        const { lines } = batchOf('things', records)
        const text = lines.toString()
        expect(text === '' || text.endsWith('\n')).toBe(true)
        const read = text.split('\n').slice(0, -1)
        expect(read.map((line) => JSON.parse(line))).toEqual(
          records.map((properties) => JSON.parse(JSON.stringify({ properties }))),
        )
      }),
    )
  })
})

describe('a number', () => {
  it.each([
    [1.5, 1.5],
    ['49.9', 49.9],
    ['', undefined],
    [' ', undefined],
    ['free', undefined],
    [true, undefined],
    [null, undefined],
    ['Infinity', undefined],
  ])('of %j is %j', (value, number) => expect(numberOf(value)).toBe(number))
})
