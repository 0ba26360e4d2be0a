import { isFailure } from '../core/errors.ts'
import type { ApiRequest } from '../mixpanel/client.ts'
import type { Slice } from '../slices.ts'
import { addDays, dayInZone, earlier } from '../time/days.ts'
import type { StreamContext } from './stream.ts'

/**
 * Asks for days, and where the last ones lie after the project's today, for those before. Gives
 * what `read` makes of the body; undefined where all days lie there.
 * @throws MixloadError of what the answer means otherwise.
 */
export async function askDays<T>(
  { ask, onProgress, zone }: StreamContext,
  stream: string,
  asked: Slice,
  requestOf: (slice: Slice) => ApiRequest,
  read: (body: Buffer) => T,
  signal: AbortSignal,
): Promise<T | undefined> {
  let slice = asked
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
