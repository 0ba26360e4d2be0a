import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'
import type { DestinationDriver } from '../../lib/destination/contract.ts'
import { DRIVER_CALLS, type DriverCall, intercepted } from '../destination/intercepted.ts'

/** The calls that can be made to fail. A failure to comment is only a warning. */
export const CALLS = DRIVER_CALLS.filter((name) => name !== 'query' && !name.endsWith('Comments'))
export type Call = (typeof CALLS)[number]

/** What happens to one call of a driver. */
export interface Failure {
  readonly call: Call
  /** Which of them, counted from 1. */
  readonly nth: number
  /** Whether it fails before or after the call has its effect. */
  readonly when: 'before' | 'after'
  /** `killed`: every later call fails, as if the process had ended. */
  readonly code: ErrorCode | 'killed'
}

/** A process that is killed catches nothing; in a test, something has to be thrown. */
export class Killed extends Error {}

/** The same driver, with calls that fail as planned. */
export function failingDriver(driver: DestinationDriver, failures: readonly Failure[]): DestinationDriver {
  const counts = new Map<DriverCall['name'], number>()
  let isDead = false

  const thrown = ({ call, nth, when, code }: Failure): Error => {
    if (code !== 'killed') return new MixloadError(code, `Call ${nth} of ${call} was made to fail ${when} its effect.`)
    isDead = true
    return new Killed()
  }
  return intercepted(driver, async ({ name }, work) => {
    if (isDead) throw new Killed()
    const nth = (counts.get(name) ?? 0) + 1
    counts.set(name, nth)
    const failure = failures.find((failure) => failure.call === name && failure.nth === nth)
    if (failure?.when === 'before') throw thrown(failure)
    const result = await work()
    if (failure?.when === 'after') throw thrown(failure)
    return result
  })
}
