/** Refuses loads that do not belong into one schema: of other projects, clocks or filters. */
import { leadsToThisMachine } from '../core/addresses.ts'
import { MixloadError } from '../core/errors.ts'
import type { LoadRecord } from '../destination/contract.ts'
import type { LoadSource } from '../destination/source.ts'
import type { Warehouse } from '../destination/warehouse.ts'
import { withoutNotes } from '../load/held-back.ts'
import type { OnProgress } from '../progress.ts'
import type { Settings } from '../settings.ts'
import type { Stream } from '../streams/stream.ts'
import { type Day, daysOf } from '../time/days.ts'
import { isMarkOf, markOf } from './secret-mark.ts'
import { clockName, type DayClock } from './whole-days.ts'

/** The project of the settings. `secret`: that of the project, if it is read with one. */
export interface WantedProject extends Pick<LoadSource, 'project' | 'region'> {
  readonly secret?: string | undefined
}

/** The project that the settings name, and where its data lives. */
export function projectOf({ projectId, region, apiUrl, apiSecret, serviceAccount }: Settings): WantedProject {
  return {
    project: projectId,
    region: apiUrl !== undefined && leadsToThisMachine(apiUrl) ? 'local' : region,
    secret: serviceAccount === undefined ? apiSecret : undefined,
  }
}

/** What is stored with each load of a stream that comes from Mixpanel. */
export function sourceOf(settings: Settings, clock: DayClock, { changesTable }: Stream): LoadSource {
  const { secret, ...project } = projectOf(settings)
  const source = { ...project, clock: clockName(clock), timezone: clock.zone, secret: secret && markOf(secret) }
  if (changesTable === undefined) return source
  return { ...source, where: settings.engageWhere ?? '', properties: propertiesOf(settings) }
}

/** What is stored with each load of a file, which may come from anywhere. */
export function fileSourceOf(settings: Settings): LoadSource {
  const { projectId: project, legacyTime, timezone } = settings
  return { project, clock: clockName({ zone: timezone ?? 'UTC', daysAreLocal: legacyTime }), timezone }
}

/**
 * Refuses to mix two projects in one schema, where their rows could not be distinguished. Without a
 * project id, the project secret must be the last one.
 * @throws MixloadError CONFIG_INVALID if the warehouse has, or may have, another project.
 */
export async function assertSameProject(
  destination: Pick<Warehouse, 'allLoads' | 'description'>,
  wanted: WantedProject,
): Promise<void> {
  const loads = await destination.allLoads()
  const isOther = ({ source: { project, region } = {} }: LoadRecord) =>
    differs(project, wanted.project) ||
    (project !== undefined && wanted.project !== undefined && differs(region, wanted.region))
  const existing = loads.findLast(isOther)?.source
  if (existing === undefined) return assertSameSecret(destination.description, loads, wanted)
  throw new MixloadError(
    'CONFIG_INVALID',
    `${destination.description} has the data of ${nameOf(existing)}, and the settings name ${nameOf(wanted)}. ` +
      'A schema holds one project: set --schema to another name, or correct the project id and the region.',
  )
}

/** Without a project id, only the secret shows which project is read. */
function assertSameSecret(place: string, loads: readonly LoadRecord[], { project, secret }: WantedProject): void {
  if (project !== undefined || secret === undefined) return
  const last = loads.findLast(({ source = {} }) => source.secret !== undefined || source.project !== undefined)?.source
  if (last === undefined || (last.secret !== undefined && isMarkOf(secret, last.secret))) return
  const owner = last.project === undefined ? 'a project' : `project ${last.project}`
  throw new MixloadError(
    'CONFIG_INVALID',
    `${place} has the data of ${owner} that was not read with this project secret. If it is the same project, such as ` +
      'after its secret was changed, set MIXPANEL_PROJECT_ID to its id. A schema holds one project: for another one, ' +
      'set --schema to another name.',
  )
}

/**
 * Refuses to append events with another clock than the existing ones: each event would be in the
 * table twice, with different times. With `--write replace`, days may be read with another clock.
 * @throws MixloadError CONFIG_INVALID with the days that have another clock.
 */
export function assertSameClock(ledger: readonly LoadRecord[], clock: DayClock, write: 'append' | 'replace'): void {
  if (write === 'replace') return
  const wanted = clockName(clock)
  const others = daysOfOtherClocks(ledger, wanted)
  const [first] = others
  const last = others.at(-1)
  if (first === undefined || last === undefined) return
  throw new MixloadError(
    'CONFIG_INVALID',
    `The events of ${first === last ? first : `${first} to ${last}`} were loaded with another clock than ${wanted}. ` +
      'Set --legacy-time and --timezone as they were, or load these days again: ' +
      `mixload backfill --streams export --write replace --from ${first} --to ${last}`,
  )
}

/** The days that have rows of another clock, in order. */
export function daysOfOtherClocks(ledger: readonly LoadRecord[], wanted: string): readonly Day[] {
  const clocks = new Map<Day, Set<string>>()
  for (const { firstDay, lastDay, dayRows, rowCount, writeMode, source } of ledger) {
    if (firstDay === null || lastDay === null) continue
    const replaces = writeMode === 'replace-days'
    const days = dayRows === null || replaces ? daysOf(firstDay, lastDay) : Object.keys(dayRows)
    for (const day of days) {
      const known = replaces ? new Set<string>() : (clocks.get(day) ?? new Set())
      if (source?.clock !== undefined && rowCount > 0) known.add(source.clock)
      clocks.set(day, known)
    }
  }
  const others = [...clocks].filter(([, names]) => [...names].some((name) => name !== wanted))
  return others.map(([day]) => day).sort()
}

/**
 * Keeps a change of settings out of the history of profiles. Warns if other properties are chosen.
 * @throws MixloadError CONFIG_INVALID if other profiles are chosen: those left out would count as
 *   gone.
 */
export function assertSameFilter(
  { name, changesTable }: Stream,
  ledger: readonly LoadRecord[],
  settings: Settings,
  onProgress: OnProgress,
): void {
  const last = withoutNotes(ledger).at(-1)?.source
  if (last === undefined || changesTable?.(settings) === undefined) return
  const where = settings.engageWhere ?? ''
  if (differs(last.where, where)) {
    throw new MixloadError(
      'CONFIG_INVALID',
      `${name} was loaded with ${filterName(last.where)}, and the settings have ${filterName(where)}. With --engage-history, ` +
        'profiles that only one of them includes would count as new or gone. Set --engage-where as it was, leave ' +
        '--engage-history out, or set --schema to another name.',
    )
  }
  if (!differs(last.properties, propertiesOf(settings))) return
  const message = `${name}: the settings choose other properties than before, so engage_history gets a change for each profile that has them.`
  onProgress({ kind: 'warning', message })
}

const filterName = (where = '') => (where === '' ? 'no --engage-where' : `--engage-where '${where}'`)

function propertiesOf({ engageProperties, includeProperties, excludeProperties }: Settings): string {
  const chosen = [engageProperties, includeProperties, excludeProperties]
  return chosen.every((names) => names === undefined) ? '' : JSON.stringify(chosen.map((names) => names ?? null))
}

/** Whether both are known and not the same. */
function differs(known: string | undefined, wanted: string | undefined): boolean {
  return known !== undefined && wanted !== undefined && known !== wanted
}

function nameOf({ project, region }: Pick<LoadSource, 'project' | 'region'>): string {
  const where = region === 'local' ? 'a server on this machine' : `region ${region}`
  return `project ${project}${region === undefined ? '' : ` (${where})`}`
}
