import { z } from 'zod'
import { parseLossless } from '../../core/lossless-json.ts'
import type { Route } from '../http/reply.ts'
import type { EngageSession } from '../stores/engage-sessions.ts'
import type { PlanFeature } from '../stores/pricing-plan.ts'
import type { ProfileProperties, ProfileStore } from '../stores/profile-store.ts'
import { seededRandom, shuffle } from '../stores/random-order.ts'
import type { Where } from '../stores/where.ts'
import { isTrue } from '../stores/where-value.ts'
import type { Project } from './project.ts'
import {
  bytesReply,
  countParameter,
  jsonParameter,
  listParameter,
  type Parameters,
  queryRoute,
  whereParameter,
} from './query-route.ts'
import { RouteError } from './route-error.ts'

const PAGE_MAX = 1_000_000_000

const PAGE_SIZE = 1000
/** A guess: no limit is documented. */
const PAGE_SIZE_MAX = 10_000

/** The parameters of a session, which every later page must repeat. */
const QUERY_PARAMETERS = [
  'where',
  'distinct_id',
  'distinct_ids',
  'data_group_id',
  'filter_by_cohort',
  'include_all_users',
] as const

/** Mixpanel's error for a page of a session that is unknown or has expired. */
const NO_SESSION = 'request for page in uncached query for params'

/** `POST` and `GET /api/query/engage`, also under `/api/2.0/`: profiles, page by page. */
export function engageRoute(project: Project): Route {
  return queryRoute(project, featureOf, (parameters, context) => {
    if (parameters.behaviors !== undefined) throw new RouteError('Error in behaviors: not simulated')
    const page = countParameter(parameters, 'page', 0, PAGE_MAX) ?? 0
    const fault = context.get('fault')
    if (fault?.kind === 'session-lost' && parameters.session_id !== undefined) {
      project.sessions.forget(parameters.session_id)
    }
    const session = page === 0 ? startSession(parameters, project) : findSession(parameters, project)
    const profiles = storeOf(parameters, project)
    const repeated = (fault?.kind === 'repeat' ? fault.count : undefined) ?? project.engage.repeatedPerPage ?? 0
    const from = page * session.pageSize
    const first = page === 0 ? 0 : Math.max(0, from - repeated)
    const ids = session.distinctIds.slice(first, from + session.pageSize)
    if (fault?.kind === 'vanish') for (const id of ids.slice(0, fault.count)) profiles.delete(id)
    return pageReply(session, page, project, linesOf(ids, profiles, parameters, project))
  })
}

function featureOf(parameters: Parameters): PlanFeature {
  if (isGiven(parameters.filter_by_cohort)) return 'cohort_members'
  return isGiven(parameters.data_group_id) ? 'groups' : 'engage'
}

function isGiven(parameter: string | undefined): parameter is string {
  return parameter !== undefined && parameter !== ''
}

function storeOf(parameters: Parameters, project: Project): ProfileStore {
  return isGiven(parameters.data_group_id) ? project.groupProfiles(parameters.data_group_id) : project.profiles
}

function queryText(parameters: Parameters): string {
  return JSON.stringify(QUERY_PARAMETERS.map((name) => parameters[name] ?? null))
}

function startSession(parameters: Parameters, project: Project): EngageSession {
  const pageSize = pageSizeOf(parameters, project, project.engage.pageSize ?? PAGE_SIZE)
  // Mixpanel does not guarantee an order.
  const distinctIds = shuffle(matchingIds(parameters, project), seededRandom(project.seed))
  return project.sessions.start({ query: queryText(parameters), distinctIds, pageSize }, Date.now())
}

function findSession(parameters: Parameters, project: Project): EngageSession {
  const { session_id } = parameters
  if (!isGiven(session_id)) throw new RouteError('Missing required parameter: session_id')
  const session = project.sessions.find(session_id, queryText(parameters), Date.now())
  // A page of another size would not fit the pages before it.
  if (session === undefined || pageSizeOf(parameters, project, session.pageSize) !== session.pageSize) {
    throw new RouteError(NO_SESSION)
  }
  return session
}

/** Returns the number of profiles per page, up to the maximum. */
function pageSizeOf(parameters: Parameters, project: Project, defaultSize: number): number {
  const requested = countParameter(parameters, 'page_size', 1, Number.MAX_SAFE_INTEGER) ?? defaultSize
  return Math.min(requested, project.engage.pageSizeMax ?? PAGE_SIZE_MAX)
}

/** Returns the ids of the profiles that match a query. */
function matchingIds(parameters: Parameters, project: Project): string[] {
  const profiles = storeOf(parameters, project)
  const where = whereParameter(parameters)
  const single = isGiven(parameters.distinct_id) ? [parameters.distinct_id] : undefined
  const requested = listParameter(parameters, 'distinct_ids') ?? single
  const members = membersOf(parameters, project)
  const found: string[] = []
  for (const id of members ?? requested ?? profiles.ids()) {
    if (members === undefined && !profiles.has(id)) continue
    if (where === undefined || matches(where, profiles.get(id) ?? {})) found.push(id)
  }
  return found
}

const cohortFilter = z.object({ id: z.coerce.number() })

/** Returns the members of the requested cohort, with or without those that have no profile. */
function membersOf(parameters: Parameters, project: Project): Iterable<string> | undefined {
  const { filter_by_cohort } = parameters
  if (!isGiven(filter_by_cohort)) return undefined
  const { id } = jsonParameter(filter_by_cohort, 'filter_by_cohort', cohortFilter, 'a JSON object with an id')
  const cohort = project.cohorts.get(id)
  if (cohort === undefined) throw new RouteError(`Error in filter_by_cohort: no cohort ${id}`)
  if (includesAll(parameters)) return cohort.members
  const profiles = storeOf(parameters, project)
  return [...cohort.members].filter((member) => profiles.has(member))
}

/** Whether members without a profile are included, which is the default. */
function includesAll({ filter_by_cohort, include_all_users }: Parameters): boolean {
  return isGiven(filter_by_cohort) && !/^(?:false|0)$/i.test(include_all_users ?? '')
}

/** Whether a profile matches; `properties["…"]` and `user["…"]` are the same here. */
function matches(where: Where, properties: ProfileProperties): boolean {
  return isTrue(where, { event: '', properties, user: properties })
}

/** Returns the profiles of a page, without those deleted since the session started. */
function linesOf(ids: readonly string[], profiles: ProfileStore, parameters: Parameters, project: Project): Buffer[] {
  const names = listParameter(parameters, 'output_properties')
  const isAll = names === undefined || (names.length === 0 && project.engage.emptyOutputProperties === 'all')
  const includesMissing = includesAll(parameters)
  return ids.flatMap((id) => {
    const line = profiles.line(id)
    if (line === undefined) return includesMissing ? [Buffer.from(profileJson(id, {}))] : []
    return [isAll ? line : pickProperties(line, names)]
  })
}

/** Returns a profile with some of its properties, in their original order. */
function pickProperties(line: Buffer, names: readonly string[]): Buffer {
  const profile = parseLossless(line.toString()) as { $distinct_id: unknown; $properties: object }
  const kept = Object.entries(profile.$properties).filter(([name]) => names.includes(name))
  return Buffer.from(profileJson(profile.$distinct_id, Object.fromEntries(kept)))
}

function profileJson(id: unknown, properties: object): string {
  return JSON.stringify({ $distinct_id: id, $properties: properties })
}

function pageReply({ id, pageSize, distinctIds }: EngageSession, page: number, project: Project, lines: Buffer[]) {
  const hasTotal = page === 0 || project.engage.totalOnEveryPage === true
  const envelope = {
    page,
    ...(hasTotal ? { page_size: pageSize } : {}),
    session_id: id,
    status: 'ok',
    ...(hasTotal ? { total: distinctIds.length } : {}),
  }
  const start = Buffer.from(`${JSON.stringify(envelope).slice(0, -1)},"results":[`)
  const results = lines.flatMap((line, index) => (index === 0 ? [line] : [COMMA, line]))
  return bytesReply(Buffer.concat([start, ...results, Buffer.from(']}')]))
}

const COMMA = Buffer.from(',')
