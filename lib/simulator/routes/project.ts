import { RateLimiter } from '../http/rate-limits.ts'
import { familyOf, type Reply, rateLimited, type SimulatorContext } from '../http/reply.ts'
import { projectClock } from '../stores/clock.ts'
import { EngageSessions } from '../stores/engage-sessions.ts'
import { EventStore } from '../stores/event-store.ts'
import { Identity } from '../stores/identity.ts'
import { DEFAULT_CREDENTIALS, type LexiconEntry, type SimulatorOptions } from '../stores/options.ts'
import { ProfileStore } from '../stores/profile-store.ts'
import { AnnotationStore, CohortStore, FunnelStore, RevenueStore } from '../stores/saved-objects.ts'

/** The largest body of an import. Mixpanel's documentation also says 10 MB. */
const IMPORT_BYTES_MAX = 2_097_152

const SESSION_SECONDS = 3600

/** The limit of concurrent query requests. */
const CONCURRENT_QUERIES = 5

/** The simulated project. */
export type Project = Awaited<ReturnType<typeof createProject>>

/** Returns a project without data, except for the events that are in the directory. */
export async function createProject(options: SimulatorOptions, directory: string) {
  const { requestsPerHour: perHour = 60, engage = {} } = options
  const clock = projectClock(options)
  const profiles = new ProfileStore()
  const lagMs = (options.rekeySeconds ?? 0) * 1000
  const groups = new Map<string, ProfileStore>()
  return {
    name: options.projectName ?? 'Simulated project',
    credentials: {
      projectId: options.projectId ?? DEFAULT_CREDENTIALS.projectId,
      serviceAccount: options.serviceAccount ?? DEFAULT_CREDENTIALS.serviceAccount,
      apiSecret: options.apiSecret ?? DEFAULT_CREDENTIALS.apiSecret,
      token: options.token ?? DEFAULT_CREDENTIALS.token,
    },
    clock,
    store: await EventStore.open(directory, clock),
    profiles,
    /** Returns the profiles of a group key, by its `data_group_id`. */
    groupProfiles(dataGroupId: string): ProfileStore {
      const store = groups.get(dataGroupId) ?? new ProfileStore()
      groups.set(dataGroupId, store)
      return store
    },
    groupKeys: options.groupKeys ?? {},
    identity: new Identity(options.identity ?? 'original', lagMs, (from, to) => profiles.merge(from, to)),
    cohorts: new CohortStore(),
    annotations: new AnnotationStore(),
    funnels: new FunnelStore(),
    lexicon: [] as LexiconEntry[],
    revenue: new RevenueStore(),
    annotationDates: options.annotationDates ?? 'offset',
    engage,
    sessions: new EngageSessions((engage.sessionSeconds ?? SESSION_SECONDS) * 1000),
    /** The current plan. */
    plan: options.plan ?? {},
    retryAfter: options.retryAfter ?? true,
    exportLimiter: new RateLimiter({
      perHour,
      perSecond: options.requestsPerSecond ?? 3,
      concurrent: options.concurrentExports ?? 100,
    }),
    queryLimiter: new RateLimiter({ perHour, perSecond: 0, concurrent: CONCURRENT_QUERIES }),
    importBytesMax: options.importBytesMax ?? IMPORT_BYTES_MAX,
    /** Determines the order of exported lines, together with the number of the export. */
    seed: options.seed ?? 1,
    exportCount: 0,
  }
}

/** Counts a request until its response has ended. Returns a 429 if it exceeds a limit. */
export function limitReply(context: SimulatorContext, project: Project): Reply | undefined {
  const limiter = limiterOf(context, project)
  const exceeded = limiter.start(Date.now())
  if (exceeded === undefined) {
    context.env.outgoing.once('close', () => limiter.end())
    return undefined
  }
  const retryAfter = project.retryAfter ? exceeded.retryAfter : undefined
  return rateLimited(context, project.credentials.projectId, limiter.limits, { ...exceeded, retryAfter })
}

/** Returns the 429 of a fault: the request is just over the hourly limit. */
export function faultLimitReply(context: SimulatorContext, project: Project, retryAfter: number | undefined): Reply {
  const { limits } = limiterOf(context, project)
  const exceeded = { running: 1, inLastHour: limits.perHour + 1, retryAfter }
  return rateLimited(context, project.credentials.projectId, limits, exceeded)
}

function limiterOf(context: SimulatorContext, project: Project): RateLimiter {
  return familyOf(context.req.path) === 'export' ? project.exportLimiter : project.queryLimiter
}
