import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventEnricher } from '../../lib/simulator/stores/event-enricher.ts'
import { firstViolation } from '../../lib/simulator/stores/import-rules.ts'
import { runs } from '../runs.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')

const id = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('ann', 'a-1', 'ü', 'x'.repeat(36)) },
  fc.constantFrom('', 'null', 'NULL', '-1', 'a b', 'x'.repeat(37), 'a\\b', 7, null, ['a'], undefined),
)
const time = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(NOW, NOW / 1000, NOW - 0.5, 1_767_225_600) },
  fc.constantFrom(0, -1, 1e300, NOW + 7_200_000, '2026-01-01', null, undefined),
)
const nested = fc.oneof(
  fc.constantFrom<unknown>([], {}, [[[1]]], [[[[1]]]], { a: { b: { c: 1 } } }, { a: { b: { c: { d: 1 } } } }, ['[{[{']),
  fc.nat(300).map((length) => Array(length).fill(1)),
  fc.jsonValue(),
)
const event = fc.record({
  event: fc.oneof({ weight: 5, arbitrary: fc.constant('Order') }, fc.constantFrom('', ' ', '$merge', 'a"b\\', 7, null)),
  properties: fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.record({ time, distinct_id: id, $insert_id: id, more: nested }), fc.dictionary(fc.string(), nested))
        .map(([known, others]) => ({ ...others, ...known })),
    },
    fc.constantFrom(null, [], 'x'),
  ),
})

describe('a line that passes the fast check', () => {
  it('breaks no rule, and is stored like a line that was parsed', () => {
    let passed = 0
    fc.assert(
      fc.property(event, fc.boolean(), (given, strict) => {
        const line = Buffer.from(`${JSON.stringify(given)}\n`)
        const value = JSON.parse(line.toString())
        const enricher = new EventEnricher()
        const enriched = enricher.enrichIfValid(line, NOW, { $import: 'true' })
        if (enriched === undefined) return
        passed++
        expect(firstViolation(value, line.length - 1, strict, NOW)).toBeUndefined()
        expect(enriched).toEqual(enricher.enrich(value.event, line, NOW, { $import: 'true' }))
      }),
      { numRuns: runs(2000) },
    )
    // The check must not reject everything.
    expect(passed).toBeGreaterThan(20)
  })

  it.each([
    '{"event":"e","properties":{"time":1767225600,"distinct_id":"a","$insert_id":"b"}}',
    '{"properties":{"$insert_id":"b","distinct_id":"","list":[{"a":1},2],"time":1767225600.5},"event":"e"}',
  ])('can be %s', (line) => {
    expect(new EventEnricher().enrichIfValid(Buffer.from(`${line}\n`), NOW, {})).toBeDefined()
  })

  it.each([
    '{"event":"e","properties":{"time":1767225600,"time":1,"distinct_id":"a","$insert_id":"b"}}',
    '{"event":"e","properties":{"time":1767225600,"distinct_id":"a","$insert_id":"b"}',
    '{"event":"e","time":1767225600,"properties":{"distinct_id":"a","$insert_id":"b"}}',
    '{"event":"$merge","properties":{"time":1767225600,"distinct_id":"a","$insert_id":"b"}}',
    '{}',
    '[]',
    '',
  ])('is never %s', (line) => {
    expect(new EventEnricher().enrichIfValid(Buffer.from(`${line}\n`), NOW, {})).toBeUndefined()
  })
})
