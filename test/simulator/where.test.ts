import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WhereError, type WhereEvent } from '../../lib/simulator/stores/where-operators.ts'
import { isTrue, parseWhere } from '../../lib/simulator/stores/where-parser.ts'
import { runs } from '../runs.ts'

const properties: Record<string, unknown> = {
  n: 7,
  zero: 0,
  text: 'Ünï "q"',
  date: '2026-08-01',
  yes: true,
  no: false,
  nothing: null,
  list: ['a', 1, null],
  object: { a: [1, { b: 2 }] },
  'a]b': 'bracket',
}
const login: WhereEvent = { event: 'Login', properties, seconds: 1_785_110_733.5 }

const value = (text: string) => parseWhere(text)(login)

test.each<[string, unknown]>([
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['10 - 2 - 3', 5],
  ['12 / 2 / 3', 2],
  ['-2 - -3', 1],
  ['--2', 2],
  ['1.5e2', 150],
  ['.5 + 1.', 1.5],
  ['7 % 3', 1],
  ['-7 % 3', -1],
  ['7 % -3', 1],
  ['1 / 0', undefined],
  ['1 % 0', undefined],
  ['"a" + "b"', 'ab'],
  ['"a" + 1', undefined],
  ['"b" - "a"', undefined],
  ['-"a"', undefined],
  ['\'single\' == "single"', true],
  ['"tab\\t\\u00e9\\"" == \'tab\té"\'', true],
  ['1 == 1.0', true],
  ['1 == "1"', false],
  ['1 != "1"', true],
  ['true == 1', false],
  ['properties["missing"] == properties["gone"]', true],
  ['properties["missing"] == properties["nothing"]', false],
  ['properties["list"] == ["a", 1, properties["nothing"]]', true],
  ['properties["list"] == ["a", 1]', false],
  ['properties["object"] == properties["object"]', true],
  ['properties["object"] == properties["list"]', false],
  ['properties["n"] > 6.9', true],
  ['properties["date"] >= "2026-07-31"', true],
  ['properties["n"] > "6"', undefined],
  ['true > false', undefined],
  ['properties["missing"] < 1', undefined],
  ['properties["n"] in [1, 7]', true],
  ['properties["n"] in []', false],
  ['"1" in [1]', false],
  ['"bc" in "abcd"', true],
  ['"" in "abcd"', true],
  ['1 in "1"', undefined],
  ['"a" in properties["list"]', true],
  ['"a" in properties["missing"]', undefined],
  ['true and true or false', true],
  ['false and false or true', true],
  ['true or false and false', true],
  ['properties["missing"] and true', false],
  ['properties["missing"] or true', true],
  ['properties["nothing"] or false', false],
  ['not properties["missing"]', true],
  ['not not true', true],
  ['not 1 == 2', true],
  ['not false and false', false],
  ['defined(properties["n"])', true],
  ['defined(properties["zero"])', true],
  ['defined(properties["nothing"])', false],
  ['not defined(properties["missing"])', true],
  ['properties["a]b"] == "bracket"', true],
  ['properties["toString"]', undefined],
  ['user["$email"]', undefined],
  ['event["$event_name"]', 'Login'],
  ['event["other"]', undefined],
  ['event["$time"]', 1_785_110_733.5],
  ['properties["time"] == properties["$time"]', true],
  ['floor(7.9)', 7],
  ['ceil(7.1)', 8],
  ['round(7.5)', 8],
  ['floor("7.9")', undefined],
  ['number("12.50")', 12.5],
  ['number(" -1e2 ")', -100],
  ['number("0x10")', undefined],
  ['number("")', undefined],
  ['number(true) + number(false)', 1],
  ['number(properties["nothing"])', undefined],
  ['string(1.10)', '1.1'],
  ['string(false)', 'false'],
  ['string("x")', 'x'],
  ['string(properties["nothing"])', null],
  ['string(properties["missing"])', undefined],
  ['string(properties["object"])', '{"a":[1,{"b":2}]}'],
  ['boolean("false")', false],
  ['boolean("")', false],
  ['boolean("0")', true],
  ['boolean(0)', false],
  ['boolean(properties["nothing"])', false],
  ['boolean(properties["missing"])', false],
  ['boolean(properties["list"])', true],
  ['datetime(5)', 5],
  ['datetime("1970-01-02")', 86_400],
  ['datetime("1970-01-01T00:00:01.5")', 1.5],
  ['datetime("1970-01-01 00:01:00")', 60],
  ['datetime("2026-13-01")', undefined],
  ['datetime("soon")', undefined],
  ['datetime(true)', undefined],
])('%s is %j', (text, expected) => {
  expect(value(text)).toEqual(expected)
})

test.each([
  '',
  ' ',
  '1 +',
  '1 2',
  '(1',
  '1)',
  '[1, 2',
  '[1,]',
  'properties',
  'properties[n]',
  'properties["n"',
  'properties.n',
  'behaviors["b1"] > 0',
  'len(1)',
  'defined properties["n"]',
  'defined()',
  '1 = 1',
  '1 === 1',
  'true && false',
  '"open',
  '\'open"',
  '1 ! 2',
  'not',
  'and',
  '1 not in [1]',
  '('.repeat(300),
  `${'not '.repeat(300)}true`,
  `${'1 + '.repeat(3000)}1`,
])('%s is not a valid expression', (text) => {
  expect(() => parseWhere(text)).toThrow(WhereError)
})

test('long and deeply nested expressions within the limits are evaluated', () => {
  expect(value(`${'1 + '.repeat(1900)}1`)).toBe(1901)
  expect(value(`${'('.repeat(199)}1${')'.repeat(199)}`)).toBe(1)
})

test.each(['1 and true', 'true and "x"', 'not 1', 'properties["list"] or true', 'true or 1', 'false and 1'])(
  '%s has an operand that is not a boolean',
  (text) => {
    expect(() => value(text)).toThrow(WhereError)
  },
)

test('only the value true selects an event', () => {
  for (const text of ['1', '"true"', 'properties["missing"]', 'properties["n"] > "6"']) {
    expect(isTrue(parseWhere(text), login)).toBe(false)
  }
  expect(isTrue(parseWhere('properties["yes"]'), login)).toBe(true)
})

/**
 * An expression and its value, which is computed while the expression is generated, without a
 * parser.
 */
interface Sample {
  readonly text: string
  readonly expected: unknown
}

const spaces = fc.constantFrom('', ' ', '  ', '\n')

const numbersIn: fc.Arbitrary<Sample> = fc.oneof(
  fc.integer({ min: 0, max: 50 }).map((number) => ({ text: String(number), expected: number })),
  fc.constant({ text: 'properties["n"]', expected: 7 }),
  fc.constant({ text: 'properties["missing"]', expected: undefined }),
)

const quoted = (text: string) => JSON.stringify(text)

const textsIn: fc.Arbitrary<Sample> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => ({ text: quoted(text), expected: text })),
  fc.constant({ text: 'properties["text"]', expected: properties.text }),
)

const arithmetic: Record<string, (left: number, right: number) => number | undefined> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => (right === 0 ? undefined : left / right),
  '%': (left, right) => (right === 0 ? undefined : left % right),
}

const comparisons: Record<string, (left: number, right: number) => boolean> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
}

const { number, truth } = fc.letrec<{ number: Sample; truth: Sample }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    numbersIn,
    fc
      .tuple(tie('number'), fc.constantFrom(...Object.keys(arithmetic)), tie('number'), spaces)
      .map(([left, operator, right, gap]) => ({
        text: `(${left.text}${gap}${operator}${gap}${right.text})`,
        expected:
          typeof left.expected === 'number' && typeof right.expected === 'number'
            ? arithmetic[operator]?.(left.expected, right.expected)
            : undefined,
      })),
    tie('number').map(({ text, expected }) => ({
      text: `-(${text})`,
      expected: typeof expected === 'number' ? -expected : undefined,
    })),
    tie('number').map(({ text, expected }) => ({
      text: `floor(${text})`,
      expected: typeof expected === 'number' ? Math.floor(expected) : undefined,
    })),
  ),
  truth: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.boolean().map((expected) => ({ text: String(expected), expected })),
    fc.tuple(tie('number'), fc.constantFrom(...Object.keys(comparisons)), tie('number')).map(([left, sign, right]) => ({
      text: `(${left.text} ${sign} ${right.text})`,
      expected:
        typeof left.expected === 'number' && typeof right.expected === 'number'
          ? comparisons[sign]?.(left.expected, right.expected)
          : undefined,
    })),
    fc.tuple(tie('number'), tie('number')).map(([left, right]) => ({
      text: `(${left.text}==${right.text})`,
      expected: left.expected === right.expected,
    })),
    fc.tuple(textsIn, textsIn).map(([left, right]) => ({
      text: `${left.text} in ${right.text}`,
      expected: String(right.expected).includes(String(left.expected)),
    })),
    fc.tuple(textsIn, fc.array(textsIn, { maxLength: 3 })).map(([item, list]) => ({
      text: `(${item.text} in [${list.map(({ text }) => text).join(',')}])`,
      expected: list.some(({ expected }) => expected === item.expected),
    })),
    fc.tuple(tie('truth'), tie('truth'), fc.boolean()).map(([left, right, both]) => ({
      text: `((${left.text}) ${both ? 'and' : 'or'} (${right.text}))`,
      expected: both
        ? left.expected === true && right.expected === true
        : left.expected === true || right.expected === true,
    })),
    tie('truth').map(({ text, expected }) => ({ text: `(not ${text})`, expected: expected !== true })),
  ),
}))

test('an expression has the expected value', () => {
  fc.assert(
    fc.property(fc.oneof(number, truth), ({ text, expected }) => {
      fc.pre(text.length < 2000)
      expect(value(text)).toEqual(expected)
    }),
    { numRuns: runs(1000) },
  )
})

test('laws: negation, De Morgan, order, membership', () => {
  fc.assert(
    fc.property(number, number, truth, truth, (a, b, p, q) => {
      fc.pre(a.text.length + b.text.length + p.text.length + q.text.length < 2000)
      const same = (left: string, right: string) => expect(value(left)).toEqual(value(right))
      same(`(${a.text}) != (${b.text})`, `not (${a.text}) == (${b.text})`)
      same(`(${a.text}) < (${b.text})`, `(${b.text}) > (${a.text})`)
      same(`(${a.text}) in [${b.text}]`, `(${a.text}) == (${b.text})`)
      same(`not ((${p.text}) and (${q.text}))`, `(not (${p.text})) or (not (${q.text}))`)
      same(`not ((${p.text}) or (${q.text}))`, `(not (${p.text})) and (not (${q.text}))`)
      same(`(${p.text}) and (${q.text})`, `(${q.text}) and (${p.text})`)
    }),
    { numRuns: runs(300) },
  )
})

test('any text is either evaluated or a WhereError', () => {
  const words = fc.constantFrom(
    'not',
    'and',
    'or',
    'in',
    '(',
    ')',
    '[',
    ']',
    ',',
    '"a"',
    '1',
    'properties["n"]',
    '-',
    '==',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 30 }).map((tokens) => tokens.join(' ')),
  )
  fc.assert(
    fc.property(text, (expression) => {
      try {
        value(expression)
      } catch (error) {
        expect(error).toBeInstanceOf(WhereError)
      }
    }),
    { numRuns: runs(2000) },
  )
})
