import { MixloadError } from '../lib/core/errors.ts'
import type { Destination, DestinationCapabilities, LoadRecord } from '../lib/destination/contract.ts'
import { exportScope, WHOLE } from '../lib/destination/selection.ts'
import { coverageOf, lateSlice } from '../lib/run/late-coverage.ts'
import { dayClock, yesterdayOf } from '../lib/run/project.ts'
import type { Settings } from '../lib/settings.ts'
import { type DayClock, loadsLeft, planSliceDays, planSlices, type Slice, wholeDays } from '../lib/slices.ts'
import { recordStreams } from '../lib/streams/index.ts'
import type { RecordStream } from '../lib/streams/stream.ts'
import { type Day, daysOf, earlier } from '../lib/time/days.ts'

/** What a run would read of one stream: decided from settings and ledger alone. */
export interface StreamPlan {
  readonly name: string
  /** Undefined for events, which are no records. */
  readonly stream: RecordStream | undefined
  /** Its loads so far. */
  readonly ledger: readonly LoadRecord[]
  readonly clock: DayClock
  /** The days to read, in order; undefined where there is only the whole. */
  readonly days: readonly Day[] | undefined
  readonly slices: readonly Slice[]
  /** What is asked for by when it was processed, in slices that the destination takes. */
  readonly lateSlices: readonly Slice[]
  /** As far as the ledger tells before anything is asked for. */
  readonly requests: number | undefined
}

/** What there is to decide by which days of a stream a command reads. */
export interface DayChoice {
  readonly name: string
  /** Days that the ledger has whole. */
  readonly whole: ReadonlySet<Day>
  /** The first day: of the settings, else the first that the stream has whole, else the first that events have whole. */
  readonly from: Day | undefined
  /** The last day to load. */
  readonly lastDay: Day
  /** Days up to the last whole one that sync reads again. */
  readonly daysReadAgain: number
}

/** Decides which days of a stream are asked for: what tells `backfill` and `sync` apart. */
export type ChooseDays = (choice: DayChoice) => readonly Day[]

/** All that plans are made of. */
export interface Planning {
  readonly settings: Settings
  readonly destination: Pick<Destination, 'supports' | 'ledger'>
  readonly zone: string
  readonly choose: ChooseDays
  /** Milliseconds since 1970. */
  readonly now: number
  /** Whether late arrivals are asked for, too. */
  readonly lateArrivals: boolean
}

/**
 * Plans for the streams of the settings, in the order in which they are to run.
 * @throws MixloadError CONFIG_INVALID where there are no days to choose from, or too many for the destination.
 */
export async function planStreams(planning: Planning): Promise<readonly StreamPlan[]> {
  const { settings, destination, zone, now } = planning
  assertAllowed(settings)
  const lastDay = settings.to ?? yesterdayOf(zone, now)
  if (settings.from !== undefined && settings.from > lastDay) {
    throw new MixloadError('CONFIG_INVALID', `--from ${settings.from} is after the last day, ${lastDay}.`)
  }
  const events = await destination.ledger('export')
  const firstEvents = firstOf(wholeDays(events, exportScope(settings.events), dayClock(zone, settings)))
  const plans: StreamPlan[] = []
  for (const name of settings.streams) {
    if (name === 'export') plans.push(planExport(planning, events, lastDay))
    else {
      for (const stream of recordStreams(name, settings)) {
        const ledger = await destination.ledger(stream.name)
        plans.push(planRecords(planning, stream, ledger, lastDay, firstEvents))
      }
    }
  }
  return plans
}

function assertAllowed({ streams, write, events, groups }: Settings): void {
  if (streams.every((name) => name === 'groups') && Object.keys(groups).length === 0) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--streams groups: no groups are set. Name them in mixload.yaml, each with its data group id: groups: {company_id: "-123"}.',
    )
  }
  if (streams.includes('export') && write === 'replace' && events !== undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--write replace would remove the events that --events leaves out. Use one of the two.',
    )
  }
}

function planExport(planning: Planning, ledger: readonly LoadRecord[], lastDay: Day): StreamPlan {
  const { settings, destination, zone, choose, now } = planning
  const { supports } = destination
  const clock = dayClock(zone, settings)
  const scope = exportScope(settings.events)
  const whole = wholeDays(ledger, scope, clock)
  const from = settings.from ?? firstOf(whole)
  const days = choose({ name: 'export', whole, from, lastDay, daysReadAgain: settings.attributionWindow })
  const slices = slicesOf(settings, supports, ledger, days, now)
  const late = planning.lateArrivals
    ? lateSlice(coverageOf(ledger, scope, clock), new Set(days), settings.from, lastDay)
    : undefined
  const lateSlices = late === undefined ? [] : cutToFit(late, supports)
  const requests = slices.length + lateSlices.length
  return { name: 'export', stream: undefined, ledger, clock, days, slices, lateSlices, requests }
}

function planRecords(
  planning: Planning,
  stream: RecordStream,
  ledger: readonly LoadRecord[],
  lastDay: Day,
  firstEvents: Day | undefined,
): StreamPlan {
  const { settings, destination, zone, choose, now } = planning
  const { name } = stream
  const clock = dayClock(zone, settings)
  const last = ledger.at(-1)
  const common = { name, stream, ledger, clock, lateSlices: [] }
  if (stream.replication === 'full-table') {
    return { ...common, days: undefined, slices: [], requests: last?.requestCount }
  }
  const whole = wholeDays(ledger, WHOLE, clock)
  const from = settings.from ?? firstOf(whole) ?? firstEvents
  const daysReadAgain = stream.daysReadAgain?.(settings) ?? settings.attributionWindow
  const days = choose({ name, whole, from, lastDay, daysReadAgain })
  const slices = slicesOf(settings, destination.supports, ledger, days, now, stream.sliceDaysMax?.(settings))
  const requests = slices.length === 0 ? 0 : last === undefined ? undefined : last.requestCount * slices.length
  return { ...common, days, slices, requests }
}

/**
 * Slices that hold these days, as long as the settings, the rate budget and the destination's limits say; or `sliceDays`
 * long, where a long slice costs no more than a short one.
 * @throws MixloadError CONFIG_INVALID where the settings ask for more loads than the destination takes in a day.
 */
export function slicesOf(
  settings: Settings,
  supports: DestinationCapabilities,
  ledger: readonly LoadRecord[],
  days: readonly Day[],
  now: number,
  sliceDays?: number,
): readonly Slice[] {
  const left = loadsLeft(ledger, supports.loadsPerDayMax, now)
  // Replacing takes one load for each day, however they are asked for.
  const fewest = Number.isFinite(left) ? Math.ceil(days.length / Math.max(1, left)) : 1
  const planned = Math.max(planSliceDays(days.length, settings.requestsPerHour), fewest)
  const slices = planSlices(days, Math.min(sliceDays ?? settings.sliceDays ?? planned, supports.daysPerLoadMax))
  const loads = settings.write === 'replace' ? days.length : slices.length
  if (loads > left) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `This would be ${loads} loads, but the destination takes ${supports.loadsPerDayMax} into one table in 24 hours ` +
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
  let first: Day | undefined
  for (const day of days) first = first === undefined ? day : earlier(first, day)
  return first
}
