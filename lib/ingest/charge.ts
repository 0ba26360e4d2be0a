import { invalidRecord } from './checks.ts'
import { mixpanelTimeMs, toMixpanelTime } from './mixpanel-time.ts'
import { checkProperties, LOOSE_LIMITS, type Properties } from './property-values.ts'

/** The profile property in which Mixpanel's libraries and its revenue report keep charges. */
export const CHARGES_PROPERTY = '$transactions'

/**
 * Returns a charge as an item of `$transactions`. `$time` in the properties may have any form that
 * the time of an event has. It defaults to now, so that a charge that is delivered later still
 * counts on its own day.
 * @throws MixloadError RECORD_INVALID naming what is wrong.
 */
export function chargeItem(amount: unknown, properties: unknown, now: number): Properties {
  if (typeof amount !== 'number' || !Number.isFinite(amount)) throw invalidRecord('amount', 'must be a number')
  const given = checkProperties(properties ?? {}, 'properties', LOOSE_LIMITS)
  const time = given.$time === undefined ? now : mixpanelTimeMs(toMixpanelTime(given.$time, 'properties.$time'))
  return { ...given, $time: new Date(time).toISOString(), $amount: amount }
}
