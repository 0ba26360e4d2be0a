import fc from 'fast-check'
import { expect, it } from 'vitest'
import { KIND } from '../../lib/columns/value-kinds.ts'
import { textKind } from '../../lib/scan/text-kinds.ts'
import { isIsoDate, isIsoMoment } from '../../lib/time/instants.ts'
import { runs } from '../runs.ts'

const kindOf = (text: string) => {
  const bytes = Buffer.from(`"${text}"`)
  return textKind(bytes, 0, bytes.length)
}
const expected = (text: string) => (isIsoDate(text) ? KIND.date : isIsoMoment(text) ? KIND.moment : KIND.text)

const two = (most: number) => fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(2, '0'))
const year = fc.oneof(fc.constantFrom('0000', '0001', '1900', '2000', '2024', '2026', '9999'), fc.nat(9999).map(String))
const date = fc
  .tuple(year, two(13), fc.oneof(two(32), fc.constantFrom('28', '29', '30', '31')))
  .map((parts) => parts.join('-'))
const fraction = fc.constantFrom('', '.', '.5', '.123456', '.1234567')
const offset = fc.oneof(
  fc.constantFrom(
    '',
    'Z',
    'z',
    '+',
    '+02',
    '-00:00',
    '+23:59',
    '-2359',
    '+24:00',
    '+00:60',
    '+1:00',
    'Z1',
    '+02:00:00',
  ),
  fc.tuple(fc.constantFrom('+', '-'), two(25), fc.constantFrom('', ':'), two(61)).map((parts) => parts.join('')),
)
const clock = fc
  .tuple(fc.constantFrom('T', 'T', ' ', 't', ''), two(25), two(61), two(61), fraction, offset)
  .map(([gap, hour, minute, second, part, zone]) => `${gap}${hour}:${minute}:${second}${part}${zone}`)
const text = fc.tuple(date, fc.oneof(fc.constantFrom('', ' ', 'T'), clock)).map((parts) => parts.join(''))

it('the kind of a text is that of its date or moment, whatever is near to one', () => {
  fc.assert(
    fc.property(text, (given) => {
      expect(kindOf(given), given).toBe(expected(given))
    }),
    { numRuns: runs(5000) },
  )
})

it('one character more, less or other makes the difference that it should', () => {
  const base = fc.constantFrom(
    '2024-02-29',
    '2026-08-03T10:20:30Z',
    '2026-08-03 10:20:30.123456+02:00',
    '0001-01-01T00:00:00+00:00',
  )
  const character = fc.constantFrom(...'0123456789-+:.TZ xé')
  fc.assert(
    fc.property(base, fc.nat(34), fc.nat(1), character, fc.boolean(), (given, at, removed, added, isAdded) => {
      const changed = given.slice(0, at) + (isAdded ? added : '') + given.slice(at + removed)
      expect(kindOf(changed), changed).toBe(expected(changed))
    }),
    { numRuns: runs(5000) },
  )
})
