import { z } from 'zod'
import { parseLossless } from '../../core/lossless-json.ts'
import type { PlanPart } from '../http/plan.ts'
import type { Reply, SimulatorContext } from '../http/reply.ts'
import type { EngageSession } from '../stores/engage-sessions.ts'
import type { ProfileProperties, ProfileStore } from '../stores/profile-store.ts'
import { seededRandom, shuffle } from '../stores/shuffle.ts'
import type { Where } from '../stores/where.ts'
import { holds } from '../stores/where-value.ts'
import type { Project } from './project.ts'
import {
  bytesReply,
  countParameter,
  jsonParameter,
  listParameter,
  type Parameters,
  QueryError,
  queryRoute,
  whereParameter,
} from './query-route.ts'

const PAGE_MAX = 1_000_000_000

const PAGE_SIZE = 1000
/** A guess; no such bound is documented. */
const PAGE_SIZE_MAX = 10_000

/** What a session is begun for; a later page has to repeat it. */
const QUERY_PARAMETERS = [
  'where',
  'distinct_id',
  'distinct_ids',
  'data_group_id',
  'filter_by_cohort',
  'include_all_users',
] as const

/** Mixpanel's own text for a page of a session that it does not have (any more). */
const NO_SESSION = 'request for page in uncached query for params'

/** `POST` and `GET /api/query/engage`, also under `/api/2.0/`: profiles, page by page. */
export function engageRoute(project: Project): (context: SimulatorContext) => Promise<Reply> {
  return queryRoute(project, partOf, (parameters, context) => {
    if (parameters.behaviors !== undefined) throw new QueryError('Error in behaviors: not simulated')
    const page = countParameter(parameters, 'page', 0, PAGE_MAX) ?? 0
    const fault = context.get('fault')
    if (fault?.kind === 'session-lost' && parameters.session_id !== undefined) {
      project.sessions.forget(parameters.session_id)
    }
    const session = page === 0 ? started(parameters, project) : continued(parameters, project)
    const profiles = storeOf(parameters, project)
    const repeated = (fault?.kind === 'repeat' ? fault.count : undefined) ?? project.engage.repeatedPerPage ?? 0
    const from = page * session.pageSize
    const first = page === 0 ? 0 : Math.max(0, from - repeated)
    const ids = session.distinctIds.slice(first, from + session.pageSize)
    if (fault?.kind === 'vanish') for (const id of ids.slice(0, fault.count)) profiles.delete(id)
    return pageReply(session, page, project, linesOf(ids, profiles, parameters, project))
  })
}

function partOf(parameters: Parameters): PlanPart {
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

function started(parameters: Parameters, project: Project): EngageSession {
  const pageSize = pageSizeOf(parameters, project, project.engage.pageSize ?? PAGE_SIZE)
  // Mixpanel promises no order.
  const distinctIds = shuffle(chosen(parameters, project), seededRandom(project.seed))
  return project.sessions.start({ query: queryText(parameters), distinctIds, pageSize }, Date.now())
}

function continued(parameters: Parameters, project: Project): EngageSession {
  const { session_id } = parameters
  if (!isGiven(session_id)) throw new QueryError('Missing required parameter: session_id')
  const session = project.sessions.find(session_id, queryText(parameters), Date.now())
  // A page of another size would not go with the ones before.
  if (session === undefined || pageSizeOf(parameters, project, session.pageSize) !== session.pageSize) {
    throw new QueryError(NO_SESSION)
  }
  return session
}

/** Profiles of a page: what the request asks for, but no more than is allowed. */
function pageSizeOf(parameters: Parameters, project: Project, otherwise: number): number {
  const wished = countParameter(parameters, 'page_size', 1, Number.MAX_SAFE_INTEGER) ?? otherwise
  return Math.min(wished, project.engage.pageSizeMax ?? PAGE_SIZE_MAX)
}

/** The ids that a query is about. */
function chosen(parameters: Parameters, project: Project): string[] {
  const profiles = storeOf(parameters, project)
  const where = whereParameter(parameters)
  const one = isGiven(parameters.distinct_id) ? [parameters.distinct_id] : undefined
  const named = listParameter(parameters, 'distinct_ids') ?? one
  const members = membersOf(parameters, project)
  const found: string[] = []
  for (const id of members ?? named ?? profiles.ids()) {
    if (members === undefined && !profiles.has(id)) continue
    if (where === undefined || isWanted(where, profiles.get(id) ?? {})) found.push(id)
  }
  return found
}

const cohortFilter = z.object({ id: z.coerce.number() })

/** The members of the cohort that a query asks for, with or without those that have no profile. */
function membersOf(parameters: Parameters, project: Project): Iterable<string> | undefined {
  const { filter_by_cohort } = parameters
  if (!isGiven(filter_by_cohort)) return undefined
  const { id } = jsonParameter(filter_by_cohort, 'filter_by_cohort', cohortFilter, 'a JSON object with an id')
  const cohort = project.cohorts.get(id)
  if (cohort === undefined) throw new QueryError(`Error in filter_by_cohort: no cohort ${id}`)
  if (includesAll(parameters)) return cohort.members
  const profiles = storeOf(parameters, project)
  return [...cohort.members].filter((member) => profiles.has(member))
}

/** Whether members without a profile are wanted: unless the request says no. */
function includesAll({ filter_by_cohort, include_all_users }: Parameters): boolean {
  return isGiven(filter_by_cohort) && !/^(?:false|0)$/i.test(include_all_users ?? '')
}

/** Whether an expression holds for a profile: `properties["…"]` and `user["…"]` are the same here. */
function isWanted(where: Where, properties: ProfileProperties): boolean {
  return holds(where, { event: '', properties, user: properties })
}

/** The lines of a page. Profiles that have gone since the session began are left out, so the page is shorter. */
function linesOf(ids: readonly string[], profiles: ProfileStore, parameters: Parameters, project: Project): Buffer[] {
  const names = listParameter(parameters, 'output_properties')
  const isAll = names === undefined || (names.length === 0 && project.engage.emptyOutputProperties === 'all')
  const isForAll = includesAll(parameters)
  return ids.flatMap((id) => {
    const line = profiles.line(id)
    if (line === undefined) return isForAll ? [Buffer.from(lineText(id, {}))] : []
    return [isAll ? line : withOnly(line, names)]
  })
}

/** The profile with some of its properties, in the profile's own order. */
function withOnly(line: Buffer, names: readonly string[]): Buffer {
  const profile = parseLossless(line.toString()) as { $distinct_id: unknown; $properties: object }
  const kept = Object.entries(profile.$properties).filter(([name]) => names.includes(name))
  return Buffer.from(lineText(profile.$distinct_id, Object.fromEntries(kept)))
}

function lineText(id: unknown, properties: object): string {
  return JSON.stringify({ $distinct_id: id, $properties: properties })
}

function pageReply({ id, pageSize, distinctIds }: EngageSession, page: number, project: Project, lines: Buffer[]) {
  const isWhole = page === 0 || project.engage.totalOnEveryPage === true
  const envelope = {
    page,
    ...(isWhole ? { page_size: pageSize } : {}),
    session_id: id,
    status: 'ok',
    ...(isWhole ? { total: distinctIds.length } : {}),
  }
  const parts: Buffer[] = [Buffer.from(`${JSON.stringify(envelope).slice(0, -1)},"results":[`)]
  for (const [index, line] of lines.entries()) parts.push(index === 0 ? EMPTY : COMMA, line)
  return bytesReply(Buffer.concat([...parts, END]))
}

const EMPTY = Buffer.alloc(0)
const COMMA = Buffer.from(',')
const END = Buffer.from(']}')
