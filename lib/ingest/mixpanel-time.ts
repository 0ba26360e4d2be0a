import { isInstant, isMoment, millisecondsOf, numberOfText, SECONDS_BELOW, toInstantText } from '../time/instants.ts'
import { invalidRecord } from './checks.ts'

/** A moment in any form that {@link toMixpanelTime} accepts. */
export type TimeInput = Date | string | number

/**
 * Converts a moment to seconds or milliseconds since 1970. Whole numbers are returned unchanged.
 * Text must be such a number, or ISO 8601; without a time zone it is UTC.
 * Throws RECORD_INVALID, naming `what`.
 */
export function toMixpanelTime(time: unknown, what: string): number {
  if (time instanceof Date) {
    if (Number.isNaN(time.getTime())) throw invalidRecord(what, 'is an invalid Date')
    return unambiguous(time.getTime())
  }
  const number = typeof time === 'string' ? numberOfText(time) : undefined
  if (number !== undefined) return toMixpanelTime(number, what)
  if (typeof time === 'string' && isInstant(time.trim())) return unambiguous(Date.parse(toInstantText(time.trim())))
  if (typeof time === 'number' && time >= 0 && isMoment(time)) {
    return Number.isInteger(time) ? time : unambiguous(millisecondsOf(time))
  }
  const rule = 'must be a Date, ISO 8601 text such as 2026-08-31T12:00:00Z, or seconds or milliseconds since 1970'
  throw invalidRecord(what, rule)
}

/** Early moments are sent in seconds, because Mixpanel would read their milliseconds as seconds. */
function unambiguous(ms: number): number {
  return ms < SECONDS_BELOW ? ms / 1000 : ms
}
