import type { MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import { type Endpoint, eventNameOf, type OutgoingRecord } from './endpoints.ts'
import { interpretResponse, type RecordError, type Verdict } from './response.ts'
import type { Sender } from './sender.ts'

/** How batches of an endpoint are sent. */
export interface DeliveryContext {
  readonly endpoint: Endpoint
  readonly sender: Pick<Sender, 'post' | 'disableCompression'>
  readonly signal: AbortSignal
  readonly retry: RetryPolicy
  readonly onRetry: (error: MixloadError, delayMs: number) => void
  /** Called with the bytes of a request that was too large, to make further ones smaller. */
  readonly onTooLarge: (bytes: number) => void
}

const IDENTITY_EVENTS = ['$identify', '$create_alias', '$merge']

/**
 * Sends a batch, again if that may help, and in halves if it is too large. Mixpanel accepted every
 * record for which it returns no error. Records stay the same over all attempts, so that an event
 * that arrives twice has the same `$insert_id`.
 * @throws MixloadError if it cannot be delivered; the signal's reason.
 */
export async function deliver(
  records: readonly OutgoingRecord[],
  context: DeliveryContext,
): Promise<readonly RecordError[]> {
  const { endpoint, sender, signal, retry, onRetry } = context
  const attempt = async (): Promise<Verdict> =>
    interpretResponse(endpoint, await sender.post(endpoint, records, signal), records.length)
  const verdict = await retrying(retry, signal, attempt, onRetry)
  switch (verdict.kind) {
    case 'processed':
      return verdict.errors
    case 'too-large': {
      if (records.length === 1) return [{ position: 0, reason: verdict.reason }]
      context.onTooLarge(records.reduce((sum, { bytes }) => sum + bytes, 0))
      const middle = Math.ceil(records.length / 2)
      const first = await deliver(records.slice(0, middle), context)
      const second = await deliver(records.slice(middle), context)
      return [...first, ...second.map((error) => ({ ...error, position: error.position + middle }))]
    }
    case 'gzip-rejected':
      sender.disableCompression()
      return deliver(records, context)
    case 'identity-events-rejected':
      return deliverWithoutIdentityEvents(records, verdict.reason, context)
  }
}

/** Sends a batch again without its identity events, because of which all of it was rejected. */
async function deliverWithoutIdentityEvents(
  records: readonly OutgoingRecord[],
  reason: string,
  context: DeliveryContext,
): Promise<readonly RecordError[]> {
  const isIdentityEvent = records.map((record) => IDENTITY_EVENTS.includes(eventNameOf(record)))
  const positions = [...records.keys()]
  const kept = positions.filter((position) => !isIdentityEvent[position])
  // Without an identity event to leave out, sending the same batch again would never end.
  const rejected =
    kept.length === records.length ? positions : positions.filter((position) => isIdentityEvent[position])
  const errors = rejected.map((position) => ({ position, reason }))
  if (rejected.length === records.length) return errors
  const remaining = records.filter((_, position) => !isIdentityEvent[position])
  const others = await deliver(remaining, context)
  return [...errors, ...others.map((error) => ({ ...error, position: kept[error.position] as number }))]
}
