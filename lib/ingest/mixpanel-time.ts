import { isInstant, numberOfText, toInstantText } from '../time/instants.ts'
import { invalidRecord } from './checks.ts'

/** A moment in any form that {@link toMixpanelTime} accepts. */
export type TimeInput = Date | string | number

/** Numbers below this are seconds: as milliseconds they would be before March 1973. */
const SECONDS_BELOW = 1e11

/** The last moment that a Date can hold. */
const MS_MAX = 8.64e15

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
  if (typeof time === 'number' && Number.isFinite(time) && time >= 0 && time <= MS_MAX) {
    return Number.isInteger(time) ? time : unambiguous(mixpanelTimeMs(time))
  }
  const rule = 'must be a Date, ISO 8601 text such as 2026-08-31T12:00:00Z, or seconds or milliseconds since 1970'
  throw invalidRecord(what, rule)
}

/** Early moments are sent in seconds, because Mixpanel would read their milliseconds as seconds. */
function unambiguous(ms: number): number {
  return ms < SECONDS_BELOW ? ms / 1000 : ms
}

/** Converts a number that Mixpanel accepts as a time to milliseconds since 1970. */
export function mixpanelTimeMs(time: number): number {
  return time < SECONDS_BELOW ? Math.round(time * 1000) : time
}
