import { DateTime } from 'luxon'
import { isInstant } from './instants.ts'

const HAS_OFFSET = /(?:Z|[+-]\d{2}:?\d{2})$/

/**
 * The moment of a text such as `2026-02-15 12:00:00` or `2023-01-15T12:00:00+01:00`, in
 * milliseconds since 1970; undefined if it is not a moment. Without an offset it is local time in
 * `zone`. When clocks go back and a local time means two moments, it is the earlier one. A local
 * time that clocks skip in spring counts as that much later.
 */
export function momentIn(text: string, zone: string): number | undefined {
  if (!isInstant(text)) return undefined
  const iso = text.replace(' ', 'T')
  // The dashes of a date look like an offset.
  if (iso.length > 10 && HAS_OFFSET.test(iso)) return DateTime.fromISO(iso, { zone: 'UTC' }).toMillis()
  const local = DateTime.fromISO(iso, { zone })
  return Math.min(...local.getPossibleOffsets().map((moment) => moment.toMillis()))
}
