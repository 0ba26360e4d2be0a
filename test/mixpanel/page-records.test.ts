import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { profilePage } from '../../lib/mixpanel/page-records.ts'
import { runs } from '../runs.ts'

const WHAT = { what: 'Page 0 of engage' }

/** JSON of a value, with white space between its tokens, line breaks among it. */
function spaced(json: string, space: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) =>
    token.length === 1 ? `${space}${token}${space}` : token,
  )
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '"', '\\', '\\"', '}', ']', '{', '\n', '\u2028', '\ud800', '😀', '"results":['),
)
const json = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }).map((value) => JSON.stringify(value))
const id = fc.oneof(
  text.map((value) => ({ sent: JSON.stringify(value), read: JSON.stringify(value) })),
  fc
    .constantFrom('0', '-7', '9007199254740993', '1.50', '1e3')
    .map((number) => ({ sent: number, read: `"${number}"` })),
)
const properties = fc
  .array(fc.tuple(text, json), { maxLength: 5 })
  .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`)
const profile = fc.record({
  id,
  properties,
  others: fc.array(fc.tuple(fc.constantFrom('$group_id', 'x', '$distinct', 'results'), json), { maxLength: 2 }),
  idFirst: fc.boolean(),
})
const envelope = fc.dictionary(
  fc.constantFrom('page', 'total', 'session_id', 'status', 'more'),
  fc.jsonValue({ maxDepth: 2 }),
)
const space = fc.constantFrom('', ' ', '\n', '\r\n\t')

type Profile = typeof profile extends fc.Arbitrary<infer T> ? T : never

function sentOf({ id, properties, others, idFirst }: Profile): string {
  const both = [`"$distinct_id":${id.sent}`, `"$properties":${properties}`]
  const members = [...(idFirst ? both : both.reverse()), ...others.map(([key, value]) => `"${key}":${value}`)]
  return `{${members.join(',')}}`
}

function pageOf(results: readonly string[], around: object, at: number): string {
  const members = Object.entries(around).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  members.splice(at % (members.length + 1), 0, `"results":[${results.join(',')}]`)
  return `{${members.join(',')}}`
}

const linesOf = (lines: Buffer) => lines.toString().split('\n').slice(0, -1)
/** The same text where both differ only in white space between tokens. */
const compact = (line: string) => line.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, kept) => kept ?? '')

describe('a page of profiles', () => {
  it('becomes one line per profile, with id, properties and everything else unchanged', () => {
    fc.assert(
      fc.property(fc.array(profile, { maxLength: 6 }), envelope, fc.nat(9), space, (profiles, around, at, blank) => {
        const body = spaced(pageOf(profiles.map(sentOf), around, at), blank)
        const page = profilePage(Buffer.from(body), WHAT)
        expect(page.count).toBe(profiles.length)
        expect(page.envelope).toEqual(JSON.parse(JSON.stringify(around)))
        const lines = linesOf(page.lines)
        expect(lines.length).toBe(profiles.length)
        for (const [index, profile] of profiles.entries()) {
          const read = { ...profile, id: { ...profile.id, sent: profile.id.read } }
          expect(compact(lines[index] ?? '')).toBe(compact(Buffer.from(sentOf(read)).toString()))
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('is refused wherever it breaks off', () => {
    fc.assert(
      fc.property(
        fc.array(profile, { maxLength: 3 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (profiles, share) => {
          const body = Buffer.from(pageOf(profiles.map(sentOf), { total: 3, session_id: 'x' }, 1))
          const cut = body.subarray(0, Math.floor(body.length * share))
          expect(() => profilePage(cut, WHAT)).toThrow(expect.objectContaining({ code: 'BODY_TRUNCATED' }))
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('is read, or refused with a failure of mixload, whatever its bytes are', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      '"results"',
      '"$distinct_id"',
      '1',
      'null',
      ' ',
      '\n',
      'x',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const body = Buffer.from(pieces.join(''))
        try {
          const page = profilePage(body, WHAT)
          expect(linesOf(page.lines).length).toBe(page.count)
        } catch (error) {
          expect(error).toMatchObject({ name: 'MixloadError' })
        }
      }),
      { numRuns: runs(2000) },
    )
  })

  it('may have something else in the place of the properties', () => {
    const body = Buffer.from('{"results":[{"$distinct_id":"a","$properties":{"x":1},"y":2},{"$distinct_id":7}]}')
    const page = profilePage(body, { ...WHAT, insteadOfProperties: '"cohort_id":12' })
    expect(linesOf(page.lines)).toEqual([
      '{"$distinct_id":"a","$properties":{"cohort_id":12}}',
      '{"$distinct_id":"7","$properties":{"cohort_id":12}}',
    ])
  })

  it('may have profiles without properties', () => {
    const body = Buffer.from('{"results":[{"$distinct_id":"a"},{"$properties":null,"x":1,"$distinct_id":7}]}')
    expect(linesOf(profilePage(body, WHAT).lines)).toEqual([
      '{"$distinct_id":"a","$properties":{}}',
      '{"$properties":{},"x":1,"$distinct_id":"7"}',
    ])
  })

  it.each(['{"$properties":{"a":1}}', '{"$distinct_id":null,"$properties":{}}', '7', '"text"', 'null', '[1]'])(
    'keeps the result %s unchanged, for the rejects',
    (result) => {
      const page = profilePage(Buffer.from(`{"results":[${result}]}`), WHAT)
      expect(linesOf(page.lines)).toEqual([result])
      expect(page.count).toBe(1)
    },
  )

  it.each([
    ['{"error":"Timeout Error.","request":"/api"}', 'QUERY_TIMEOUT'],
    ['{"error":"Unable to authenticate request"}', 'CREDENTIALS_REFUSED'],
    ['{"error":"request for page in uncached query for params"}', 'SESSION_LOST'],
    ['{"error":"something new"}', 'REQUEST_REFUSED'],
    ['{"status":"ok"}', 'BODY_UNREADABLE'],
    ['{"results":{}}', 'BODY_UNREADABLE'],
    ['[]', 'BODY_UNREADABLE'],
    ['<html>Bad gateway</html>', 'BODY_UNREADABLE'],
    ['{"results":[]} more', 'BODY_UNREADABLE'],
    ['{"results":[{"$distinct_id":"a\nb"}]}', 'BODY_UNREADABLE'],
    ['', 'BODY_TRUNCATED'],
  ])('that is %j is %s', (body, code) => {
    expect(() => profilePage(Buffer.from(body), WHAT)).toThrow(expect.objectContaining({ code }))
  })
})
