import fc from 'fast-check'
import { describe } from 'vitest'
import { holdAgainst } from './against-oracles.ts'
import type { Unit } from './clock.ts'
import { activeUsersOf, attributionOf, frequencyOf, revenueOf, revenuePerPersonOf } from './counts-oracles.ts'
import { RANGES, STEPS } from './worlds.ts'

const UNITS: fc.Arbitrary<Unit> = fc.constantFrom('day', 'week', 'month')

/** Cases with a range. */
const ranged = <C extends object>(cases: fc.Arbitrary<C>) =>
  fc.tuple(cases, RANGES).map(([request, range]) => ({ ...request, ...range }))

describe('reports of counts', () => {
  holdAgainst(
    'active_users',
    ranged(fc.record({ step: STEPS, measure: fc.constantFrom('unique', 'dau', 'wau', 'mau'), unit: UNITS })),
    activeUsersOf,
  )
  holdAgainst(
    'frequency',
    ranged(
      fc.record({
        ...{ step: STEPS, unit: UNITS, is_cumulative: fc.boolean() },
        interval: fc.option(fc.constantFrom('hour', 'day'), { nil: undefined }),
      }),
    ),
    frequencyOf,
  )
  holdAgainst('revenue', ranged(fc.record({ step: STEPS, active: STEPS, unit: UNITS })), revenueOf, {
    amount: 'amount',
  })
  holdAgainst('revenue_per_person', ranged(fc.record({ step: STEPS })), revenuePerPersonOf, { amount: 'amount' })
  holdAgainst(
    'attribution',
    ranged(
      fc.record({
        conversion: STEPS,
        touchpoint: STEPS,
        model: fc.constantFrom('first_touch', 'last_touch'),
        lookback_days: fc.constantFrom(1, 7, 30),
        count_by: fc.constantFrom('total', 'first', 'last'),
        unit: fc.option(UNITS, { nil: undefined }),
      }),
    ),
    attributionOf,
    { property: 'plan', amount: 'amount' },
  )
})
