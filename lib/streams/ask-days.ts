import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Slice } from '../slices.ts'
import { addDays, dayInZone, earlier } from '../time/days.ts'
import type { StreamContext } from './stream.ts'

/**
 * Requests days, without those that Mixpanel reports to be in the future. Returns the result of
 * `read`, or undefined if all days are in the future. @throws MixloadError for any other failure
 * of the request.
 */
export async function askDays<T>(
  { ask, onProgress, zone }: StreamContext,
  stream: string,
  requested: Slice,
  requestOf: (slice: Slice) => ApiRequest,
  read: (body: Buffer) => T,
  signal: AbortSignal,
): Promise<T | undefined> {
  let slice = requested
  for (;;) {
    try {
      return await ask(requestOf(slice), read, signal)
    } catch (error) {
      if (!isFailure(error, 'DAY_IN_FUTURE')) throw error
      onProgress({ kind: 'slice-shortened', stream, slice, reason: error.message })
      const lastDay = earlier(addDays(slice.lastDay, -1), dayInZone(Date.now(), zone))
      if (lastDay < slice.firstDay) return undefined
      slice = { firstDay: slice.firstDay, lastDay }
    }
  }
}
