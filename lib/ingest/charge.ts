import { momentMs, sentTime } from './event-time.ts'
import { checkProperties, LOOSE_LIMITS, type Properties } from './property-values.ts'
import { invalid } from './refusal.ts'

/** The property of a profile in which Mixpanel's libraries, and its revenue report, keep what a person has paid. */
export const CHARGES = '$transactions'

/**
 * A charge as an item of `$transactions`: the amount, when it was, and whatever else is known of it. `$time` among the
 * properties may be any time that an event takes; it is now where left out, so that a charge that is delivered later
 * stays one of its own day.
 * @throws MixloadError RECORD_INVALID naming what is wrong.
 */
export function chargeItem(amount: unknown, properties: unknown, now: number): Properties {
  if (typeof amount !== 'number' || !Number.isFinite(amount)) throw invalid('amount', 'must be a number')
  const given = checkProperties(properties ?? {}, 'properties', LOOSE_LIMITS)
  const time = given.$time === undefined ? now : momentMs(sentTime(given.$time, 'properties.$time'))
  return { ...given, $time: new Date(time).toISOString(), $amount: amount }
}
