import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENGAGE_STREAM } from '../../lib/streams/engage.ts'
import { type SimulatedProject, simulatedProject } from './simulated.ts'

let project: SimulatedProject
beforeEach(async () => {
  project = await simulatedProject({})
})
afterEach(async () => {
  await project[Symbol.asyncDispose]()
})

const run = () => project.run(ENGAGE_STREAM, { settings: { engageHistory: true, maxRemoved: '100%' } })
const history = (columns: string) =>
  project.workshop.rows(`SELECT distinct_id, ${columns} FROM engage_history ORDER BY distinct_id, valid_from`)

describe('the history of profiles', () => {
  it('has a row for each state of each profile, with the time it held', async () => {
    const { profiles } = project.simulator
    profiles.set('ann', { plan: 'free', seats: 1 })
    profiles.set('bob', { plan: 'free' })
    await run()
    expect(await history('plan, valid_to')).toEqual([
      { distinct_id: 'ann', plan: 'free', valid_to: null },
      { distinct_id: 'bob', plan: 'free', valid_to: null },
    ])
    profiles.set('ann', { plan: 'pro', seats: 1, since: '2026' })
    profiles.delete('bob')
    profiles.set('cid', { plan: null })
    await run()
    profiles.set('bob', { plan: 'free' })
    await run()
    const found = await history('plan, seats, since, valid_from, valid_to')
    expect(found.map(({ distinct_id, plan, seats, since }) => [distinct_id, plan, seats, since])).toEqual([
      ['ann', 'free', 1, null],
      ['ann', 'pro', 1, '2026'],
      ['bob', 'free', null, null],
      ['bob', 'free', null, null],
      ['cid', null, null, null],
    ])
    const [annFree, annPro, bobFirst, bobAgain, cid] = found
    expect(annFree?.valid_to).toEqual(annPro?.valid_from)
    expect(annPro?.valid_to).toBeNull()
    expect(Number(bobAgain?.valid_from)).toBeGreaterThan(Number(bobFirst?.valid_to))
    expect([bobAgain?.valid_to, cid?.valid_to]).toEqual([null, null])
    // What is current is what the profiles are.
    expect(
      await project.workshop.rows('SELECT distinct_id, plan FROM engage_history WHERE valid_to IS NULL ORDER BY 1'),
    ).toEqual(await project.workshop.rows('SELECT distinct_id, plan FROM engage ORDER BY 1'))
  })

  it('does not grow if nothing has changed', async () => {
    project.simulator.profiles.set('ann', { plan: 'free', tags: ['a', 'b'], big: 1.5, more: { deep: [1, null] } })
    await run()
    await run()
    expect(await history('plan')).toHaveLength(1)
    expect(await project.workshop.destination.ledger('engage_changes')).toHaveLength(1)
  })

  it('begins with no profiles, or with profiles that have no properties', async () => {
    await run()
    expect(await project.workshop.destination.ledger('engage_changes')).toEqual([])
    project.simulator.profiles.set('ann', {})
    await run()
    project.simulator.profiles.set('ann', { plan: null })
    await run()
    project.simulator.profiles.set('ann', { plan: 'pro' })
    await run()
    expect(await history('plan')).toEqual([
      { distinct_id: 'ann', plan: null },
      { distinct_id: 'ann', plan: 'pro' },
    ])
  })

  it('ends with each profile gone if all of them are', async () => {
    project.simulator.profiles.set('ann', { plan: 'pro' })
    await run()
    project.simulator.profiles.delete('ann')
    await run()
    await run()
    expect(await history('valid_to IS NULL AS is_current')).toEqual([{ distinct_id: 'ann', is_current: false }])
    expect(await project.workshop.destination.ledger('engage_changes')).toHaveLength(2)
  })

  it('keeps apart properties that are named like its own columns', async () => {
    project.simulator.profiles.set('ann', { valid_from: 'long ago', _change: 'x', _hash: 'y', plan: 1 })
    await run()
    project.simulator.profiles.set('ann', { valid_from: 'long ago', _change: 'x', _hash: 'z', plan: 'text' })
    await run()
    expect(await history('valid_from_2, _hash_2, plan, plan__text')).toEqual([
      { distinct_id: 'ann', valid_from_2: 'long ago', _hash_2: 'y', plan: 1, plan__text: null },
      { distinct_id: 'ann', valid_from_2: 'long ago', _hash_2: 'z', plan: null, plan__text: 'text' },
    ])
  })

  it('catches up after a run that ended before it was written', async () => {
    project.simulator.profiles.set('ann', { plan: 'free' })
    await run()
    project.simulator.profiles.set('ann', { plan: 'pro' })
    await project.run(ENGAGE_STREAM)
    expect(await history('plan')).toHaveLength(1)
    await run()
    expect(await history('plan')).toEqual([
      { distinct_id: 'ann', plan: 'free' },
      { distinct_id: 'ann', plan: 'pro' },
    ])
  })

  it('catches up after a run that ended before the view existed, even if nothing has changed since', async () => {
    project.simulator.profiles.set('ann', { plan: 'free' })
    await run()
    await project.workshop.rows('DROP VIEW engage_history')
    await run()
    expect(await history('plan')).toEqual([{ distinct_id: 'ann', plan: 'free' }])
  })
})
