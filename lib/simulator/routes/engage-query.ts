import { z } from 'zod'
import { parseLossless } from '../../core/lossless-json.ts'
import { type Reply, RouteError } from '../http/reply.ts'
import type { EngageSession } from '../stores/engage-sessions.ts'
import type { ProfileStore } from '../stores/profile-store.ts'
import { seededRandom, shuffle } from '../stores/random-order.ts'
import { isTrue } from '../stores/where-parser.ts'
import type { Query, QueryRequest } from './query.ts'

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
]

const COMMA = Buffer.from(',')

const cohortFilter = z.object({ id: z.coerce.number() })

/** `/api/query/engage`: profiles, page by page. */
export const engage: Query = {
  feature(request) {
    if (request.text('filter_by_cohort') !== undefined) return 'cohort_members'
    return request.text('data_group_id') === undefined ? 'engage' : 'groups'
  },
  answer(request) {
    const { project, parameters } = request
    if (parameters.behaviors !== undefined) throw new RouteError('Error in behaviors: not simulated')
    const page = request.count('page', 0, PAGE_MAX) ?? 0
    const fault = request.context.get('fault')
    if (fault?.kind === 'session-lost') project.sessions.forget(parameters.session_id ?? '')
    const session = page === 0 ? startSession(request) : findSession(request)
    const profiles = storeOf(request)
    const repeated = fault?.kind === 'repeat' ? fault.count : (project.engage.repeatedPerPage ?? 0)
    const from = page * session.pageSize
    const ids = session.distinctIds.slice(page === 0 ? 0 : Math.max(0, from - repeated), from + session.pageSize)
    if (fault?.kind === 'vanish') for (const id of ids.slice(0, fault.count)) profiles.delete(id)
    const hasTotal = page === 0 || project.engage.totalOnEveryPage === true
    const envelope = {
      page,
      ...(hasTotal ? { page_size: session.pageSize } : {}),
      session_id: session.id,
      status: 'ok',
      ...(hasTotal ? { total: session.distinctIds.length } : {}),
    }
    return pageReply(envelope, linesOf(ids, profiles, request))
  },
}

function storeOf(request: QueryRequest): ProfileStore {
  const { project } = request
  const dataGroupId = request.text('data_group_id')
  return dataGroupId === undefined ? project.profiles : project.groupProfiles(dataGroupId)
}

function queryText({ parameters }: QueryRequest): string {
  return JSON.stringify(QUERY_PARAMETERS.map((name) => parameters[name] ?? null))
}

function startSession(request: QueryRequest): EngageSession {
  const { sessions, engage, seed } = request.project
  const pageSize = pageSizeOf(request, engage.pageSize ?? PAGE_SIZE)
  // Mixpanel does not guarantee an order.
  const distinctIds = shuffle(matchingIds(request), seededRandom(seed))
  return sessions.start({ query: queryText(request), distinctIds, pageSize }, Date.now())
}

function findSession(request: QueryRequest): EngageSession {
  const id = request.text('session_id')
  if (id === undefined) throw new RouteError('Missing required parameter: session_id')
  const session = request.project.sessions.find(id, queryText(request), Date.now())
  // A page of another size would not fit the pages before it.
  if (session !== undefined && pageSizeOf(request, session.pageSize) === session.pageSize) return session
  throw new RouteError('request for page in uncached query for params')
}

function pageSizeOf(request: QueryRequest, defaultSize: number): number {
  return Math.min(request.count('page_size', 1) ?? defaultSize, request.project.engage.pageSizeMax ?? PAGE_SIZE_MAX)
}

function matchingIds(request: QueryRequest): string[] {
  const profiles = storeOf(request)
  const where = request.where()
  const single = request.text('distinct_id')
  const requested = request.list('distinct_ids') ?? (single === undefined ? profiles.ids() : [single])
  const ids = membersOf(request, profiles) ?? [...requested].filter((id) => profiles.has(id))
  if (where === undefined) return ids
  return ids.filter((id) => {
    const properties = profiles.get(id) ?? {}
    // Here `properties["…"]` and `user["…"]` are the same.
    return isTrue(where, { event: '', properties, user: properties })
  })
}

/** Returns the members of the requested cohort, with or without those that have no profile. */
function membersOf(request: QueryRequest, profiles: ProfileStore): string[] | undefined {
  if (request.text('filter_by_cohort') === undefined) return undefined
  const { id } = request.json('filter_by_cohort', cohortFilter, 'a JSON object with an id')
  const cohort = request.project.cohorts.get(id)
  if (cohort === undefined) throw new RouteError(`Error in filter_by_cohort: no cohort ${id}`)
  return [...cohort.members].filter((member) => includesAll(request) || profiles.has(member))
}

/** Whether members without a profile are included, which is the default. */
function includesAll(request: QueryRequest): boolean {
  return (
    request.text('filter_by_cohort') !== undefined && !/^(?:false|0)$/i.test(request.text('include_all_users') ?? '')
  )
}

/** Returns the profiles of a page, without those deleted since the session started. */
function linesOf(ids: readonly string[], profiles: ProfileStore, request: QueryRequest): Buffer[] {
  const names = request.list('output_properties')
  const isAll = names === undefined || (names.length === 0 && request.project.engage.emptyOutputProperties === 'all')
  const includesMissing = includesAll(request)
  return ids.flatMap((id) => {
    const line = profiles.line(id)
    if (line === undefined) return includesMissing ? [profileLine(id, {})] : []
    return [isAll ? line : pickProperties(line, names)]
  })
}

/** Returns a profile with some of its properties, in their original order. */
function pickProperties(line: Buffer, names: readonly string[]): Buffer {
  const profile = parseLossless(line.toString()) as { $distinct_id: unknown; $properties: object }
  const kept = Object.entries(profile.$properties).filter(([name]) => names.includes(name))
  return profileLine(profile.$distinct_id, Object.fromEntries(kept))
}

function profileLine(id: unknown, properties: object): Buffer {
  return Buffer.from(JSON.stringify({ $distinct_id: id, $properties: properties }))
}

function pageReply(envelope: object, lines: readonly Buffer[]): Reply {
  const start = Buffer.from(`${JSON.stringify(envelope).slice(0, -1)},"results":[`)
  const results = lines.flatMap((line, index) => (index === 0 ? [line] : [COMMA, line]))
  const body = Buffer.concat([start, ...results, Buffer.from(']}')])
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body }
}
