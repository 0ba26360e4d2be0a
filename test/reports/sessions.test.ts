import fc from 'fast-check'
import { describe } from 'vitest'
import { holdAgainst } from './against-oracles.ts'
import { sessionCountsOf, sessionsOf } from './sessions-oracle.ts'
import { RANGES, STEPS } from './worlds.ts'

const CASES = fc
  .record({
    session_by: fc.constantFrom('timeout', 'timeout', 'property', 'event'),
    timeout_minutes: fc.constantFrom(1, 30, 720),
    start: STEPS,
    end: STEPS,
    resets_at_midnight: fc.boolean(),
    excluded_events: fc.constantFrom([], ["it's"], ['C', "it's"]),
    with_system_events: fc.boolean(),
    range: RANGES,
  })
  .map(({ range, ...request }) => ({ ...request, ...range }))

describe('sessions', () => {
  holdAgainst('sessions', CASES, sessionsOf, { property: 'plan' })
  holdAgainst(
    'session_counts',
    fc.tuple(CASES, fc.constantFrom('day', 'week', 'month')).map(([request, unit]) => ({ ...request, unit }) as const),
    sessionCountsOf,
    { property: 'plan' },
  )
})
