import { IANAZone } from 'luxon'
import { MixloadError } from '../../core/errors.ts'
import { DAY_MS, isDay, isZone, startOfDay } from '../../time/days.ts'
import { FILE_CLOCK } from '../../time/event-time.ts'
import type { SimulatorOptions } from './options.ts'

/** Time zones change their offset at full quarters of an hour only, so a quarter has one offset. */
const OFFSET_SPAN_MS = 900_000

/** How many offsets are cached: those of about thirty years. */
const OFFSETS_MAX = 1_000_000

type ClockOptions = Pick<SimulatorOptions, 'timezone' | 'legacyTime' | 'today'>

/** The time rules of a project. Days are numbers since 1970-01-01, moments UTC milliseconds. */
export interface ProjectClock {
  /** IANA name. */
  readonly timezone: string
  readonly legacyTime: boolean
  /** UTC milliseconds, shifted if the simulator has a fixed `today`. */
  now(): number
  /** The current day in the project: the last day that can be exported. */
  today(): number
  /** The day on which an export lists a moment: local in a legacy project, otherwise UTC. */
  dayOf(utcMs: number): number
  /** The local time of a moment, in milliseconds as if it were UTC. */
  local(utcMs: number): number
  /** The `time` in an export, in milliseconds: local time in a legacy project, otherwise UTC. */
  exported(utcMs: number): number
}

/** Returns the clock of a project. Throws CONFIG_INVALID if the time zone is unknown. */
export function projectClock({ timezone = 'UTC', legacyTime = false, today }: ClockOptions): ProjectClock {
  if (!isZone(timezone)) {
    throw new MixloadError('CONFIG_INVALID', `timezone: ${timezone} is not an IANA time zone`)
  }
  const offset = offsetReader(timezone)
  const local = (utcMs: number) => utcMs + offset(utcMs)
  const localDay = (utcMs: number) => Math.floor(local(utcMs) / DAY_MS)
  const fixed = dayNumberIn(today ?? '')
  if (today !== undefined && fixed === undefined) {
    throw new MixloadError('CONFIG_INVALID', `today: ${today} is not a day. Write yyyy-mm-dd.`)
  }
  const shift = fixed === undefined ? 0 : (fixed - localDay(Date.now())) * DAY_MS
  const now = () => Date.now() + shift
  return {
    timezone,
    legacyTime,
    now,
    today: () => fixed ?? localDay(now()),
    dayOf: legacyTime ? localDay : (utcMs) => Math.floor(utcMs / DAY_MS),
    local,
    exported: legacyTime ? local : (utcMs) => utcMs,
  }
}

/** Returns the number of a day given as `yyyy-mm-dd`; undefined if it does not exist. */
export function dayNumberIn(text: string): number | undefined {
  return isDay(text) ? startOfDay(text) / DAY_MS : undefined
}

/** Whether a number can be the time of an event: the moments of the years 1 to 9999. */
export function isEventTime(utcMs: number): boolean {
  return utcMs >= FILE_CLOCK.from && utcMs < FILE_CLOCK.until
}

/** Returns a function for the zone's offset in milliseconds, with a cache: Intl is slow. */
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
