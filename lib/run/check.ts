import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { withoutLogins } from '../core/secrets.ts'
import { AT_ONCE } from '../destination/retries.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { REGIONS } from '../mixpanel/regions.ts'
import type { Budgets } from '../mixpanel/requester.ts'
import type { Settings } from '../settings.ts'
import { COHORT_LIST } from '../streams/cohorts.ts'
import { streamsOf } from '../streams/index.ts'
import type { Probe } from '../streams/stream.ts'
import { type Day, isZone } from '../time/days.ts'
import { askProject, type ProjectInfo, yesterdayOf } from './project.ts'
import { createBudgets, credentialsOf, mixpanelClient, openWarehouse, type Session } from './session.ts'

/** With a larger offset, `yesterday` would be the wrong day around midnight. */
const CLOCK_OFFSET_MAX_MS = 5 * 60_000

/** One thing that was checked. */
export interface Finding {
  readonly check: string
  readonly ok: boolean
  /** What was found, and what to do if it is not ok. */
  readonly detail: string
}

/** Checks everything that a load needs, with a request or two for each part of the API. */
export async function* checkSetup(session: Session): AsyncGenerator<Finding, void, undefined> {
  yield* mixpanelFindings(session)
  yield await destinationFinding(session)
}

async function* mixpanelFindings(session: Session): AsyncGenerator<Finding, void, undefined> {
  const { settings, signal } = session
  try {
    credentialsOf(session)
  } catch (error) {
    yield { check: 'credentials', ok: false, detail: messageOf(error) }
    return
  }
  await using client = mixpanelClient({ settings, onProgress: () => {} })
  let project: ProjectInfo | undefined
  if (settings.serviceAccount !== undefined && settings.projectId !== undefined) {
    try {
      project = await askProject(client, settings.projectId, signal)
      yield { check: 'credentials', ok: true, detail: 'the service account is accepted' }
      yield { check: 'project', ok: true, detail: `${settings.projectId} ${project.name ?? ''}`.trim() }
      yield { check: 'region', ok: true, detail: regionInWords(settings, project) }
    } catch (error) {
      const { projectId } = settings
      const region = await otherRegion(session, (elsewhere) => askProject(elsewhere, projectId, signal))
      if (region !== undefined) {
        yield region
        return
      }
      yield { check: isFailure(error, 'NOT_FOUND') ? 'project' : 'credentials', ok: false, detail: messageOf(error) }
      // Each further request would be refused in the same way.
      if (isFailure(error, 'CREDENTIALS_REFUSED')) return
    }
  }
  const zone = settings.timezone ?? project?.timezone
  yield zoneFinding(settings.timezone, project?.timezone)
  const yesterday = yesterdayOf(zone !== undefined && isZone(zone) ? zone : 'UTC', Date.now())
  await using budgets = createBudgets(session)
  for (const probe of probesOf(settings, yesterday)) {
    const { refused, ...finding } = await probeFinding(client, probe, budgets, signal)
    const region = refused ? await otherRegion(session, (elsewhere) => firstBlock(elsewhere, probe, signal)) : undefined
    yield region ?? finding
    if (refused) break
  }
  // Without a response there is no clock to compare with.
  if (client.clockOffsetMs !== undefined) yield clockFinding(client.clockOffsetMs)
}

/** Shows whether the query API may be used, which most streams need. */
const QUERY_PROBE: Probe = { name: 'query API', request: COHORT_LIST }

/** One probe for each part of the API that the streams of the settings need. */
function probesOf(settings: Settings, yesterday: Day): readonly Probe[] {
  const streams = settings.streams.flatMap((name) => streamsOf(name, settings))
  const probes = streams.flatMap(({ probe }) =>
    probe === undefined ? QUERY_PROBE : (probe(settings, yesterday) ?? []),
  )
  return [...new Map(probes.map((probe) => [probe.name, probe])).values()]
}

/** Whether it answers; `refused`: the credentials are, so that every other probe would be, too. */
async function probeFinding(
  client: MixpanelClient,
  probe: Probe,
  budgets: Budgets,
  signal: AbortSignal,
): Promise<Finding & { readonly refused: boolean }> {
  const { name: check, request } = probe
  const budget = budgets[request.family]
  const release = await budget.acquire(signal)
  try {
    await firstBlock(client, probe, signal)
    const left = await budget.remaining()
    const requests = Number.isFinite(left) ? `${left} requests are left this hour` : 'no limit on requests is set'
    return { check, ok: true, refused: false, detail: `the plan and the credentials allow it, ${requests}` }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    const isAbsent = isFailure(error, 'PLAN_REFUSED', 'PERMISSION_REFUSED', 'NOT_FOUND')
    const advice = isAbsent ? ' If you do not need it, choose other streams with --streams.' : ''
    const refused = isFailure(error, 'CREDENTIALS_REFUSED')
    return { check, ok: false, refused, detail: `${messageOf(error)}${advice}` }
  } finally {
    await release()
  }
}

async function firstBlock(client: MixpanelClient, { request }: Probe, signal: AbortSignal): Promise<void> {
  for await (const _ of await client.stream(request, signal)) break
}

/**
 * The region that accepts what this one refuses, because credentials may belong to another region.
 * Undefined if there is none.
 */
async function otherRegion(
  { settings }: Session,
  ask: (client: MixpanelClient) => Promise<unknown>,
): Promise<Finding | undefined> {
  if (settings.apiUrl !== undefined) return undefined
  for (const region of REGIONS.filter((name) => name !== settings.region)) {
    await using client = mixpanelClient({ settings: { ...settings, region }, onProgress: () => {} })
    try {
      await ask(client)
      const detail = `The project is in region ${region}, not ${settings.region}: set MIXPANEL_REGION=${region}.`
      return { check: 'region', ok: false, detail }
    } catch (error) {
      if (!(error instanceof MixloadError)) throw error
    }
  }
  return undefined
}

/** With a URL of its own, the region decides nothing, and the project may name another host. */
function regionInWords({ region, apiUrl }: Settings, { domain }: ProjectInfo): string {
  if (apiUrl !== undefined) return `not used: requests go to ${withoutLogins(apiUrl)}`
  return domain === undefined ? region : `${region} (${domain})`
}

function zoneFinding(set: string | undefined, known: string | undefined): Finding {
  const check = 'timezone'
  if (set !== undefined && known !== undefined && set !== known) {
    const detail = `--timezone is ${set}, but Mixpanel says ${known}. Remove the setting, or correct it.`
    return { check, ok: false, detail }
  }
  const zone = set ?? known
  if (zone !== undefined && !isZone(zone)) {
    const detail = `Mixpanel says ${zone}, which is not an IANA time zone. Set MIXPANEL_TIMEZONE to one such as Europe/Berlin.`
    return { check, ok: false, detail }
  }
  const unknown = 'not known; set MIXPANEL_TIMEZONE to the time zone of the project settings'
  return { check, ok: zone !== undefined, detail: zone ?? unknown }
}

function clockFinding(offsetMs: number): Finding {
  const seconds = Math.abs(Math.round(offsetMs / 1000))
  const ok = Math.abs(offsetMs) <= CLOCK_OFFSET_MAX_MS
  const wrong = `This machine's clock is ${seconds} s ${offsetMs < 0 ? 'ahead of' : 'behind'} Mixpanel's. Correct it.`
  return { check: 'clock', ok, detail: ok ? `within ${seconds} s of Mixpanel's` : wrong }
}

/** Opens the destination to write, as a load does. The finding says what to do if it cannot. */
export async function destinationFinding(session: Session): Promise<Finding> {
  const check = 'destination'
  try {
    await using warehouse = await openWarehouse(session, 'write', AT_ONCE)
    return { check, ok: true, detail: `${warehouse.destination.description} can be written` }
  } catch (error) {
    if (!(error instanceof MixloadError)) throw error
    return { check, ok: false, detail: error.message }
  }
}
