import type { MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import { type Endpoint, eventNameOf, type OutgoingRecord } from './endpoints.ts'
import { interpretResponse, type RecordError, type Verdict } from './response.ts'
import type { Sender } from './sender.ts'

/** Mixpanel's advice for sending: wait two seconds, and double the wait up to a minute. */
export const INGEST_RETRIES: RetryPolicy = {
  retries: { NETWORK_FAILED: 10, SERVER_FAILED: 10, RATE_LIMITED: 60 },
  firstDelayMs: 2000,
  delayMaxMs: 60_000,
}

export interface DeliveryContext {
  readonly sender: Pick<Sender, 'post' | 'disableCompression'>
  readonly retry: RetryPolicy
  readonly onRetry: (error: MixloadError, delayMs: number) => void
  /** Called with the bytes of a request that was too large, to make further ones smaller. */
  readonly onTooLarge: (bytes: number) => void
}

/** A batch that was delivered: Mixpanel accepted every record that has no error. */
export interface Delivered {
  readonly errors: readonly RecordError[]
}

const IDENTITY_EVENTS = ['$identify', '$create_alias', '$merge']

/**
 * Sends a batch, again if that may help, and in halves if it is too large. Records stay the same
 * over all attempts, so that an event that arrives twice has the same `$insert_id`.
 * @throws MixloadError if it cannot be delivered; the signal's reason.
 */
export async function deliver(
  endpoint: Endpoint,
  records: readonly OutgoingRecord[],
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<Delivered> {
  const { sender, retry, onRetry } = context
  const attempt = async (): Promise<Verdict> =>
    interpretResponse(endpoint, await sender.post(endpoint, records, signal), records.length)
  const verdict = await retrying(retry, signal, attempt, onRetry)
  switch (verdict.kind) {
    case 'processed':
      return { errors: verdict.errors }
    case 'too-large': {
      if (records.length === 1) return { errors: [{ position: 0, reason: verdict.reason }] }
      context.onTooLarge(records.reduce((sum, { bytes }) => sum + bytes, 0))
      const middle = Math.ceil(records.length / 2)
      const first = await deliver(endpoint, records.slice(0, middle), context, signal)
      const second = await deliver(endpoint, records.slice(middle), context, signal)
      return { errors: [...first.errors, ...mapPositions(second.errors, (position) => position + middle)] }
    }
    case 'gzip-rejected':
      sender.disableCompression()
      return deliver(endpoint, records, context, signal)
    case 'identity-events-rejected':
      return deliverWithoutIdentityEvents(endpoint, records, verdict.reason, context, signal)
  }
}

/** Sends a batch again without its identity events, because of which all of it was rejected. */
async function deliverWithoutIdentityEvents(
  endpoint: Endpoint,
  records: readonly OutgoingRecord[],
  reason: string,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<Delivered> {
  const isIdentityEvent = records.map((record) => IDENTITY_EVENTS.includes(eventNameOf(record)))
  const positions = [...records.keys()]
  const kept = positions.filter((position) => !isIdentityEvent[position])
  // Without an identity event to leave out, sending the same batch again would never end.
  const rejected =
    kept.length === records.length ? positions : positions.filter((position) => isIdentityEvent[position])
  const errors = rejected.map((position) => ({ position, reason }))
  if (rejected.length === records.length) return { errors }
  const remaining = records.filter((_, position) => !isIdentityEvent[position])
  const delivered = await deliver(endpoint, remaining, context, signal)
  return { errors: [...errors, ...mapPositions(delivered.errors, (position) => kept[position] as number)] }
}

function mapPositions(errors: readonly RecordError[], map: (position: number) => number): readonly RecordError[] {
  return errors.map((error) => ({ ...error, position: map(error.position) }))
}
