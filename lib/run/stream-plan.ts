import { MixloadError } from '../core/errors.ts'
import type { DestinationCapabilities, LoadRecord } from '../destination/contract.ts'
import { WHOLE } from '../destination/selection.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { heldBackIn, withoutNotes } from '../load/held-back.ts'
import type { Settings } from '../settings.ts'
import { loadsLeft, planSliceDays, planSlices, type Slice, type StreamSlice, WHOLE_TABLE } from '../slices.ts'
import { exportStream } from '../streams/export.ts'
import { streamsOf } from '../streams/index.ts'
import type { Stream } from '../streams/stream.ts'
import { type Day, dayInZone, daysOf, earlier, later } from '../time/days.ts'
import { assertInOrder, type StreamsToLoad } from './choose-days.ts'
import { coverageOf, lateSlice } from './late-coverage.ts'
import { type DaysToRead, dayClock, daysToRead } from './project.ts'
import { type DayClock, exportDaysOf, wholeDays } from './whole-days.ts'

/** What a run reads of one stream. Decided by the settings and the ledger alone. */
export interface StreamPlan {
  readonly stream: Stream
  readonly ledger: readonly LoadRecord[]
  readonly clock: DayClock
  /** The days to read, in order; undefined if the whole table is copied. */
  readonly days: readonly Day[] | undefined
  readonly slices: readonly StreamSlice[]
  /** The requests for late arrivals, in slices that the destination takes. */
  readonly lateSlices: readonly Slice[]
  /** How many requests it takes; undefined if that is not known before the first run. */
  readonly requests: number | undefined
  /** How many rows a whole copy has, by the last load; undefined if there is none. */
  readonly rows?: number | undefined
}

/** What {@link planStreams} decides by. */
export interface Planning extends StreamsToLoad {
  readonly settings: Settings
  readonly destination: Pick<Warehouse, 'capabilities' | 'ledger'>
  readonly zone: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * Plans for the streams of the settings, in the order in which they are to run.
 * @throws MixloadError CONFIG_INVALID if no first day is known, or there are too many days.
 */
export async function planStreams(planning: Planning): Promise<readonly StreamPlan[]> {
  const { settings, destination, zone, now } = planning
  const streams = settings.streams.flatMap((name) => streamsOf(name, settings))
  assertAllowed(settings, streams)
  const days = daysToRead(settings, zone, now)
  assertInOrder(days.from, days.last)
  const firstEvents = await firstDayOfEvents(planning)
  const plans: StreamPlan[] = []
  for (const stream of streams) {
    const period = periodOf(planning, stream, days)
    plans.push(planStream(planning, stream, await destination.ledger(stream.name), period, firstEvents))
  }
  return plans
}

/** The days of a stream that a run may read. Without `from`, the ledger decides. */
interface Period {
  readonly from: Day | undefined
  readonly lastDay: Day
}

/**
 * The days that hold the project's days from `--from` to the last one. Days of events are cut in
 * UTC: west of Greenwich the last hours of a day are in the export of the next day, east of it the
 * first hours are in that of the day before. No day after the project's today is requested.
 */
function periodOf({ settings, zone, now }: Planning, { tables: [table] }: Stream, { from, last }: DaysToRead): Period {
  if (!table.lines.isTimed) return { from, lastDay: last }
  const clock = dayClock(zone, settings)
  const lastDay = exportDaysOf(last, clock).at(-1) ?? last
  return {
    from: from === undefined ? undefined : (exportDaysOf(from, clock)[0] ?? from),
    lastDay: earlier(lastDay, later(last, dayInZone(now, zone))),
  }
}

function assertAllowed(settings: Settings, streams: readonly Stream[]): void {
  if (streams.length === 0) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--streams groups: no groups are set. Name them in mixload.yaml, each with its data group id: groups: {company_id: "-123"}.',
    )
  }
  for (const { refusal } of streams) {
    const reason = refusal?.(settings)
    if (reason !== undefined) throw new MixloadError('CONFIG_INVALID', reason)
  }
}

/** The first whole day of the events, where other streams begin. */
async function firstDayOfEvents({ settings, destination, zone }: Planning): Promise<Day | undefined> {
  const events = exportStream(settings)
  return firstOf(wholeDaysOf(events, await destination.ledger(events.name), dayClock(zone, settings)))
}

/** The days of a stream that are whole in the ledger. */
export function wholeDaysOf(
  { scope = WHOLE }: Stream,
  ledger: readonly LoadRecord[],
  clock: DayClock,
): ReadonlySet<Day> {
  return wholeDays(ledger, scope, clock)
}

function planStream(
  planning: Planning,
  stream: Stream,
  ledger: readonly LoadRecord[],
  period: Period,
  firstEvents: Day | undefined,
): StreamPlan {
  const { lastDay } = period
  const { settings, destination, zone, choose, now } = planning
  const { capabilities } = destination
  const clock = dayClock(zone, settings)
  // A note requests nothing, so it says nothing about the next run.
  const last = withoutNotes(ledger).at(-1)
  const common = { stream, ledger, clock, lateSlices: [] }
  if (stream.replication === 'full-table') {
    return { ...common, days: undefined, slices: [WHOLE_TABLE], requests: last?.requestCount, rows: last?.rowCount }
  }
  const whole = wholeDaysOf(stream, ledger, clock)
  const from = period.from ?? firstOf(whole) ?? firstEvents
  const daysReadAgain = stream.daysReadAgain?.(settings) ?? settings.attributionWindow
  const held = settings.write === 'replace' ? heldBackIn(ledger) : []
  const heldBack = held
    .flatMap((part) => (part.firstDay && part.lastDay ? daysOf(part.firstDay, part.lastDay) : []))
    .filter((day) => day <= lastDay)
  const days = choose({ name: stream.name, whole, from, lastDay, daysReadAgain, heldBack, clock })
  const sliceDays = stream.sliceDaysMax?.(settings)
  const slices = slicesOf(days, { settings, capabilities, ledger, now, sliceDays })
  const coverage =
    planning.lateArrivals && stream.hasLateArrivals
      ? coverageOf(ledger, stream.scope ?? WHOLE, clock)
      : new Map<Day, number>()
  const late = lateSlice(coverage, new Set(days), period.from, lastDay)
  const lateSlices = late === undefined ? [] : cutToFit(late, capabilities)
  const sliceCount = slices.length + lateSlices.length
  const perSlice = stream.requestsPerSlice ?? last?.requestCount
  const requests = sliceCount === 0 ? 0 : perSlice === undefined ? undefined : perSlice * sliceCount
  return { ...common, days, slices, lateSlices, requests }
}

/** What decides how days are cut into slices. */
interface SliceLimits {
  readonly settings: Settings
  readonly capabilities: DestinationCapabilities
  readonly ledger: readonly LoadRecord[]
  /** Milliseconds since 1970. */
  readonly now: number
  /** The days of a slice, if a long one costs no more than a short one. */
  readonly sliceDays?: number | undefined
}

/**
 * Cuts days into slices. Their length follows from the settings, the request budget and the limits
 * of the destination.
 * @throws MixloadError CONFIG_INVALID if there are more loads than the destination takes in a day.
 */
export function slicesOf(
  days: readonly Day[],
  { settings, capabilities, ledger, now, sliceDays }: SliceLimits,
): readonly Slice[] {
  const left = loadsLeft(ledger, capabilities.loadsPerDayMax, now)
  // A replacement takes one load per day, however the days are requested.
  const fewest = Number.isFinite(left) ? Math.ceil(days.length / Math.max(1, left)) : 1
  const planned = Math.max(planSliceDays(days.length, settings.requestsPerHour), fewest)
  const slices = planSlices(days, Math.min(sliceDays ?? settings.sliceDays ?? planned, capabilities.daysPerLoadMax))
  const loads = settings.write === 'replace' ? days.length : slices.length
  if (loads > left) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `This would be ${loads} loads, but the destination takes ${capabilities.loadsPerDayMax} into one table in 24 hours ` +
        `and has room for ${left} now. Load fewer days (--to), or more of them at once (--slice-days).`,
    )
  }
  return slices
}

/** Pieces of a slice that hold no more days than the destination takes in one load. */
function cutToFit(slice: Slice, { daysPerLoadMax }: DestinationCapabilities): readonly Slice[] {
  if (!Number.isFinite(daysPerLoadMax)) return [slice]
  return planSlices(daysOf(slice.firstDay, slice.lastDay), daysPerLoadMax).map((piece) => ({ ...slice, ...piece }))
}

function firstOf(days: ReadonlySet<Day>): Day | undefined {
  return [...days].sort()[0]
}
