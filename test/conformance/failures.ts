import { expect } from 'vitest'
import { type ErrorCode, MixloadError } from '../../lib/core/errors.ts'

/** The MixloadError of what must fail. */
export async function failureOf(work: Promise<unknown>): Promise<MixloadError> {
  const outcome = await work.then(
    () => 'no failure',
    (error: unknown) => error,
  )
  expect(outcome).toBeInstanceOf(MixloadError)
  return outcome as MixloadError
}

export async function expectFailure(work: Promise<unknown>, code: ErrorCode): Promise<MixloadError> {
  const failure = await failureOf(work)
  expect(failure.code, failure.message).toBe(code)
  return failure
}
