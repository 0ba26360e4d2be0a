import type { DestinationSupports, LoadRecord } from '../lib/destination.ts'
import { isFailure, MixloadError } from '../lib/errors.ts'
import { dayClock, projectZone, yesterdayOf } from '../lib/project.ts'
import type { RunSummary } from '../lib/run.ts'
import type { SettingName, Settings } from '../lib/settings.ts'
import { type DayClock, loadsLeft, planSliceDays, planSlices, type Slice, sliceName, wholeDays } from '../lib/slices.ts'
import { exportSelection } from '../lib/streams/export.ts'
import type { Day } from '../lib/time/days.ts'
import type { CommandContext } from './command.ts'
import type { Output } from './output.ts'
import { createClient, exportBudget, openWarehouse, runExport } from './session.ts'

/** The settings of every command that loads. */
export const LOAD_SETTINGS: readonly SettingName[] = [
  'destination',
  'schema',
  'bigqueryEndpoint',
  'streams',
  'from',
  'to',
  'region',
  'apiUrl',
  'projectId',
  'timezone',
  'legacyTime',
  'events',
  'includeProperties',
  'excludeProperties',
  'newProperties',
  'maxColumns',
  'write',
  'sliceDays',
  'requestsPerHour',
  'requestsPerSecond',
  'idleTimeout',
  'firstByteTimeout',
  'memoryLimit',
  'spoolDir',
  'stateDir',
]

/** What there is to decide by which days a command loads. */
export interface DayPlan {
  readonly settings: Settings
  readonly supports: DestinationSupports
  readonly clock: DayClock
  readonly ledger: readonly LoadRecord[]
  /** Days that the ledger has whole. */
  readonly whole: ReadonlySet<Day>
  /** The last day to load. */
  readonly lastDay: Day
}

/** The plan that settings and ledger make. */
export function dayPlan(
  settings: Settings,
  supports: DestinationSupports,
  zone: string,
  ledger: readonly LoadRecord[],
  now: number,
): DayPlan {
  const clock = dayClock(zone, settings)
  const lastDay = settings.to ?? yesterdayOf(zone, now)
  if (settings.from !== undefined && settings.from > lastDay) {
    throw new MixloadError('CONFIG_INVALID', `--from ${settings.from} is after the last day, ${lastDay}.`)
  }
  return {
    settings,
    supports,
    clock,
    ledger,
    whole: wholeDays(ledger, exportSelection(settings.events), clock),
    lastDay,
  }
}

/**
 * Slices that hold these days, as long as the settings, the rate budget and the destination's limits say.
 * @throws MixloadError CONFIG_INVALID where the settings ask for more loads than the destination takes in a day.
 */
export function slicesOf({ settings, ledger, supports }: DayPlan, days: readonly Day[], now: number): readonly Slice[] {
  const left = loadsLeft(ledger, supports.loadsPerDayMax, now)
  // Replacing takes one load for each day, however they are asked for.
  const fewest = Number.isFinite(left) ? Math.ceil(days.length / Math.max(1, left)) : 1
  const planned = Math.max(planSliceDays(days.length, settings.requestsPerHour), fewest)
  const slices = planSlices(days, Math.min(settings.sliceDays ?? planned, supports.daysPerLoadMax))
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

/** Loads the days that `choose` picks, and reports. */
export async function load(context: CommandContext, choose: (plan: DayPlan) => readonly Day[]): Promise<number> {
  const { settings, output, signal } = context
  if (settings.write === 'replace' && settings.events !== undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      '--write replace would remove the events that --events leaves out. Use one of the two.',
    )
  }
  const started = performance.now()
  await using client = createClient(settings, output.tell)
  await using warehouse = await openWarehouse(settings, output.tell, signal)
  await warehouse.destination.open(signal)
  const zone = await projectZone(settings, client, output.tell, signal)
  const { destination } = warehouse
  const now = Date.now()
  const plan = dayPlan(settings, destination.supports, zone, await destination.ledger('export'), now)
  const days = choose(plan)
  const slices = slicesOf(plan, days, now)
  const requestsLeft = await exportBudget(settings, output.tell).remaining()
  output.tell({ kind: 'run-planned', unit: 'slices', sliceCount: slices.length, requestsLeft })
  try {
    const summary = await runExport({ settings, warehouse, client, zone, slices, tell: output.tell }, signal)
    report(output, summary, days.length, (performance.now() - started) / 1000)
    return exitCodeOf(summary)
  } catch (error) {
    if (!isFailure(error, 'PLAN_REFUSED', 'PERMISSION_REFUSED', 'NOT_FOUND')) throw error
    output.fail(error)
    output.print(`export: skipped. ${error.message}`)
    return error.exitCode
  }
}

/** 3 where something was set aside, else 0. */
export function exitCodeOf({ setAside, rejects }: RunSummary): number {
  return setAside.length > 0 || rejects > 0 ? 3 : 0
}

function report(output: Output, summary: RunSummary, dayCount: number, seconds: number): void {
  const { rows, rejects, bytes, requests, undated, outside, ignoredValues, setAside, loads } = summary
  output.end()
  output.json({
    stream: 'export',
    days: dayCount,
    slices: loads.length,
    rows,
    rejects,
    bytes,
    requests,
    undated,
    outside,
    ignored_values: ignoredValues,
    set_aside: setAside.map(({ slice, error }) => ({ ...slice, code: error.code, message: error.message })),
    seconds,
  })
  if (dayCount === 0) output.print('export: nothing to load, every day is in the ledger')
  else {
    output.print(
      `export: ${rows} rows in ${loads.length} slices, ${requests} requests, ${(bytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s`,
    )
  }
  printRemarks(output, summary, 'the days asked for')
}

/** What there is to say of a run beside its numbers. `expected`: what dates were expected to lie in. */
export function printRemarks(output: Output, summary: RunSummary, expected: string): void {
  const { undated, outside, ignoredValues, rejects, setAside } = summary
  if (undated > 0) output.print(`export: ${undated} events have no usable time; they are kept, with time empty`)
  if (outside > 0) output.print(`export: ${outside} events are dated outside ${expected}; they are kept`)
  if (ignoredValues > 0) output.print(`export: ${ignoredValues} values of properties that are left out`)
  if (rejects > 0) output.print(`export: ${rejects} lines are no events; see _mixload_rejects`)
  for (const { slice, error } of setAside) output.print(`export: ${sliceName(slice)} set aside: ${error.message}`)
}
