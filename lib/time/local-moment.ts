import { DateTime } from 'luxon'
import { isInstant } from './instants.ts'

const HAS_OFFSET = /(?:Z|[+-]\d{2}:?\d{2})$/

/**
 * The moment, in milliseconds since 1970, that a text such as `2026-02-15 12:00:00` or `2023-01-15T12:00:00+01:00` tells;
 * undefined where it tells none. Without an offset it is a reading of the clock in `zone`: of two moments that it may
 * mean where clocks are put back, the earlier one; one that clocks skip in spring is taken as that much later.
 */
export function momentIn(text: string, zone: string): number | undefined {
  if (!isInstant(text)) return undefined
  const iso = text.replace(' ', 'T')
  // A day's own dashes look like an offset.
  if (iso.length > 10 && HAS_OFFSET.test(iso)) return DateTime.fromISO(iso, { zone: 'UTC' }).toMillis()
  const local = DateTime.fromISO(iso, { zone })
  return Math.min(...local.getPossibleOffsets().map((one) => one.toMillis()))
}
