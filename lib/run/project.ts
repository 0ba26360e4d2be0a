import { z } from 'zod'
import { isFailure, MixloadError, messageOf } from '../core/errors.ts'
import { type RetryPolicy, retrying } from '../core/retry.ts'
import type { MixpanelClient } from '../mixpanel/client.ts'
import { retryReporter } from '../progress.ts'
import type { Settings } from '../settings.ts'
import { assertOk } from '../streams/answer.ts'
import { addDays, type Day, dayInZone, isOffset, isZone } from '../time/days.ts'
import { dayOf } from '../time/given-day.ts'
import type { Session } from './session.ts'
import type { DayClock } from './whole-days.ts'

const MaybeText = z.string().optional().catch(undefined)

/**
 * What `GET /api/app/me` says about the projects that an account can see. Mixpanel does not
 * document it: everything is optional, and a value of another type counts as missing, so that it
 * spoils neither the rest nor other projects.
 */
const Me = z.object({
  results: z.object({
    projects: z
      .record(z.string(), z.object({ name: MaybeText, timezone: MaybeText, domain: MaybeText }).catch({}))
      .nullish(),
  }),
})

/** What Mixpanel says about the project. */
export interface ProjectInfo {
  readonly name: string | undefined
  readonly timezone: string | undefined
  /** The host of its user interface, which shows the region. */
  readonly domain: string | undefined
}

/**
 * Asks Mixpanel about a project.
 * @throws MixloadError CREDENTIALS_REFUSED, or NOT_FOUND if the account cannot see this project.
 */
export async function askProject(client: MixpanelClient, projectId: string, signal: AbortSignal): Promise<ProjectInfo> {
  return chosenProject(await askProjects(client, signal), projectId)
}

/** Asks Mixpanel which projects the account can see, by their ids. @throws MixloadError */
export async function askProjects(
  client: MixpanelClient,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ProjectInfo>> {
  return visibleProjects(await client.json({ family: 'app', path: '/api/app/me', query: {} }, signal))
}

function visibleProjects(answer: unknown): ReadonlyMap<string, ProjectInfo> {
  assertOk(answer, 'GET /api/app/me')
  const me = Me.safeParse(answer)
  if (!me.success) {
    const message = 'The response to GET /api/app/me has an unexpected form. Please report this.'
    throw new MixloadError('BODY_UNREADABLE', message)
  }
  const projects = Object.entries(me.data.results.projects ?? {})
  return new Map(projects.map(([id, { name, timezone, domain }]) => [id, { name, timezone, domain }]))
}

/** The project in such an answer. @throws MixloadError NOT_FOUND, BODY_UNREADABLE */
export function projectIn(answer: unknown, projectId: string): ProjectInfo {
  return chosenProject(visibleProjects(answer), projectId)
}

/** One of the projects that an account sees. @throws MixloadError NOT_FOUND with their ids */
export function chosenProject(projects: ReadonlyMap<string, ProjectInfo>, projectId: string): ProjectInfo {
  const project = projects.get(projectId)
  if (project !== undefined) return project
  throw new MixloadError(
    'NOT_FOUND',
    `The service account does not see project ${projectId}. It sees: ${[...projects.keys()].join(', ') || 'none'}. Check the project id and the region.`,
  )
}

/** The time zone is worth only a few seconds: most projects load the same days in UTC. */
const TIME_ZONE_RETRIES: RetryPolicy = {
  retries: {
    NETWORK_FAILED: 2,
    CONNECTION_CUT: 2,
    SERVER_FAILED: 2,
    RATE_LIMITED: 2,
    BODY_TRUNCATED: 2,
    BODY_UNREADABLE: 2,
    QUERY_TIMEOUT: 2,
  },
  firstDelayMs: 1000,
  delayMaxMs: 5000,
}

/**
 * The project's time zone: the setting, else what Mixpanel says, else UTC. Only bad credentials end
 * the run here: whatever else is wrong will show when a stream is requested.
 */
export async function projectZone(
  { settings, onProgress, signal }: Pick<Session, 'settings' | 'onProgress' | 'signal'>,
  client: MixpanelClient,
): Promise<string> {
  if (settings.timezone !== undefined) return settings.timezone
  const assumeUtc = (why: string) => {
    if (settings.legacyTime) {
      throw new MixloadError('CONFIG_INVALID', `${why} With --legacy-time, set --timezone to the project's time zone.`)
    }
    const message = `${why} UTC is assumed; set --timezone to the project's time zone.`
    onProgress({ kind: 'warning', message })
    return 'UTC'
  }
  if (settings.serviceAccount === undefined || settings.projectId === undefined) {
    return assumeUtc('Mixpanel returns the time zone only to service accounts.')
  }
  try {
    const { projectId } = settings
    const ask = () => askProject(client, projectId, signal)
    const { timezone } = await retrying(TIME_ZONE_RETRIES, signal, ask, retryReporter(onProgress))
    if (timezone !== undefined && isZone(timezone)) return timezone
    if (timezone !== undefined && isOffset(timezone)) {
      const message = `Mixpanel returned ${timezone} as the time zone, an offset. Set --timezone to the project's time zone, such as Europe/Berlin.`
      throw new MixloadError('CONFIG_INVALID', message)
    }
    const returned = timezone === undefined ? 'no time zone' : `an unknown time zone, ${timezone}`
    return assumeUtc(`Mixpanel returned ${returned}.`)
  } catch (error) {
    if (!(error instanceof MixloadError) || isFailure(error, 'CREDENTIALS_REFUSED', 'CONFIG_INVALID')) throw error
    return assumeUtc(`Mixpanel could not be asked for the time zone (${messageOf(error)}).`)
  }
}

/** Where the days of this project begin. */
export function dayClock(zone: string, settings: Settings): DayClock {
  return { zone, daysAreLocal: settings.legacyTime }
}

/** The days from which and to which a command reads. */
export interface DaysToRead {
  readonly from: Day | undefined
  readonly last: Day
}

/** The days of the project that `from` and `to` mean. Without `to`, the last one is yesterday. */
export function daysToRead({ from, to }: Pick<Settings, 'from' | 'to'>, zone: string, now: number): DaysToRead {
  const today = dayInZone(now, zone)
  return {
    from: from === undefined ? undefined : dayOf(from, today),
    last: to === undefined ? yesterdayOf(zone, now) : dayOf(to, today),
  }
}

/** Yesterday in the project's time zone. */
export function yesterdayOf(zone: string, now: number): Day {
  return addDays(dayInZone(now, zone), -1)
}
