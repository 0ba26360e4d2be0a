import { DateTime } from 'luxon'
import { isInstant } from './instants.ts'

const HAS_OFFSET = /(?:Z|[+-]\d{2}:?\d{2})$/

/**
 * The moment, in milliseconds since 1970, of a text such as `2026-02-15 12:00:00`; undefined if it
 * is not one. Without an offset it is local time in `zone`: the earlier moment if clocks go back
 * and it means two, and later by what clocks skip in spring.
 */
export function momentIn(text: string, zone: string): number | undefined {
  if (!isInstant(text)) return undefined
  const iso = text.replace(' ', 'T')
  // The dashes of a date look like an offset.
  if (iso.length > 10 && HAS_OFFSET.test(iso)) return DateTime.fromISO(iso, { zone: 'UTC' }).toMillis()
  const local = DateTime.fromISO(iso, { zone })
  return Math.min(...local.getPossibleOffsets().map((moment) => moment.toMillis()))
}
