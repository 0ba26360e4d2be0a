import type { MixloadError } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import { type RecordFault, readAnswer, type Verdict } from './answers.ts'
import { type Endpoint, eventNameOf, type Outgoing } from './endpoints.ts'
import type { Sender } from './sender.ts'

/** Mixpanel's advice for sending: two seconds, doubled up to a minute. */
export const INGEST_RETRIES: RetryPolicy = {
  retries: { NETWORK_FAILED: 10, SERVER_FAILED: 10, RATE_LIMITED: 60 },
  firstDelayMs: 2000,
  delayMaxMs: 60_000,
}

export interface DeliveryContext {
  readonly sender: Pick<Sender, 'post' | 'packNoMore'>
  readonly retry: RetryPolicy
  readonly onRetry: (error: MixloadError, delayMs: number) => void
  /** Told the bytes of a request that was too large, so that the next ones are smaller from the start. */
  readonly onTooLarge: (bytes: number) => void
}

/** What became of a batch: every record without a fault was taken. */
export interface Delivered {
  readonly faults: readonly RecordFault[]
}

const IDENTITY_EVENTS = ['$identify', '$create_alias', '$merge']

/**
 * Sends a batch, again where that may help, and in halves where it is too large. The records stay as they are over all
 * tries, so that an event that arrives twice has one `$insert_id`.
 * @throws MixloadError where it can't be delivered; the signal's reason.
 */
export async function deliver(
  endpoint: Endpoint,
  records: readonly Outgoing[],
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<Delivered> {
  const { sender, retry, onRetry } = context
  const attempt = async (): Promise<Verdict> =>
    readAnswer(endpoint, await sender.post(endpoint, records, signal), records.length)
  const verdict = await retrying(retry, signal, attempt, onRetry)
  switch (verdict.kind) {
    case 'taken':
      return { faults: verdict.faults }
    case 'too-large': {
      if (records.length === 1) return { faults: [{ position: 0, reason: verdict.reason }] }
      context.onTooLarge(records.reduce((sum, { bytes }) => sum + bytes, 0))
      const middle = Math.ceil(records.length / 2)
      const first = await deliver(endpoint, records.slice(0, middle), context, signal)
      const second = await deliver(endpoint, records.slice(middle), context, signal)
      return { faults: [...first.faults, ...moved(second.faults, (position) => position + middle)] }
    }
    case 'gzip-refused':
      sender.packNoMore()
      return deliver(endpoint, records, context, signal)
    case 'verbs-refused':
      return withoutVerbs(endpoint, records, verdict.reason, context, signal)
  }
}

/** Sends a batch again without its identity events, for which none of it was taken. */
async function withoutVerbs(
  endpoint: Endpoint,
  records: readonly Outgoing[],
  reason: string,
  context: DeliveryContext,
  signal: AbortSignal,
): Promise<Delivered> {
  const positions = records.map((_, position) => position)
  const isVerb = (position: number) => IDENTITY_EVENTS.includes(eventNameOf(records[position] as Outgoing))
  const others = positions.filter((position) => !isVerb(position))
  const verbs = positions.filter(isVerb)
  // Where there is none to leave out, sending the same again would go on for ever.
  const refused = verbs.length === 0 ? positions : verbs
  const faults = refused.map((position) => ({ position, reason }))
  if (verbs.length === 0 || others.length === 0) return { faults }
  const rest = others.map((position) => records[position] as Outgoing)
  const delivered = await deliver(endpoint, rest, context, signal)
  return { faults: [...faults, ...moved(delivered.faults, (position) => others[position] as number)] }
}

function moved(faults: readonly RecordFault[], to: (position: number) => number): readonly RecordFault[] {
  return faults.map((fault) => ({ ...fault, position: to(fault.position) }))
}
