import { IANAZone } from 'luxon'
import { MixloadError } from '../../core/errors.ts'

export const MS_PER_DAY = 86_400_000

/** The first and the last millisecond that a `yyyy-mm-dd` of four digits can name. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Every zone of today changes its offset on a quarter of an hour, so one offset holds for one quarter. */
const OFFSET_SPAN_MS = 900_000

/** Remembered offsets: some thirty years of quarters. */
const OFFSETS_MAX = 1_000_000

/** Mixpanel's time rules for one project. Days are counted from 1970-01-01, moments are true UTC milliseconds. */
export interface ProjectClock {
  /** IANA name. */
  readonly timezone: string
  readonly legacyTime: boolean
  /** UTC milliseconds; moved when the simulator was given a `today` of its own. */
  now(): number
  /** The project's calendar day: the last one that an export may ask for. */
  today(): number
  /** The day under which an export lists this moment: local in a legacy project, else UTC. */
  dayOf(utcMs: number): number
  /** The project's wall clock at this moment, in milliseconds as if it were UTC. */
  local(utcMs: number): number
  /** The `time` that an export writes, in milliseconds: the local wall clock read as UTC in a legacy project. */
  exported(utcMs: number): number
}

export interface ClockOptions {
  readonly timezone: string
  /** Projects made before 2023 export local wall-clock times. */
  readonly legacyTime: boolean
  /** `yyyy-mm-dd`; the real day in the project's zone when left out. */
  readonly today?: string | undefined
}

/**
 * The clock of a project.
 * @throws MixloadError CONFIG_INVALID where the zone is unknown.
 */
export function projectClock({ timezone, legacyTime, today }: ClockOptions): ProjectClock {
  if (!IANAZone.isValidZone(timezone)) {
    throw new MixloadError('CONFIG_INVALID', `timezone: ${timezone} is not an IANA time zone`)
  }
  const offset = offsetReader(timezone)
  const local = (utcMs: number) => utcMs + offset(utcMs)
  const localDay = (utcMs: number) => Math.floor(local(utcMs) / MS_PER_DAY)
  const fixed = today === undefined ? undefined : dayNumber(today)
  if (today !== undefined && fixed === undefined) {
    throw new MixloadError('CONFIG_INVALID', `today: ${today} is not a day; write yyyy-mm-dd`)
  }
  const moved = fixed === undefined ? 0 : (fixed - localDay(Date.now())) * MS_PER_DAY
  const now = () => Date.now() + moved
  return {
    timezone,
    legacyTime,
    now,
    today: () => fixed ?? localDay(now()),
    dayOf: legacyTime ? localDay : (utcMs) => Math.floor(utcMs / MS_PER_DAY),
    local,
    exported: legacyTime ? local : (utcMs) => utcMs,
  }
}

/** A day as `yyyy-mm-dd`. */
export function dayText(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10)
}

/** The day of a `yyyy-mm-dd`, or nothing when the calendar does not have it. */
export function dayNumber(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined
  const ms = Date.parse(`${text}T00:00:00Z`)
  // Date.parse makes March of February 30.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined
  return ms / MS_PER_DAY
}

/** Whether a number can be a moment of an event at all. */
export function isMoment(utcMs: number): boolean {
  return utcMs >= FIRST_MS && utcMs <= LAST_MS
}

/** The zone's offset in milliseconds. luxon asks Intl, which takes microseconds, so answers are kept. */
function offsetReader(timezone: string): (utcMs: number) => number {
  const zone = IANAZone.create(timezone)
  const known = new Map<number, number>()
  return (utcMs) => {
    const span = Math.floor(utcMs / OFFSET_SPAN_MS)
    let offset = known.get(span)
    if (offset === undefined) {
      if (known.size >= OFFSETS_MAX) known.clear()
      offset = zone.offset(span * OFFSET_SPAN_MS) * 60_000
      known.set(span, offset)
    }
    return offset
  }
}
