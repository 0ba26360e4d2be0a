import { MixloadError } from '../core/errors.ts'
import { DEFAULT_RETRIES } from '../core/retry.ts'
import { WHOLE } from '../destination/selection.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { Requester } from '../mixpanel/requester.ts'
import type { StreamsToLoad } from '../run/choose-days.ts'
import { loadStreams } from '../run/load-streams.ts'
import { dayClock, daysToRead, projectZone } from '../run/project.ts'
import { createBudgets, mixpanelClient, openWarehouse, type Session } from '../run/session.ts'
import { assertSameProject, projectOf } from '../run/source.ts'
import type { StreamResult } from '../run/tally.ts'
import { completeDays, type DayClock, exportDaysOf } from '../run/whole-days.ts'
import type { Settings } from '../settings.ts'
import type { Slice } from '../slices.ts'
import { EVENT_NAMES_MAX, eventNamesIn, eventNamesRequest, exportStream } from '../streams/export.ts'
import { addDays, type Day, dayInZone } from '../time/days.ts'
import { type Comparison, compareCounts } from './compare.ts'
import { comparePeople, type PeopleComparison } from './compare-people.ts'
import { mixpanelCounts } from './mixpanel-counts.ts'
import { warehouseCounts, warehousePeople } from './warehouse-counts.ts'

/** How many days are compared by default. */
const DAYS = 30

/** The result of `mixload verify`. */
export interface VerifyResult extends Comparison {
  /** The days that were compared, in the project's zone. */
  readonly days: readonly Day[]
  readonly requests: number
  /** The comparison of people; undefined if it was not wanted. */
  readonly people?: PeopleComparison | undefined
}

/** How counts are compared. */
export interface VerifyChoices {
  /** The share by which they may differ, from 0 to 1. */
  readonly tolerance: number
  /** Whether people are compared, too. */
  readonly people: boolean
}

/** Whether a comparison found something to repair or to look into. */
export function hasDrift({ differences, people }: VerifyResult): boolean {
  return differences.length > 0 || people?.differences.some(({ cause }) => cause !== 'merged-later') === true
}

/**
 * Compares event counts of `export_latest` by day and name with Mixpanel's reports.
 * @throws MixloadError CONFIG_INVALID if no day is whole, or the destination has no queries.
 */
export async function verifyCounts(
  session: Session,
  { tolerance, people: withPeople }: VerifyChoices,
): Promise<VerifyResult> {
  const { settings, onProgress, signal } = session
  if (!(tolerance >= 0 && tolerance <= 1)) {
    throw new MixloadError('CONFIG_INVALID', 'The tolerance must be a share from 0 to 1.')
  }
  await using client = mixpanelClient(session)
  await using warehouse = await openWarehouse(session)
  const { destination } = warehouse
  if (!destination.capabilities.queries) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${destination.description} cannot be verified, because it cannot run queries. Use another --destination.`,
    )
  }
  await destination.openToRead(signal)
  await assertSameProject(destination, projectOf(settings))
  const zone = await projectZone(session, client)
  const days = await chosenDays(settings, destination, dayClock(zone, settings))
  const [firstDay, lastDay] = [days[0], days.at(-1)]
  if (firstDay === undefined || lastDay === undefined) {
    throw new MixloadError(
      'CONFIG_INVALID',
      'There is nothing to compare: the ledger has no complete days in this period. Run mixload backfill first.',
    )
  }
  await using budgets = createBudgets(session)
  const requester = new Requester({ client, budgets, retry: DEFAULT_RETRIES, onProgress })
  const span = { firstDay, lastDay, zone }
  const existing = await warehouseCounts(destination, span, signal)
  const names = settings.events ?? (await allNames(requester, span, existing.keys(), session))
  const mixpanel = await mixpanelCounts(requester, 'general', names, span, signal)
  const today = dayInZone(Date.now(), zone)
  const compared = compareCounts(existing, mixpanel, days, tolerance, today)
  const uncounted = compared.uncounted.filter((name) => names.includes(name))
  const comparePeopleToo = async () => {
    const ours = await warehousePeople(destination, span, signal)
    const theirs = await mixpanelCounts(requester, 'unique', names, span, signal)
    return comparePeople(ours, theirs, compared.differences, days, tolerance, today)
  }
  const people = withPeople ? await comparePeopleToo() : undefined
  return { ...compared, uncounted, days, requests: requester.usage.requests, ...(people && { people }) }
}

/** The event names in the warehouse and those that Mixpanel lists. */
async function allNames(
  requester: Requester,
  span: Slice,
  existing: Iterable<string>,
  { onProgress, signal }: Session,
): Promise<readonly string[]> {
  const listed = await requester.ask(eventNamesRequest(span), eventNamesIn, signal)
  if (listed.length >= EVENT_NAMES_MAX) {
    const message = `Mixpanel lists at most ${EVENT_NAMES_MAX} event names. Events whose names are neither there nor in the warehouse are not compared.`
    onProgress({ kind: 'warning', message })
  }
  return [...new Set([...existing, ...listed])].sort()
}

async function chosenDays(settings: Settings, destination: Warehouse, clock: DayClock): Promise<readonly Day[]> {
  const stream = exportStream(settings)
  const ledger = await destination.ledger(stream.name)
  const { last, from: first = addDays(last, 1 - DAYS) } = daysToRead(settings, clock.zone, Date.now())
  return completeDays(ledger, stream.scope ?? WHOLE, clock, { first, last })
}

/** Reads the days with differences again and replaces them. */
export async function repairDays(
  session: Session,
  { differences }: Comparison,
  onResult?: (result: StreamResult) => void,
): Promise<readonly StreamResult[]> {
  const days = { from: undefined, to: undefined }
  const settings: Settings = { ...session.settings, ...days, streams: ['export'], write: 'replace' }
  const choose: StreamsToLoad['choose'] = ({ clock }) => {
    return [...new Set(differences.flatMap(({ day }) => exportDaysOf(day, clock)))].sort()
  }
  return loadStreams({ ...session, settings }, { choose, lateArrivals: false }, onResult)
}
