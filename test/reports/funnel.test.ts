import { describe } from 'vitest'
import { holdAgainst } from './against-oracles.ts'
import { attemptsOf } from './funnel-oracle.ts'
import { FUNNEL_WORLDS, FUNNELS } from './funnel-worlds.ts'

describe('a funnel', () => {
  holdAgainst('funnel_attempts', FUNNELS, attemptsOf, {}, FUNNEL_WORLDS)
})
