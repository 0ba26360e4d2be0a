import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printableJson, printableLine, printableText } from '../../lib/core/printable.ts'

/** Texts that are mostly made of what must not be printed. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
    fc.constantFrom(
      '\u061c',
      '\u200e',
      '\u200f',
      '\u2028',
      '\u2029',
      '\u202a',
      '\u202e',
      '\u2066',
      '\u2069',
      'é',
      '👩‍👩‍👧',
    ),
  ),
})

// Written as numbers, not with the classes of the code.
const isObeyed = (code: number) =>
  code < 32 ||
  (code >= 127 && code < 160) ||
  [0x61c, 0x200e, 0x200f].includes(code) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2066 && code <= 0x2069)
const codes = (text: string) => [...text].map((character) => character.codePointAt(0) ?? 0)

it('a line has nothing that a terminal obeys, and otherwise says the same', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const shown = printableLine(text)
      expect(codes(shown).filter(isObeyed)).toEqual([])
      expect(printableLine(shown)).toBe(shown)
      const plain = [...text].filter((character) => !isObeyed(character.codePointAt(0) ?? 0)).join('')
      expect(shown.replace(/\\(?:u[\da-f]{4}|[nrt])/g, '')).toBe(plain.replace(/\\(?:u[\da-f]{4}|[nrt])/g, ''))
    }),
  )
  expect(printableLine('a\u001b]0;title\u0007b\rc\nd\te\u009b\u202e👩‍👧é')).toBe(
    'a\\u001b]0;title\\u0007b\\rc\\nd\\te\\u009b\\u202e👩‍👧é',
  )
})

it('a message keeps its lines, and those after the first are indented', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const lines = printableText(text).split('\n')
      expect(lines.length).toBe(text.split('\n').length)
      expect(lines.flatMap(codes).filter(isObeyed)).toEqual([])
      for (const line of lines.slice(1)) expect(line).toMatch(/^(?: {2}|$)/)
    }),
  )
})

it('JSON keeps its value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), hostile, (value, text) => {
      const shown = printableJson({ [text]: value, text })
      expect(codes(shown).filter(isObeyed)).toEqual([])
      expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify({ [text]: value, text })))
    }),
  )
})
