import { DateTime } from 'luxon'
import { hasOffset, isInstant, toInstantText } from './instants.ts'

/**
 * The moment, in milliseconds since 1970, of a text such as `2026-02-15 12:00:00`; undefined if it
 * is not one. Without an offset it is local time in `zone`: the earlier moment if clocks go back
 * and it means two, and later by what clocks skip in spring.
 */
export function momentIn(text: string, zone: string): number | undefined {
  if (!isInstant(text)) return undefined
  if (hasOffset(text)) return Date.parse(toInstantText(text))
  const local = DateTime.fromISO(text.replace(' ', 'T'), { zone })
  return Math.min(...local.getPossibleOffsets().map((moment) => moment.toMillis()))
}
