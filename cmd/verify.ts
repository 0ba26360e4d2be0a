import { MixloadError } from '../lib/core/errors.ts'
import { DEFAULT_RETRIES } from '../lib/core/retry.ts'
import type { LoadRecord } from '../lib/destination/contract.ts'
import { exportScope } from '../lib/destination/selection.ts'
import { Asking } from '../lib/mixpanel/requester.ts'
import { dayClock, projectZone, yesterdayOf } from '../lib/run/project.ts'
import type { Settings } from '../lib/settings.ts'
import { type DayClock, wholeDays } from '../lib/slices.ts'
import { addDays, type Day } from '../lib/time/days.ts'
import { type Comparison, compareCounts } from '../lib/verify/compare.ts'
import { comparableDays, exportDaysOf } from '../lib/verify/export-days.ts'
import { EVENT_NAMES_MAX, mixpanelCounts, mixpanelNames } from '../lib/verify/mixpanel-counts.ts'
import { warehouseCounts } from '../lib/verify/warehouse-counts.ts'
import type { Command, CommandContext } from './command.ts'
import { LOAD_SETTINGS } from './load-settings.ts'
import type { Output } from './output.ts'
import { runStreams } from './run-streams.ts'
import { createClient, openWarehouse, queryBudget } from './session.ts'

/** Days that are compared where the settings name none. */
const DAYS = 30
/** The exit code where counts differ. */
const DRIFT = 4

/** What was compared. */
interface Verified extends Comparison {
  readonly days: readonly Day[]
  readonly clock: DayClock
  readonly requests: number
}

/**
 * `mixload verify`: compares the events of each day and name in `export_latest` with what Mixpanel's reports count. With
 * `--repair` the days that differ are read again and replaced, and compared once more.
 */
export const command: Command = {
  settings: LOAD_SETTINGS,
  options: {
    repair: { type: 'boolean', default: false, describe: 'Read the days that differ again, and replace them' },
    tolerance: {
      type: 'number',
      requiresArg: true,
      default: 0,
      describe: "By how many per cent of Mixpanel's a count may be off",
    },
  },
  async run(context) {
    const { flags, output } = context
    const tolerance = Number(flags.tolerance)
    if (!(tolerance >= 0 && tolerance <= 100)) {
      throw new MixloadError('CONFIG_INVALID', '--tolerance must be a number from 0 to 100.')
    }
    const found = await verified(context, tolerance / 100)
    print(output, found)
    if (found.differences.length === 0) return 0
    if (flags.repair !== true) {
      output.print('mixload verify --repair reads these days again.')
      return DRIFT
    }
    const differing = new Set(found.differences.flatMap(({ day }) => exportDaysOf(day, found.clock)))
    const { from: _from, to: _to, ...others } = context.settings
    const settings: Settings = { ...others, from: undefined, to: undefined, streams: ['export'], write: 'replace' }
    const code = await runStreams(
      { ...context, settings },
      { choose: () => [...differing].sort(), lateArrivals: false },
    )
    const left = await verified(context, tolerance / 100)
    print(output, left)
    return left.differences.length > 0 ? DRIFT : code
  },
}

async function verified({ settings, output, signal }: CommandContext, tolerance: number): Promise<Verified> {
  await using client = createClient(settings, output.tell)
  await using warehouse = await openWarehouse(settings, output.tell, signal)
  const { destination } = warehouse
  if (!destination.supports.queries) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${destination.description} cannot be asked for counts: it takes no queries. Name another --destination.`,
    )
  }
  await destination.openToRead(signal)
  const zone = await projectZone(settings, client, output.tell, signal)
  const clock = dayClock(zone, settings)
  const days = chosenDays(settings, await destination.ledger('export'), clock)
  const [firstDay, lastDay] = [days[0], days.at(-1)]
  if (firstDay === undefined || lastDay === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      'The ledger has no whole days here, so there is nothing to compare. Run mixload backfill first.',
    )
  }
  const span = { firstDay, lastDay, zone }
  const warehoused = await warehouseCounts(destination, span, signal)
  const asking = new Asking({
    client,
    budget: queryBudget(settings, output.tell),
    retry: DEFAULT_RETRIES,
    tell: output.tell,
  })
  const listed = settings.events ?? (await mixpanelNames(asking, span, signal))
  if (settings.events === undefined && listed.length >= EVENT_NAMES_MAX) {
    const message = `Mixpanel lists ${EVENT_NAMES_MAX} event names at most; an event that neither it nor the warehouse names is not compared.`
    output.tell({ kind: 'warning', message })
  }
  const names = settings.events ?? [...new Set([...warehoused.keys(), ...listed])].sort()
  const mixpanel = await mixpanelCounts(asking, names, span, signal)
  return { ...compareCounts(warehoused, mixpanel, days, tolerance), days, clock, requests: asking.requests }
}

function chosenDays(settings: Settings, ledger: readonly LoadRecord[], clock: DayClock): readonly Day[] {
  const whole = wholeDays(ledger, exportScope(settings.events), clock)
  const last = settings.to ?? yesterdayOf(clock.zone, Date.now())
  return comparableDays(whole, settings.from ?? addDays(last, 1 - DAYS), last, clock)
}

function print(output: Output, { differences, uncounted, compared, days, requests }: Verified): void {
  output.json({
    first_day: days[0],
    last_day: days.at(-1),
    days: days.length,
    compared,
    requests,
    differences,
    uncounted,
  })
  for (const { day, event, warehouse, mixpanel } of differences) {
    output.print(`${day}  ${event}: ${warehouse} in the warehouse, ${mixpanel} in Mixpanel`)
  }
  if (uncounted.length > 0) output.print(`Mixpanel gives no counts of: ${uncounted.join(', ')}`)
  output.print(
    `${days.length} days from ${days[0]} to ${days.at(-1)}: ${compared} counts compared in ${requests} requests, ${differences.length} differ`,
  )
}
