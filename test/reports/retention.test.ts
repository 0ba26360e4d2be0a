import fc from 'fast-check'
import { describe } from 'vitest'
import { holdAgainst } from './against-oracles.ts'
import { averagesOf, type RetentionCase, retentionOf } from './retention-oracle.ts'
import { RANGES, STEPS } from './worlds.ts'

const CASES: fc.Arbitrary<RetentionCase> = fc
  .record({
    born: STEPS,
    returning: STEPS,
    criterion: fc.constantFrom('on', 'on_or_after', 'on_or_before'),
    mode: fc.constantFrom('rolling', 'calendar'),
    unit: fc.constantFrom('day', 'week', 'month'),
    periods: fc.integer({ min: 1, max: 5 }),
    brackets: fc.option(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), { nil: undefined }),
    first_time: fc.boolean(),
    complete_day: fc.option(fc.constantFrom('2018-03-13', '2018-11-06', '2019-01-10'), { nil: undefined }),
    range: RANGES,
  })
  .map(({ range, ...request }) => ({ ...request, ...range }))

describe('retention', () => {
  holdAgainst('retention', CASES, retentionOf)
  holdAgainst('retention_average', CASES, (events, zone, request) => averagesOf(retentionOf(events, zone, request)))
})
