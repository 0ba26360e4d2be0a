import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OrderedResults } from '../../lib/run/ordered-results.ts'
import type { StreamPlan } from '../../lib/run/stream-plan.ts'
import type { StreamResult } from '../../lib/run/tally.ts'

const planOf = (name: string) => ({ stream: { name } }) as unknown as StreamPlan
const resultOf = (stream: string) => ({ stream }) as unknown as StreamResult

it('reports results in the order of the plans, whichever is known first, and all that are known', () => {
  const names = fc.uniqueArray(fc.string(), { maxLength: 6 })
  const shuffled = names.chain((all) => fc.record({ all: fc.constant(all), known: fc.shuffledSubarray(all) }))
  fc.assert(
    fc.property(shuffled, ({ all, known }) => {
      const plans = all.map(planOf)
      const reported: string[] = []
      const results = new OrderedResults(plans, ({ stream }) => reported.push(stream))
      for (const [at, name] of known.entries()) {
        results.add(plans[all.indexOf(name)] as StreamPlan, resultOf(name))
        const firstMissing = all.findIndex((stream) => !known.slice(0, at + 1).includes(stream))
        expect(reported).toEqual(firstMissing < 0 ? all : all.slice(0, firstMissing))
      }
      results.end()
      const inOrder = all.filter((name) => known.includes(name))
      expect(reported).toEqual(inOrder)
      expect(results.all.map(({ stream }) => stream)).toEqual(inOrder)
    }),
  )
})
