import { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteText } from '../../lib/core/sql.ts'
import {
  coversScope,
  EVERYTHING,
  exportScope,
  formatSelection,
  IS_NOTE,
  isNote,
  isSameScope,
  parseSelection,
  requestSelection,
  type Selection,
  scopeOf,
  WHOLE,
} from '../../lib/destination/selection.ts'

const events = fc.option(fc.array(fc.string({ unit: 'binary' })), { nil: undefined })
const since = fc.nat(2 ** 45)
const selections: fc.Arbitrary<Selection> = fc.oneof(
  events.map((names) => requestSelection(exportScope(names))),
  fc.tuple(events, since).map(([names, moment]) => requestSelection(exportScope(names), moment)),
  fc.record({
    kind: fc.constant('file' as const),
    file: fc.string({ unit: 'binary' }),
    bytes: fc.maxSafeNat(),
    sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  }),
  fc.record({ kind: fc.constant('held-back' as const), table: fc.string(), before: fc.nat(), after: fc.nat() }),
)

describe('a selection in the ledger', () => {
  it.each<readonly [text: string, selection: Selection]>([
    ['', EVERYTHING],
    ['{"events":["A","B"]}', { kind: 'complete', scope: { events: ['A', 'B'] } }],
    ['{"events":[]}', { kind: 'complete', scope: { events: [] } }],
    ['{"late_since":1785000000000}', { kind: 'late', scope: {}, since: 1_785_000_000_000 }],
    ['{"events":["A"],"late_since":0}', { kind: 'late', scope: { events: ['A'] }, since: 0 }],
    ['{"held_back":"export","before":9,"after":2}', { kind: 'held-back', table: 'export', before: 9, after: 2 }],
    ['{"upgrade_to":3}', { kind: 'upgrade', form: 3, isAgain: false }],
    ['{"tidied":7}', { kind: 'tidy', removed: 7 }],
    ['{"again_to":3}', { kind: 'upgrade', form: 3, isAgain: true }],
    ['{"file":"a","bytes":1,"sha256":"x"}', { kind: 'file', file: 'a', bytes: 1, sha256: 'x' }],
    ['{"events":["\\"late_since\\":1"]}', { kind: 'complete', scope: { events: ['"late_since":1'] } }],
    [
      '{"file":"\\"late_since\\":1","bytes":1,"sha256":"x"}',
      { kind: 'file', file: '"late_since":1', bytes: 1, sha256: 'x' },
    ],
  ])('of %j is read and written exactly', (text, selection) => {
    expect(parseSelection(text)).toEqual(selection)
    expect(formatSelection(selection)).toBe(text)
  })

  it('comes back from its text', () => {
    fc.assert(
      fc.property(selections, (selection) => {
        expect(parseSelection(formatSelection(selection))).toEqual(selection)
      }),
    )
  })

  it('is a note in SQL if it is one', async () => {
    const texts = ['{"upgrade_to":3}', '{"held_back":"export","before":9,"after":2}', '', '{"events":["upgrade_to"]}']
    const connection = await DuckDBConnection.create()
    const rows = texts.map((text) => `(${quoteText(text)})`).join(', ')
    const found = await connection.runAndReadAll(`SELECT ${IS_NOTE} FROM (VALUES ${rows}) AS loads (selection)`)
    connection.closeSync()
    expect(found.getRows().flat()).toEqual(texts.map((text) => isNote(parseSelection(text))))
    expect(found.getRows().flat()).toEqual([true, true, false, false])
  })

  it('keeps its text whatever it is', () => {
    const key = fc.constantFrom('events', 'late_since', 'file', 'bytes', 'sha256', 'later', '__proto__')
    const value = fc.oneof(
      fc.constantFrom(null, 1, 1.5, -0, 'x', '', true),
      fc.array(fc.constantFrom('A', 'B', 1, null)),
    )
    const objects = fc.array(fc.tuple(key, value)).map((entries) => JSON.stringify(Object.fromEntries(entries)))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), objects), (text) => {
        expect(formatSelection(parseSelection(text))).toBe(text)
      }),
    )
  })

  it.each([
    '{',
    'null',
    '[]',
    '{}',
    '"A"',
    ' ',
    // Each of these is close to a text of this version.
    '{"events":["B","A"]}',
    '{"events": ["A"]}',
    '{"events":"A"}',
    '{"events":[1]}',
    '{"events":null}',
    '{"late_since":"1"}',
    '{"late_since":1,"events":["A"]}',
    '{"events":["A"],"where":"x"}',
    '{"file":"a","bytes":1}',
    '{"held_back":"export","before":9}',
    '{"held_back":"export","after":2,"before":9}',
    '{"file":"a","bytes":1,"sha256":"x","rows":1}',
  ])('that this version does not write, such as %j, is unknown and has no scope', (text) => {
    expect(parseSelection(text)).toEqual({ kind: 'unknown', text })
    expect(scopeOf(parseSelection(text))).toBeUndefined()
  })
})

describe('a scope', () => {
  it('is the same whatever the order of its events', () => {
    expect(isSameScope(exportScope(['A', 'B']), exportScope(['B', 'A']))).toBe(true)
    expect(isSameScope(exportScope(['A']), exportScope(['A', 'B']))).toBe(false)
    expect(isSameScope(exportScope([]), WHOLE)).toBe(false)
  })

  it('is covered by itself and by the whole, and by nothing else', () => {
    const scope = exportScope(['A'])
    expect([WHOLE, scope].map((loaded) => coversScope(loaded, scope))).toEqual([true, true])
    expect([exportScope(['A', 'B']), exportScope([])].map((loaded) => coversScope(loaded, scope))).toEqual([
      false,
      false,
    ])
    expect([WHOLE, scope].map((loaded) => coversScope(loaded, WHOLE))).toEqual([true, false])
  })

  it('is that of requests, for late arrivals too', () => {
    const scope = exportScope(['A'])
    expect(scopeOf(requestSelection(scope))).toBe(scope)
    expect(scopeOf(requestSelection(scope, 1))).toBe(scope)
    expect(scopeOf({ kind: 'file', file: 'a', bytes: 1, sha256: 'x' })).toBeUndefined()
  })
})
