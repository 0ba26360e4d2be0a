import { HOUR_MS, millisecondsOf } from '../time/instants.ts'

/** Why Mixpanel may not keep the time of an event. */
export type TimeDoubt = 'future' | 'early' | 'microseconds'

/** The doubts in words, after "the time is". */
export const TIME_DOUBTS: Readonly<Record<TimeDoubt, string>> = {
  future: 'more than an hour ahead',
  early: 'in 1970 or before',
  microseconds: 'too large for milliseconds, such as microseconds',
}

/** What follows from such a time. */
export const MAY_MOVE =
  'Mixpanel may reject such an event, or move it to the time of the import; then importing it again adds another one.'

/** The year 5138, which nobody means. Microseconds of today are beyond it. */
const MICROSECONDS_FROM = 1e14
const EARLY_UNTIL = Date.parse('1971-01-01T00:00:00Z')

/**
 * Whether Mixpanel may reject an event for its time or replace it by the time of the import: then
 * the event is another one each time it is imported. Undefined for a usual time.
 */
export function timeDoubt(time: number, nowMs: number): TimeDoubt | undefined {
  const ms = millisecondsOf(time)
  if (ms >= MICROSECONDS_FROM) return 'microseconds'
  if (ms > nowMs + HOUR_MS) return 'future'
  return ms < EARLY_UNTIL ? 'early' : undefined
}
