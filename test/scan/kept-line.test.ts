import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVENT_LINES, PROFILE_LINES } from '../../lib/columns/table.ts'
import { keptLine, shownLine } from '../../lib/scan/kept-line.ts'

const SECRET = 'secret@example.com'
const keeps = (property: string) => property !== '$email'
const kept = (text: string) => keptLine(text, EVENT_LINES, keeps)

/** Members of a line, some of them the excluded one, in any order and more than once. */
const member = fc.oneof(
  fc.constantFrom(
    `"$email":"${SECRET}"`,
    `"\\u0024email":"${SECRET}"`,
    `"properties":{"$email":"${SECRET}","a":1}`,
    `"properties":"${SECRET}"`,
    '"properties":{}',
    '"event":5',
    '"event":"A"',
    '"__proto__":1',
  ),
  fc.tuple(fc.string(), fc.jsonValue()).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`),
)

describe('what is kept of a line', () => {
  it('never has an excluded property, in any form of line', () => {
    fc.assert(
      fc.property(fc.array(member), fc.constantFrom('', ' ', ',', 'x'), fc.boolean(), (members, after, isList) => {
        const object = `{${members.join(',')}}`
        const line = (isList ? `[${object}]` : object) + after
        expect(kept(line) ?? '').not.toContain(SECRET)
        expect(shownLine(line, kept(line))).not.toContain(SECRET)
      }),
    )
  })

  it('is everything else, to the digit', () => {
    const line =
      '{"event":5,"properties":{"$email":"x","n":1.10,"id":12345678901234567890,"in":{"$email":1}},"top":[1]}'
    expect(kept(line)).toBe('{"event":5,"properties":{"n":1.10,"id":12345678901234567890,"in":{"$email":1}},"top":[1]}')
    const profile = '{"$distinct_id":null,"$properties":{"$email":"x","a":1}}'
    expect(keptLine(profile, PROFILE_LINES, keeps)).toBe('{"$distinct_id":null,"$properties":{"a":1}}')
  })

  it('is shown where it is what Mixpanel says', () => {
    const line = `{"event":"A","properties":{"$email":"${SECRET}"}}export terminated early`
    expect(shownLine(line, kept(line))).toBe('…export terminated early')
    expect(shownLine('{"error":"no"}', kept('{"error":"no"}'))).toBe('{"error":"no"}')
  })
})
