import { isInstant, toInstantText } from '../time/instants.ts'
import { invalid } from './refusal.ts'

/** A moment as a caller may give it: see {@link sentTime}. */
export type Time = Date | string | number

/** Mixpanel takes seconds or milliseconds; below this a number is seconds (as milliseconds it would be March 1973). */
const SECONDS_BELOW = 1e11

/** The last moment that a Date can hold. */
const MS_MAX = 8.64e15

/**
 * A moment as Mixpanel takes it: a number of seconds or milliseconds since 1970. Whole numbers stay as they are, so that
 * what was given in seconds is sent in seconds; all else is sent in milliseconds. A text is ISO 8601, `yyyy-mm-dd` alone
 * too; without a zone it is UTC.
 * @throws MixloadError RECORD_INVALID, naming `what`.
 */
export function sentTime(time: unknown, what: string): number {
  if (time instanceof Date) {
    if (Number.isNaN(time.getTime())) throw invalid(what, 'is an invalid Date')
    return sentMs(time.getTime())
  }
  if (typeof time === 'string' && isInstant(time)) return sentMs(Date.parse(toInstantText(time)))
  if (typeof time === 'number' && Number.isFinite(time) && time >= 0 && time <= MS_MAX) {
    return Number.isInteger(time) ? time : sentMs(momentMs(time))
  }
  const rule = 'must be a Date, an ISO text such as 2026-08-31T12:00:00Z, or seconds or milliseconds since 1970'
  throw invalid(what, rule)
}

/** So early that as milliseconds it would be taken for seconds, a moment is sent in seconds. */
function sentMs(ms: number): number {
  return ms < SECONDS_BELOW ? ms / 1000 : ms
}

/** The milliseconds since 1970 that a sent number stands for. */
export function momentMs(sent: number): number {
  return sent < SECONDS_BELOW ? Math.round(sent * 1000) : sent
}
